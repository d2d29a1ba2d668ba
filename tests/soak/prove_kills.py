"""Replays a seeded mix while random processes are killed, and compares everything stored with a naive fold of the mix.

    python -m tests.soak.prove_kills --place embedded --activities 200000 --kills 100

A client sends batches of NDJSON and sends a batch again until it is answered 202, as any client must. Prints what it
compared; exit code 1 when anything differs.
"""

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import psutil

from deploy.embedded.stopping import unread
from tests.e2e.system import System
from tests.soak.expected import Differences, compare_answers, compare_facts, compare_items, heard, labels
from tests.soak.places import Place, place
from tests.soak.workload import Submission, Workload, real_texts
from tests.waiting import eventually

BATCH = 250
BACK_SECONDS = 90


@dataclass
class Killer:
    """Kills seeded processes one after the other, each at a random instant after the one before is back, or sooner."""

    place: Place
    chance: random.Random
    kills: int
    done: int = 0
    killed: Counter[str] = field(default_factory=Counter)
    failure: BaseException | None = None

    def run(self) -> None:
        try:
            while self.done < self.kills:
                self._one()
        except BaseException as error:  # noqa: BLE001  # told by the main thread
            self.failure = error

    def _one(self) -> None:
        time.sleep(self.chance.uniform(0.1, 3))
        victims = self.place.victims
        name = self.chance.choice(sorted(victims))
        try:
            victims[name]()
        except (AssertionError, psutil.NoSuchProcess):
            return  # it is being started again; another one dies instead
        self.done += 1
        self.killed[name] += 1
        if self.done % 10 == 0:
            print(f"  {self.done} of {self.kills} killed: {dict(self.killed)}", flush=True)
        if self.chance.random() < 0.7:  # else the next one dies while this one is still away
            eventually(self.place.system.ready, within_seconds=BACK_SECONDS, every_seconds=0.2)


def send_until_taken(system: System, lines: Sequence[Submission], refused: Counter[str]) -> None:
    """Send a batch until it is answered 202. Raises AssertionError for an answer that no outage explains."""
    content = "\n".join(json.dumps(each) for each in lines).encode()
    while True:
        try:
            answer = system.post(content, media_type="application/x-ndjson")
        except httpx2.HTTPError as error:
            refused[type(error).__name__] += 1
        else:
            if answer.status_code == 202:
                assert answer.json() == {"accepted": len(lines), "rejected": []}, answer.text[:500]
                return
            assert answer.status_code in {502, 503, 504}, (answer.status_code, answer.text[:500])
            refused[str(answer.status_code)] += 1
        time.sleep(0.3)


def replay(where: Place, lines: Sequence[Submission], kills: int, chance: random.Random) -> None:
    """Send everything while processes die; the sending keeps pace with the dying, so that both end together."""
    killer = Killer(where, chance, kills)
    thread = threading.Thread(target=killer.run)
    thread.start()
    refused: Counter[str] = Counter()
    for start in range(0, len(lines), BATCH):
        while thread.is_alive() and killer.done < kills * start / len(lines) - 1:
            time.sleep(0.05)
        send_until_taken(where.system, lines[start : start + BATCH], refused)
    thread.join()
    if killer.failure is not None:
        raise killer.failure
    print(
        f"  {killer.done} killed: {dict(killer.killed)}; not answered 202 and sent again: {dict(refused)}", flush=True
    )


def settle(where: Place, within_seconds: float) -> float:
    """Wait until every group has read everything, and return the seconds that took."""
    began = time.monotonic()
    eventually(where.system.ready, within_seconds=BACK_SECONDS)
    eventually(lambda: unread(where.bootstrap_servers) == 0, within_seconds=within_seconds, every_seconds=2)
    return time.monotonic() - began


def compare(where: Place, lines: Sequence[Submission]) -> Differences:
    """Compare answers, then stop the system and compare what its stores hold."""
    known = labels(where.system, (line["text"] for line in lines if "text" in line))
    activities = list(heard(lines, known))
    differences = Differences()
    compare_answers(where.system, activities, differences)
    code = where.system.stop()
    assert code == 0, f"the launcher ended with {code}"
    compare_facts(where.store, activities, differences)
    compare_items(where.system.home / "queues" / "queues.db", activities, differences)
    return differences


def main() -> int:
    """Run one proof."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--place", choices=("embedded", "kafka"), default="embedded")
    parser.add_argument("--activities", type=int, default=200_000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--texts", type=int, default=20_000, help="distinct texts")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder to leave everything in; else a temporary one")
    told = parser.parse_args()
    lines = list(Workload(told.seed, real_texts(told.texts, told.seed)).lines(told.activities))
    verbs = Counter(line.get("verb", "create") for line in lines)
    print(f"{told.place}: {len(lines)} activities {dict(verbs)}, {told.kills} kills, seed {told.seed}", flush=True)
    if told.keep:
        told.keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary, place(told.place, told.keep or Path(temporary)) as where:
        where.system.start(within_seconds=90)
        began = time.monotonic()
        replay(where, lines, told.kills, random.Random(told.seed))
        print(f"  sent in {time.monotonic() - began:.0f} s", flush=True)
        seconds = settle(where, 900 + len(lines) / 50)
        print(f"  settled {seconds:.0f} s later", flush=True)
        differences = compare(where, lines)
    print(f"{differences.compared} values compared, {differences.found} differ")
    return 1 if differences.found else 0


if __name__ == "__main__":
    sys.exit(main())
