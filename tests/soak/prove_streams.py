"""`python -m tests.soak.prove_streams`: 500 readers of one stream, 100 events a second, one machine: p95 below 1 s.

The real service on a real broker; readers are plain sockets in a process of their own. Every delivery to every reader
is timed from before the record is handed to the broker, and every reader must have heard every event once, in order.
"""

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path

import httpx2
import psutil

from shared.clock import utc_now
from shared.contracts.codec import activity_key, encode_classified
from shared.contracts.topics import TOPICS
from shared.stream.kafka import KafkaAddress, KafkaAdmin, KafkaPublisher
from tests.builders import an_activity, classified
from tests.conftest import ROOT, free_port, running_broker
from tests.waiting import eventually

KEY = "key-of-the-proof"
HEARD = re.compile(rb'"id":"web:(\d+)"')
LIMIT_SECONDS = 1.0
GRACE_SECONDS = 20.0
EVERY = 10
"""Events are published so many at a time: a burst as a platform's stream brings it."""


async def _reader(port: int, heard: list[tuple[int, float]], until: int, opened: asyncio.Event) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    writer.write(f"GET /v1/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode())
    rest = b""
    try:
        while len(heard) < until and (chunk := await reader.read(1 << 18)):
            now = time.time()  # compared with another process of this machine
            opened.set()
            text = rest + chunk
            # A name may be cut in two by the chunk's end: what follows the last whole line is looked at again.
            whole = text.rfind(b"\n") + 1
            heard += [(int(each), now) for each in HEARD.findall(text, 0, whole)]
            rest = text[whole:]
    finally:
        writer.close()


def read(port: int, readers: int, events: int, ready: str) -> list[list[tuple[int, float]]]:
    """Return, per reader, the events it heard and when; runs in a process of its own."""

    async def all_of_them() -> list[list[tuple[int, float]]]:
        heard: list[list[tuple[int, float]]] = [[] for _ in range(readers)]
        opened = [asyncio.Event() for _ in range(readers)]
        async with asyncio.TaskGroup() as tasks:
            reading = [
                tasks.create_task(_reader(port, one, events, flag)) for one, flag in zip(heard, opened, strict=True)
            ]
            for flag in opened:
                await flag.wait()
            await asyncio.to_thread(Path(ready).touch)
            _, late = await asyncio.wait(reading, timeout=events / 50 + GRACE_SECONDS)
            for task in late:
                task.cancel()
        return heard

    return asyncio.run(all_of_them())


def publish(servers: str, events: int, per_second: int) -> list[float]:
    """Publish posts at a rate; return when each was handed over."""
    publisher, sent = KafkaPublisher(KafkaAddress(servers, "proof")), []
    began, now = time.monotonic(), utc_now()
    text = "The belt on my bike has been making a grinding noise since the weekend, is it safe to keep riding? "
    for start in range(0, events, EVERY):
        time.sleep(max(0.0, began + start / per_second - time.monotonic()))
        posts = [
            classified(an_activity(f"web:{number}", text=text * 2, occurred_at=now + timedelta(microseconds=number)))
            for number in range(start, min(events, start + EVERY))
        ]
        sent += [time.time()] * len(posts)
        publisher.publish([encode_classified(each, key=activity_key(each)) for each in posts])
    publisher.close()
    return sent


def main() -> int:
    """Print what was measured; 1 when an event was missed or repeated, or p95 is over the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=500)
    parser.add_argument("--rate", type=int, default=100, help="events a second")
    parser.add_argument("--seconds", type=int, default=30)
    asked = parser.parse_args()
    events = asked.rate * asked.seconds
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = stack.enter_context(running_broker(folder))
        admin = KafkaAdmin(KafkaAddress(servers, "proof"))
        admin.create(TOPICS)
        admin.close()
        port = free_port()
        environment = os.environ | {
            "EARSHOT_HOME": str(folder), "EARSHOT_API_KEY": KEY, "HTTP_PORT": str(port), "KAFKA_ALONE": "true",
            "KAFKA_BOOTSTRAP_SERVERS": servers,
        }  # fmt: skip
        process = subprocess.Popen([sys.executable, "-m", "services.queues"], env=environment, cwd=ROOT)
        stack.callback(process.wait)
        stack.callback(process.kill)
        eventually(lambda: _is_ready(port), within_seconds=30)
        pool = stack.enter_context(ProcessPoolExecutor(1, mp_context=get_context("spawn")))
        ready = folder / "ready"
        reading = pool.submit(read, port, asked.readers, events, str(ready))
        eventually(ready.exists, within_seconds=60)
        service = psutil.Process(process.pid)
        before = service.cpu_times()
        sent = publish(servers, events, asked.rate)
        heard = reading.result()
        after = service.cpu_times()
    return _judge(asked, sent, heard, cpu_seconds=after.user + after.system - before.user - before.system)


def _is_ready(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200
    except httpx2.TransportError:
        return False


def _judge(
    asked: argparse.Namespace, sent: list[float], heard: list[list[tuple[int, float]]], cpu_seconds: float
) -> int:
    whole = sum(len({number for number, _ in one}) == len(one) == len(sent) for one in heard)
    delays = sorted(at - sent[number] for one in heard for number, at in one)
    p50, p95 = statistics.median(delays), delays[int(len(delays) * 0.95)]
    busy = cpu_seconds / (len(sent) / asked.rate)
    print(
        json.dumps(
            {
                "readers": asked.readers, "events": len(sent), "events_per_second": asked.rate,
                "deliveries": len(delays), "readers_with_every_event_once": whole,
                "delay_seconds": {"p50": round(p50, 3), "p95": round(p95, 3), "max": round(delays[-1], 3)},
                "service_cores": round(busy, 2), "load_1m": os.getloadavg()[0],
            }, indent=1,
        )
    )  # fmt: skip
    fine = whole == asked.readers and p95 < LIMIT_SECONDS
    print("OK" if fine else f"FAILED: expected every reader whole and p95 below {LIMIT_SECONDS} s")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
