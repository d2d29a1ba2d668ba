"""Delay of the event stream: many readers in another process, next to one reader as the baseline.

Run: python -m tests.performance.bench_stream [readers] [events a second] [seconds]
"""

import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import quantiles
from typing import Final
from urllib.parse import urlsplit

from tests.builders import a_classification, an_activity, classified
from tests.conftest import ROOT
from tests.integration.queues.system import ALL, System, running

SENT: Final = re.compile(rb'"text":"([0-9.]+)"')
"""The text of a post is when it was sent."""


async def _read(port: int, seconds: float, delays: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /v1/stream HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {ALL}\r\n\r\n".encode())
    left = b""
    try:
        async with asyncio.timeout(seconds):
            # Whole pieces, searched once: a reader that splits lines in Python would measure itself.
            while piece := await reader.read(1 << 18):
                whole, _, left = (left + piece).rpartition(b"\n\n")
                now = time.time()
                delays += [now - float(sent) for sent in SENT.findall(whole)]
    except TimeoutError:
        pass
    writer.close()


async def _read_all(port: int, readers: int, seconds: float) -> list[float]:
    delays: list[float] = []
    await asyncio.gather(*(_read(port, seconds, delays) for _ in range(readers)))
    return delays


def _measure(system: System, readers: int, rate: int, seconds: float) -> tuple[int, float, float]:
    """Return how many events were heard, and the median and 95th percentile of their delays, in seconds."""
    port = urlsplit(system.url).port or 0
    arguments = [
        sys.executable,
        "-m",
        "tests.performance.bench_stream",
        "read",
        str(port),
        str(readers),
        str(seconds + 2),
    ]
    child = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE)
    system.until(lambda: system.service.hub.subscribers >= readers, within_seconds=30)
    started = time.monotonic()
    for number in range(int(rate * seconds)):
        time.sleep(max(0.0, started + number / rate - time.monotonic()))
        name = f"web:{readers}-{number}"
        system.send(classified(an_activity(name, text=f"{time.time():.6f}"), a_classification()))
    output, _ = child.communicate(timeout=seconds + 30)
    delays: list[float] = json.loads(output)
    cuts = quantiles(delays, n=20)
    return len(delays), cuts[9], cuts[18]


def main(readers: int = 500, rate: int = 100, seconds: int = 10) -> None:
    """Print both measurements and their ratio."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), stream_pace_seconds=0.1) as system:
        one = _measure(system, 1, rate, seconds)
        many = _measure(system, readers, rate, seconds)
    for count, (heard, median, p95) in ((1, one), (readers, many)):
        expected = count * rate * seconds
        told = f"heard {heard} of {expected}; p50 {median * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms"
        print(f"stream, {count} readers, {rate} events/s: {told}")
    print(f"stream, p95 of {readers} readers / of one: {many[2] / one[2]:.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["read"]:
        print(json.dumps(asyncio.run(_read_all(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))))
    else:
        main(*(int(each) for each in sys.argv[1:]))
