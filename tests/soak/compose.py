"""Brings docker-compose.yml up, replays posts, then rolls, kills and restarts every container under load, and compares.

    EARSHOT_PORT=18080 python -m tests.soak.compose --activities 20000 --rate 200

Needs Docker, Compose v2, the base images and root: a crash is SIGKILL to the process of a container, which Docker
restarts. Failed requests are counted per step and sent again only at the end. Exit code 1 when a count differs from
what it must be, or when a request failed while the four services were rolled.
"""

import argparse
import csv
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2

from tests.conftest import ROOT
from tests.waiting import eventually

SERVICES = ("ingest", "classify", "metrics", "queues")
STORES = ("clickhouse", "postgres", "kafka")
SENDERS = 64
SCALE = {"classify": 4, "ingest": 2, "metrics": 2, "queues": 2}
KEY = "key-of-the-soak"
CONFIGURATION = "organisation: {accounts: [{channel: web, id: acme, handle: acme, department: support, name: Acme}]}\n"
TEXTS = ("banking77", "vader_tweets")
CREATED = datetime(2026, 11, 20, 12, tzinfo=UTC)
Activity = dict[str, Any]


@dataclass
class Expected:
    """What the numbers must be: every identity once, deleted and undone ones nowhere."""

    posts: set[str] = field(default_factory=set)
    likes: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    def hear(self, activity: Activity) -> None:
        """Take in one activity; twice is once."""
        name = activity["native_id"]
        match activity["verb"]:
            case "create":
                self.posts.add(name)
            case "like":
                self.likes.add(name)
            case _:
                self.gone.add(name)

    def counts(self) -> dict[str, int]:
        """Return what metrics and queues must answer."""
        posts, likes = len(self.posts - self.gone), len(self.likes - self.gone)
        return {"mentions": posts, "likes": likes, "engagement": posts + likes, "items": posts}


def read_texts(folder: Path) -> list[str]:
    """Return real posts; the folder is shared data and stays out of the repository."""
    found: list[str] = []
    for name in TEXTS:
        with (folder / name / "data.tsv").open(encoding="utf-8") as file:
            found += [row["text"] for row in csv.DictReader(file, delimiter="\t") if row["text"]]
    return found


def post_of(name: str, text: str, at: datetime) -> Activity:
    """Return a post that mentions us."""
    return {
        "channel": "web", "native_id": name, "verb": "create", "occurred_at": at.isoformat(),
        "actor": {"id": f"by-{name}"}, "text": text, "mentions": ["acme"],
    }  # fmt: skip


def mix(texts: list[str], number: int, seed: int) -> list[Activity]:
    """Return `number` activities: posts, 20 % likes, 3 % deletes and 2 % undos, and 5 % of it all twice."""
    rng = random.Random(seed)
    made: list[Activity] = []
    posts: list[Activity] = []
    likes: list[Activity] = []
    while len(made) < number:
        draw, at = rng.random(), CREATED + timedelta(seconds=len(made))
        kind: Activity
        if draw < 0.05 and made:
            kind = rng.choice(made)
        elif draw < 0.08 and posts:
            taken = posts.pop(rng.randrange(len(posts)))
            kind = {key: taken[key] for key in ("channel", "native_id", "actor")} | {
                "verb": "delete", "occurred_at": (at + timedelta(hours=12)).isoformat(),
            }  # fmt: skip
        elif draw < 0.10 and likes:
            taken = likes.pop(rng.randrange(len(likes)))
            kind = {key: taken[key] for key in ("channel", "native_id", "actor", "account", "object_id")} | {
                "verb": "undo", "occurred_at": (at + timedelta(hours=12)).isoformat(),
            }  # fmt: skip
        elif draw < 0.30:
            kind = {
                "channel": "web", "native_id": f"like-{seed}-{len(made)}", "verb": "like",
                "occurred_at": at.isoformat(),
                "actor": {"id": f"fan-{len(made)}"}, "account": "acme", "object_id": "web:our-post",
            }  # fmt: skip
            likes.append(kind)
        else:
            kind = post_of(f"post-{seed}-{len(made)}", rng.choice(texts), at)
            posts.append(kind)
        made.append(kind)
    return made


@dataclass
class Composition:
    """The running composition as an operator handles it."""

    base: str
    environment: dict[str, str]

    def compose(self, *arguments: str) -> str:
        """Run docker compose and return what it wrote."""
        return self.run("docker", "compose", *arguments)

    def run(self, *arguments: str) -> str:
        """Run a program in the repository. Raises CalledProcessError after showing its words."""
        ended = subprocess.run(arguments, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)
        if ended.returncode:
            print(ended.stdout[-2000:], ended.stderr[-2000:], sep="\n", flush=True)
            ended.check_returncode()
        return ended.stdout

    def containers(self, service: str) -> list[str]:
        """Return the ids of a service's containers."""
        return self.compose("ps", "-q", service).split()

    def kill(self, container: str) -> None:
        """Crash it: SIGKILL to its process, from outside, so that Docker sees it die and restarts it."""
        os.kill(int(self.run("docker", "inspect", "-f", "{{.State.Pid}}", container)), signal.SIGKILL)

    def healthy(self, service: str, replicas: int) -> bool:
        """Tell whether all replicas of a service are healthy."""
        rows = [json.loads(line) for line in self.compose("ps", "--format", "json", service).splitlines()]
        return len(rows) == replicas and all(row["Health"] == "healthy" for row in rows)


@dataclass
class Client:
    """Posts through the front door and remembers what failed, by step."""

    base: str
    step: str = "before"
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    failed: list[Activity] = field(default_factory=list)
    slowest: dict[str, float] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    local: threading.local = field(default_factory=threading.local)

    @property
    def http(self) -> httpx2.Client:
        """One client a thread: a pool shared by many threads spends its time on its lock."""
        if not hasattr(self.local, "http"):
            headers = {"Authorization": f"Bearer {KEY}"}
            self.local.http = httpx2.Client(headers=headers, timeout=90, trust_env=False)
        held: httpx2.Client = self.local.http
        return held

    def send(self, activity: Activity) -> None:
        """Send one post once; whatever is not a 202 counts as failed."""
        began, step = time.monotonic(), self.step
        try:
            outcome = str(self.http.post(f"{self.base}/ingest/v1/activities", json=activity).status_code)
        except httpx2.HTTPError as error:
            outcome = type(error).__name__
        with self.lock:
            self.outcomes.setdefault(step, Counter())[outcome] += 1
            self.slowest[step] = max(self.slowest.get(step, 0.0), time.monotonic() - began)
            if outcome != "202":
                self.failed.append(activity)

    def send_all(self, activities: list[Activity]) -> None:
        """Send NDJSON until it is answered 202, as a client that replays does."""
        body = "\n".join(json.dumps(each) for each in activities)
        headers = {"Content-Type": "application/x-ndjson"}

        def taken() -> bool:
            try:
                answer = self.http.post(f"{self.base}/ingest/v1/activities", content=body, headers=headers)
            except httpx2.HTTPError:
                return False
            assert answer.status_code in {202, 503}, answer.text
            if answer.status_code == 202:
                assert answer.json()["accepted"] == len(activities), answer.text
            return answer.status_code == 202

        eventually(taken, within_seconds=180)

    def ask(self, path: str) -> Any:  # noqa: ANN401  # JSON
        """Return a JSON answer."""
        answer = self.http.get(self.base + path)
        answer.raise_for_status()
        return answer.json()

    def counts(self) -> dict[str, int]:
        """Return what metrics and queues say now."""
        series = self.ask("/metrics/v1/engagement?from=2026-11-01T00:00:00Z&to=2026-12-31T00:00:00Z&bucket=month")[
            "series"
        ]
        queues = self.ask("/queues/v1/queues")["queues"]
        names = ("mentions", "likes", "engagement")
        return {name: sum(row[name] for row in series) for name in names} | {
            "items": sum(row["new"] + row["claimed"] for row in queues)
        }


class Load:
    """Posts at a steady rate from the moment it is entered until it is left, whatever the answers do."""

    def __init__(self, client: Client, expected: Expected, texts: list[str], rate: float) -> None:
        self.client, self.expected, self.texts, self.rate = client, expected, texts, rate
        self.stop = threading.Event()
        self.pool = ThreadPoolExecutor(SENDERS)
        self.room = threading.Semaphore(4 * SENDERS)
        self.seconds = 0.0
        self.thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Load":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()
        self.pool.shutdown(wait=True)

    def _run(self) -> None:
        began, sent = time.monotonic(), 0
        # Where the machine cannot keep the rate, the load is what it can: `sent` stays behind what is due.
        while not self.stop.wait(0.02):
            due = int((time.monotonic() - began) * self.rate)
            for number in range(sent, due):
                text = self.texts[number % len(self.texts)]
                activity = post_of(f"load-{number}", text, datetime.now(UTC))
                if self.stop.is_set():
                    break
                self.room.acquire()
                self.expected.hear(activity)
                self.pool.submit(self.client.send, activity).add_done_callback(lambda _: self.room.release())
            sent = due
        self.seconds = time.monotonic() - began


def compare(client: Client, expected: Expected, what: str, within_seconds: float) -> bool:
    """Wait until the numbers are what they must be, print both and tell whether they are equal."""
    wanted, began = expected.counts(), time.monotonic()
    held: dict[str, int] = {}
    while time.monotonic() - began < within_seconds:
        try:
            held = client.counts()
        except httpx2.HTTPError as error:
            print(f"  asked in vain: {error!r}", flush=True)
        if held == wanted:
            break
        time.sleep(1)
    print(f"{what}: expected {wanted}, found {held} after {time.monotonic() - began:.0f} s", flush=True)
    return held == wanted


def exercise(composition: Composition, client: Client, settle_seconds: float) -> None:
    """Roll the services, crash one replica of each, crash and restart what keeps things, roll the front door."""

    def step(name: str) -> None:
        client.step = name
        print(f"{time.strftime('%H:%M:%S')} {name}", flush=True)

    for service in SERVICES:
        step(f"roll {service}")
        composition.run(str(ROOT / "deploy/compose/roll"), service)
    for service in SERVICES:
        step(f"SIGKILL one {service}")
        composition.kill(composition.containers(service)[0])
        eventually(lambda held=service: composition.healthy(held, SCALE[held]), within_seconds=240)  # type: ignore[misc]
    step("rest")
    time.sleep(settle_seconds)
    for store in STORES:
        step(f"restart {store}")
        composition.compose("restart", store)
        eventually(lambda held=store: composition.healthy(held, 1), within_seconds=240)  # type: ignore[misc]
        step(f"SIGKILL {store}")
        composition.kill(composition.containers(store)[0])
        eventually(lambda held=store: composition.healthy(held, 1), within_seconds=240)  # type: ignore[misc]
        step(f"after {store}")
        time.sleep(settle_seconds)
    step("reload the front door")
    composition.compose("exec", "-T", "front", "nginx", "-c", "/etc/earshot/nginx.conf", "-s", "reload")
    time.sleep(settle_seconds)
    step("restart the front door")
    composition.compose("restart", "front")
    time.sleep(settle_seconds)


def main() -> int:
    """Run it; 1 when something was lost, counted twice, or refused while services were rolled."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--activities", type=int, default=20_000)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--settle-seconds", type=float, default=10.0)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    options = parser.parse_args()
    port = os.environ.get("EARSHOT_PORT", "8000")
    configuration = ROOT / "build" / "soak-earshot.yaml"
    configuration.parent.mkdir(exist_ok=True)
    configuration.write_text(CONFIGURATION, encoding="utf-8")
    environment = os.environ | {
        "EARSHOT_PORT": port, "EARSHOT_API_KEY": KEY, "EARSHOT_CONFIG": str(configuration), "CLASSIFY_THREADS": "1",
    }  # fmt: skip
    composition = Composition(f"http://127.0.0.1:{port}", environment)
    began = time.monotonic()
    composition.compose(
        "up", "-d", "--wait", *(part for each in SCALE.items() for part in ("--scale", "=".join(map(str, each))))
    )
    print(f"up and healthy after {time.monotonic() - began:.0f} s: {SCALE}", flush=True)
    texts, client, expected = read_texts(options.data), Client(composition.base), Expected()
    replayed = mix(texts, options.activities, seed=7)
    began = time.monotonic()
    for start in range(0, len(replayed), 1_000):
        client.send_all(replayed[start : start + 1_000])
    print(f"{len(replayed)} activities answered 202 in {time.monotonic() - began:.1f} s", flush=True)
    for each in replayed:
        expected.hear(each)
    same = compare(client, expected, "replay", 600)
    with Load(client, expected, texts, options.rate) as load:
        exercise(composition, client, options.settle_seconds)
    sent = sum(sum(outcomes.values()) for outcomes in client.outcomes.values())
    print(
        f"{sent} posts in {load.seconds:.0f} s: {sent / load.seconds:.0f} posts/s, {options.rate:.0f} wanted",
        flush=True,
    )
    for name, outcomes in client.outcomes.items():
        print(f"  {name:<24} {dict(outcomes)} slowest {client.slowest[name]:.1f} s", flush=True)
    rolled = sum(
        sum(outcomes.values()) - outcomes["202"]
        for name, outcomes in client.outcomes.items()
        if name.startswith("roll ")
    )
    print(
        f"failed while rolling the services: {rolled}; failed at all, now sent again: {len(client.failed)}", flush=True
    )
    for start in range(0, len(client.failed), 1_000):
        client.send_all(client.failed[start : start + 1_000])
    same = compare(client, expected, "replay and load", 600) and same
    return 0 if same and not rolled else 1


if __name__ == "__main__":
    sys.exit(main())
