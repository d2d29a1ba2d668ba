"""Accepted to visible: posts at a steady rate through the whole embedded system, until queue and numbers show them.

Prints the median and the 95th percentile of the time from the 202 to the post's event in the live stream of the queues,
and from the 202 to the engagement answer that counts it; design.md section 10 asks for p95 < 1 s and < 2 s at 500/s.
"""

import json
import platform
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from tests.conftest import ROOT
from tests.e2e.conftest import ACME
from tests.e2e.system import ALL_TIME, KEY, System

POSTS_PER_SECOND = 500
SECONDS = 12
PER_REQUEST = 50
BEFORE = 200 + 2_000  # posts that warm the system up
HEADERS = {"Authorization": f"Bearer {KEY}"}


@dataclass
class Times:
    """When each post was accepted and shown, and how many were counted when (seconds, monotonic)."""

    accepted: dict[str, float] = field(default_factory=dict)
    shown: dict[str, float] = field(default_factory=dict)
    counted: list[tuple[float, int]] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)


def texts() -> list[str]:
    """Return the posts written for training, which are ours and like real ones."""
    path = ROOT / "services/classify/training/posts.jsonl"
    return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]


def a_post(number: int, text: str) -> dict[str, Any]:
    return {
        "channel": "web",
        "native_id": f"bench-{number}",
        "occurred_at": "2026-11-20T12:00:00Z",
        "actor": {"id": f"person{number % 997}"},
        "text": f"{text} #{number}",  # no two alike, so that no cache helps
        "mentions": ["acme"],
    }


def watch_stream(system: System, times: Times, ready: threading.Event) -> None:
    """Note when each item's event arrives in the live stream."""
    with httpx2.stream("GET", f"{system.base}/queues/v1/stream", headers=HEADERS, timeout=60) as answer:
        ready.set()
        for line in answer.iter_lines():
            if line.startswith("data:"):
                shown = json.loads(line[5:])
                times.shown.setdefault(str(shown.get("id")), time.monotonic())
            if times.done.is_set():
                return


def watch_numbers(system: System, times: Times) -> None:
    """Note how many posts the engagement answer counts, again and again."""
    while not times.done.is_set():
        series = system.get("/metrics/v1/engagement", **ALL_TIME)["series"]
        times.counted.append((time.monotonic(), sum(row["mentions"] for row in series)))
        times.done.wait(0.05)


def send(system: System, times: Times, first: int, count: int) -> None:
    """Send posts at the rate, noting when each was answered 202."""
    words = texts()
    began = time.monotonic()
    for start in range(first, first + count, PER_REQUEST):
        due = began + (start - first) / POSTS_PER_SECOND
        time.sleep(max(0.0, due - time.monotonic()))
        batch = range(start, start + PER_REQUEST)
        system.send(a_post(number, words[number % len(words)]) for number in batch)
        now = time.monotonic()
        times.accepted |= {f"web:bench-{number}": now for number in batch}


def burst(system: System) -> float:
    """Send 2,000 posts at once and return the seconds until every one is counted and queued."""
    words = texts()
    counted, queued = system.totals()["mentions"], queued_items(system)
    began = time.monotonic()
    system.send(a_post(20_000_000 + number, words[number % len(words)]) for number in range(2_000))
    while system.totals()["mentions"] < counted + 2_000 or queued_items(system) < queued + 2_000:
        time.sleep(0.1)
    return time.monotonic() - began


def queued_items(system: System) -> int:
    return sum(queue["new"] for queue in system.get("/queues/v1/queues")["queues"])


def percentiles(seconds: list[float]) -> str:
    cuts = statistics.quantiles(seconds, n=20)
    return f"p50 {statistics.median(seconds):.2f} s, p95 {cuts[18]:.2f} s, max {max(seconds):.2f} s"


def main() -> int:
    posts = POSTS_PER_SECOND * SECONDS
    print(f"machine: {platform.machine()}, {platform.python_implementation()} {platform.python_version()}; "
          f"{posts} posts at {POSTS_PER_SECOND}/s through the front door, Tansu, chDB, SQLite")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        system = System(Path(folder) / "home", ACME)
        began = time.monotonic()
        system.start()
        print(f"start to ready: {time.monotonic() - began:.1f} s")
        try:
            times, ready = Times(), threading.Event()
            warm = Times()
            send(system, warm, 10_000_000, 200)
            print(f"2,000 posts in one request, sent to all counted and queued: {burst(system):.1f} s")
            watchers = [
                threading.Thread(target=watch_stream, args=(system, times, ready), daemon=True),
                threading.Thread(target=watch_numbers, args=(system, times), daemon=True),
            ]
            for each in watchers:
                each.start()
            ready.wait(10)
            send(system, times, 0, posts)
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and (
                not times.accepted.keys() <= times.shown.keys() or times.counted[-1][1] < posts + BEFORE
            ):
                time.sleep(0.05)
            times.done.set()
            report(times, posts)
        finally:
            system.stop()
    return 0


def report(times: Times, posts: int) -> None:
    shown = [times.shown[each] - at for each, at in times.accepted.items() if each in times.shown]
    print(f"accepted to live queue ({len(shown)} of {posts}): {percentiles(shown)}")
    order = sorted(times.accepted.values())
    counted: list[float] = []
    for position, at in enumerate(order, start=1):
        seen = next((moment for moment, count in times.counted if count >= position + BEFORE and moment >= at), None)
        if seen is not None:
            counted.append(seen - at)
    print(f"accepted to engagement answer ({len(counted)} of {posts}): {percentiles(counted)}")


if __name__ == "__main__":
    sys.exit(main())
