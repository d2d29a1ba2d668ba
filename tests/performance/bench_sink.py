"""Kafka to durable rows: activities per second of the metrics sink, and where the processor time goes, on both brokers.

The whole way as the service runs it: consume, decode, insert, resolve, recompute, commit. The baseline is what the
contract alone takes to turn the same records into rows.

Run: python -m tests.performance.bench_sink [activities] [--only tansu|kafka]
"""

import argparse
import os
import random
import shutil
import subprocess
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import psutil
from clickhouse_connect.driver.client import Client

from services.metrics.app import settle_collector
from services.metrics.core.columns import VersionBatch, read
from services.metrics.core.rows import version_row
from services.metrics.settings import MetricsSettings
from services.metrics.sink import ActivitySink
from services.metrics.store import statements
from services.metrics.store.clickhouse import WRITE_SETTINGS, ClickHouseAddress, open_client
from services.metrics.store.migrate import migrate
from services.metrics.store.snapshots import ClickHouseSnapshots
from services.metrics.store.writer import ClickHouseFacts
from shared.clock import utc_now
from shared.contracts.activity import ClassifiedActivity, Verb
from shared.contracts.codec import Outgoing, decode, encode_activity, encode_classified
from shared.contracts.rejection import Rejection
from shared.contracts.topics import POSTS_CLASSIFIED, REACTIONS_RECEIVED, TOPICS
from shared.service.telemetry import Telemetry
from shared.service.watch import LoopWatch
from shared.stream.ahead import AheadLoop
from shared.stream.batching import BatchPolicy
from shared.stream.kafka import KafkaAddress, KafkaAdmin, KafkaPublisher, KafkaSource
from shared.stream.ports import Partition, Record
from tests.builders import NOON, a_classification, classified
from tests.conftest import ROOT, accepts, free_port, running_broker
from tests.performance.bench_metrics import DEPARTMENTS, INTENTS, SENTIMENTS, drawn_activity
from tests.waiting import eventually

SPENT: defaultdict[str, float] = defaultdict(float)
"""Seconds of work of each step: of the loop's thread in processor time, of the store's thread in wall time."""


@contextmanager
def spent(step: str, clock: Callable[[], float]) -> Iterator[None]:
    started = clock()
    yield
    SPENT[step] += clock() - started


@dataclass
class TimedSource(KafkaSource):
    done: threading.Event = field(default_factory=threading.Event)
    wanted: int = 0
    committed: dict[Partition, int] = field(default_factory=dict)

    def poll(self, timeout_seconds: float, max_records: int) -> Sequence[Record]:
        with spent("consume", time.thread_time):
            return super().poll(timeout_seconds, max_records)

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        SPENT["batches"] += 1
        with spent("commit", time.thread_time):
            super().commit(offsets)
        self.committed |= offsets
        if sum(self.committed.values()) >= self.wanted:
            self.done.set()


NAMES = {getattr(statements, name): name for name in dir(statements) if isinstance(getattr(statements, name), str)}


class TimedFacts(ClickHouseFacts):
    def _run(self, client: Client, text: str, stamp: int | None = None) -> None:
        with spent(f"store: {NAMES[text].lower()}", time.perf_counter):
            super()._run(client, text, stamp)

    def _insert_versions(self, client: Client, batch: VersionBatch) -> None:
        with spent("store: insert versions", time.perf_counter):
            super()._insert_versions(client, batch)


@dataclass
class TimedSink(ActivitySink):
    def prepare(self, records: Sequence[Record]) -> Callable[[], Sequence[Rejection]]:
        with spent("decode", time.thread_time):
            return super().prepare(records)


def drawn(count: int, days: int) -> list[Outgoing]:
    """Return records of a usual mix in the order of their time, as ingest and classify write them."""
    draw, made = random.Random(1), []
    for number in range(count):
        activity = drawn_activity(draw, number, NOON - timedelta(days=days) * (1 - number / count))
        if activity.verb is Verb.LIKE:
            made.append(encode_activity(activity))
            continue
        labels = a_classification(draw.choice(DEPARTMENTS), draw.choice(INTENTS), draw.choice(SENTIMENTS))
        made.append(encode_classified(classified(activity, labels), key=(activity.conversation_id or "").encode()))
    return made


def measure(name: str, servers: str, broker: psutil.Process, sent: list[Outgoing], folder: Path) -> None:
    """Print how fast a broker's records become durable rows."""
    kafka = KafkaAddress(servers, "bench", alone=True)
    admin, publisher = KafkaAdmin(kafka), KafkaPublisher(kafka)
    admin.create(TOPICS)
    for first in range(0, len(sent), 5_000):
        publisher.publish(sent[first : first + 5_000])
    publisher.close()
    address = ClickHouseAddress("", folder, f"bench_{name}")
    migrate(address)
    facts, telemetry, held = TimedFacts(address, "bench"), Telemetry("bench"), MetricsSettings()
    sink = TimedSink(facts, utc_now, telemetry, ClickHouseSnapshots(address))
    source = TimedSource(kafka, "bench", [POSTS_CLASSIFIED.name, REACTIONS_RECEIVED.name], wanted=len(sent))
    loop = AheadLoop(
        source, sink, publisher, BatchPolicy(held.batch_max_records, held.batch_max_bytes, held.batch_max_age_seconds),
        time.monotonic, LoopWatch(telemetry, "bench"), prepare=sink.prepare, executor=ThreadPoolExecutor(1),
    )  # fmt: skip
    SPENT.clear()
    stop, before = threading.Event(), sum(broker.cpu_times()[:2])
    started, worked = time.perf_counter(), time.process_time()
    thread = threading.Thread(target=loop.run, args=(stop,))
    thread.start()
    source.done.wait(150)
    seconds, work = time.perf_counter() - started, time.process_time() - worked
    brokers = sum(broker.cpu_times()[:2]) - before
    stop.set()
    thread.join()
    facts.close()
    show(name, loop.progress.handled, len(sent), seconds, work, brokers)
    prove(address, len(sent))


def show(name: str, handled: int, count: int, seconds: float, work: float, brokers: float) -> None:
    rate = f"{handled / seconds:,.0f} activities/s durable and committed"
    print(f"{name}: {rate} ({handled:,} of {count:,} in {seconds:.1f} s, {SPENT.pop('batches'):.0f} batches)")
    both = (work + brokers) * 1e6 / count
    print(f"  processor time {both:.1f} us each, the broker's {brokers * 1e6 / count:.1f} us in it:", end=" ")
    print(f"{2e6 / both:,.0f} a second where two processors do nothing else")
    for step, took in sorted(SPENT.items(), key=lambda each: -each[1]):
        kind = "wall" if step.startswith("store") else "processor"
        print(f"  {step:32} {took * 1e6 / count:6.2f} us ({kind})")


def prove(address: ClickHouseAddress, count: int) -> None:
    """Print that every activity is counted once."""
    client = open_client(address, dict(WRITE_SETTINGS), database=address.database)
    told = client.query("SELECT count(), countIf(alive) FROM activities FINAL").result_rows[0]
    by_cells = client.query(
        "SELECT sum(push + responses + own_replies + inbound_posts + announces + likes + follows) FROM cells FINAL"
        " WHERE grouping = 255"
    ).result_rows[0][0]
    client.close()
    print(f"  facts {told[0]:,}, alive {told[1]:,}, counted in cells {by_cells:,}; sent {count:,}")


def measure_baseline(sent: list[Outgoing]) -> None:
    """Print what turning bytes into columns costs by the contract alone, and by the sink's way."""
    values = [each.value for each in sent[:20_000]]
    started = time.process_time()
    read(values)
    fast = time.process_time() - started
    started = time.process_time()
    rows = [decode(ClassifiedActivity, value, origin="bench", at=NOON) for value in values]
    VersionBatch.of_rows([version_row(row) for row in rows if isinstance(row, ClassifiedActivity)])
    slow = time.process_time() - started
    print(
        f"decode: {fast * 1e6 / len(values):.1f} us each, by the contract alone {slow * 1e6 / len(values):.1f} us: "
        f"{slow / fast:.1f} times as long"
    )


@contextmanager
def apache_kafka(folder: Path) -> Iterator[tuple[str, psutil.Process] | None]:
    """Run Apache Kafka where its jars and Java are at hand, else give None."""
    home = Path(os.environ.get("EARSHOT_TEST_KAFKA", ROOT.parent / "shared" / "kafka"))
    if not (home / "start").exists() or shutil.which("java") is None:
        yield None
        return
    port = free_port()
    with (folder / "kafka.log").open("wb") as output:
        process = subprocess.Popen([home / "start", folder / "kafka", str(port)], stdout=output, stderr=output)
    try:
        eventually(lambda: accepts(port), within_seconds=90)
        yield f"127.0.0.1:{port}", psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait(10)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("activities", type=int, nargs="?", default=300_000)
    parser.add_argument("--days", type=int, default=5)
    parser.add_argument("--only", choices=("tansu", "kafka"))
    chosen = parser.parse_args()
    settle_collector()
    sent = drawn(chosen.activities, chosen.days)
    measure_baseline(sent)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if chosen.only != "kafka":
            with running_broker(folder) as servers:
                child = next(each for each in psutil.Process().children() if "broker" in each.cmdline())
                measure("tansu", servers, child, sent, folder / "clickhouse")
        if chosen.only != "tansu":
            with apache_kafka(folder) as running:
                if running is None:
                    print("kafka: not at hand; set EARSHOT_TEST_KAFKA and install Java 17")
                else:
                    measure("kafka", *running, sent, folder / "clickhouse")


if __name__ == "__main__":
    main()
