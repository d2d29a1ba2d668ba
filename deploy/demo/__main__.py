"""`python -m deploy.demo`: writes the story so far, starts the system with it, and keeps it going."""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from deploy.demo.company import CONFIGURATION
from deploy.demo.story import DAYS, history
from deploy.embedded import leash
from shared.clock import utc_now
from shared.contracts.activity import wire_time

HOME: Final = Path(os.environ.get("EARSHOT_HOME") or ".earshot/demo")


@dataclass(frozen=True)
class Written:
    """What stands in a demo's folder: its configuration, and how many activities were added now."""

    configuration: Path
    added: int


def write_demo(folder: Path, now: datetime, days: int = DAYS) -> Written:
    """Write earshot.yaml and the history that it replays; a later start adds what was said since the last one."""
    folder.mkdir(parents=True, exist_ok=True)
    mark, lines = folder / "story.json", folder / "history.jsonl"
    held = json.loads(mark.read_text(encoding="utf-8")) if mark.exists() else {}
    began = datetime.fromisoformat(held["began"]) if held else now
    after = datetime.fromisoformat(held["until"]) if held else None
    told = [json.dumps(each, ensure_ascii=False) + "\n" for each in history(began, after, now, days)]
    with lines.open("a" if held else "w", encoding="utf-8") as file:
        file.writelines(told)
    (folder / "earshot.yaml").write_text(CONFIGURATION, encoding="utf-8")
    mark.write_text(json.dumps({"began": wire_time(began), "until": wire_time(now)}), encoding="utf-8")
    return Written((folder / "earshot.yaml").absolute(), len(told))


def main() -> None:
    """Write the demo, leave somebody behind who keeps it going, and become the launcher."""
    parser = argparse.ArgumentParser(prog="python -m deploy.demo", description=__doc__)
    parser.add_argument("--days", type=int, default=DAYS, help="how many days of history, at most 14")
    arguments, launcher = parser.parse_known_args()
    written = write_demo(HOME, utc_now(), min(DAYS, max(1, arguments.days)))
    sys.stdout.write(f"Fernhill Bikes does not exist; {written.added:,} activities of its last days are replayed.\n")
    sys.stdout.flush()
    os.environ["EARSHOT_CONFIG"] = str(written.configuration)
    os.environ["EARSHOT_HOME"] = str(HOME.absolute())
    # The process stays the same when it becomes the launcher, so the leash holds.
    on_leash = [sys.executable, "-I", "-S", str(Path(leash.__file__)), str(os.getpid())]
    subprocess.Popen([*on_leash, sys.executable, "-m", "deploy.demo.live"])
    os.execv(sys.executable, [sys.executable, "-m", "deploy.embedded", *launcher])  # noqa: S606  # ourselves


if __name__ == "__main__":
    main()
