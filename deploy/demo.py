"""`python -m deploy.demo`: starts Earshot with an invented company and replays two days of its posts."""

import json
import os
import random
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from shared.clock import utc_now
from shared.contracts.activity import wire_time

HOME: Final = Path(os.environ.get("EARSHOT_HOME", ".earshot/demo"))
SEED: Final = 20_261_201
POSTS: Final = 600
SPAN: Final = timedelta(hours=48)
CONFIGURATION: Final = """# Written by `make demo`: Fernhill Bikes does not exist.
organisation:
  accounts:
    - {channel: web, id: fernhill, handle: fernhill, department: support, name: Fernhill Bikes}
    - {channel: web, id: fernhill-news, handle: fernhill-news, department: marketing, name: Fernhill News}
sources:
  - {name: demo, type: replay, path: demo.jsonl, speed: max}
"""
SAID: Final = (
    "The brakes on my new Fernhill squeal since the first rain, what can I do?",
    "Charged twice for the same order, please look into it.",
    "Love the colour of the new commuter bike!",
    "Where is my parcel? It was due on Monday.",
    "Your shop is down again, I cannot check out.",
    "Do you sell child seats that fit the old frame?",
    "I want to cancel my service plan.",
    "Please delete my account and everything you hold about me.",
    "Is there still an opening for a mechanic in the north shop?",
    "It would be great if the app showed the tyre pressure.",
    "Thanks to the team, repaired within a day.",
    "Third time the app logs me out in the middle of a ride. Fix it.",
)
ANSWERED: Final = (
    "Sorry about that, we have sent you a message with the next steps.",
    "Thank you, we have passed it on to the workshop.",
    "We are looking into it and will be back within the hour.",
)
ANNOUNCED: Final = (
    "Spring sale: ten percent off all commuter bikes until Sunday.",
    "New in our shops: panniers made from old tents.",
    "Join the Saturday ride, eight o'clock at the old mill.",
)


def activities(now: datetime) -> Iterator[dict[str, Any]]:
    """Yield the posts and reactions of the two days before `now`; the same seed gives the same days."""
    chance = random.Random(SEED)  # noqa: S311  # a story, not a secret
    for number in range(POSTS):
        at = now - SPAN * (1 - number / POSTS)
        kind = chance.random()
        if kind < 0.06:
            yield _post(f"push-{number}", "fernhill-news", chance.choice(ANNOUNCED), at)
            continue
        yield _post(f"post-{number}", f"rider-{chance.randrange(150)}", chance.choice(SAID), at, mentions=["fernhill"])
        if kind < 0.55:
            reply_at = min(now, at + timedelta(minutes=chance.randrange(2, 240)))
            answer = _post(f"answer-{number}", "fernhill", chance.choice(ANSWERED), reply_at)
            yield answer | {"in_reply_to": f"web:post-{number}", "conversation_id": f"web:post-{number}"}
        if kind > 0.8:
            liked = {"verb": "like", "object_id": f"web:post-{number}", "account": "fernhill"}
            yield _act(f"like-{number}", f"rider-{chance.randrange(150)}", at) | liked


def _act(native_id: str, actor: str, at: datetime) -> dict[str, Any]:
    return {"channel": "web", "native_id": native_id, "actor": {"id": actor}, "occurred_at": wire_time(at)}


def _post(native_id: str, actor: str, text: str, at: datetime, **more: object) -> dict[str, Any]:
    return _act(native_id, actor, at) | {"text": text, "language": "en"} | more


def write_demo(folder: Path, now: datetime) -> Path:
    """Write earshot.yaml and the file it replays, once: a second start goes on where the first ended."""
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "earshot.yaml"
    if not configuration.exists():
        lines = (json.dumps(each) for each in activities(now))
        (folder / "demo.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        configuration.write_text(CONFIGURATION, encoding="utf-8")
    return configuration.absolute()


def main() -> None:
    """Write the demo and become the launcher."""
    os.environ["EARSHOT_CONFIG"] = str(write_demo(HOME, utc_now()))
    os.environ["EARSHOT_HOME"] = str(HOME.absolute())
    os.execv(sys.executable, [sys.executable, "-m", "deploy.embedded", *sys.argv[1:]])  # noqa: S606  # ourselves


if __name__ == "__main__":
    main()
