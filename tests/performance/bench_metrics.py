"""Rows per second of the metrics sink into a real engine, and how long an engagement answer takes against raw facts.

python -m tests.performance.bench_metrics [--activities N] [--batch N] [--curve 1 5 20] [--picture docs/query-curve.svg]
(bench_sink measures the sink from Kafka on.)
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from services.metrics.app import settle_collector
from services.metrics.core.definitions import COUNTERS
from services.metrics.core.ports import Statement
from services.metrics.core.query import Bucket, EngagementQuery, engagement
from services.metrics.painter import VegaPainter
from services.metrics.sink import ActivitySink
from services.metrics.store import statements
from services.metrics.store.clickhouse import WRITE_SETTINGS, ClickHouseAddress, open_client
from services.metrics.store.migrate import migrate
from services.metrics.store.reader import ClickHouseReader
from services.metrics.store.snapshots import ClickHouseSnapshots
from services.metrics.store.writer import ClickHouseFacts
from shared.clock import utc_now
from shared.contracts.activity import Activity, Direction, Verb
from shared.contracts.codec import encode_activity, encode_classified
from shared.service.telemetry import Telemetry
from shared.stream.ports import Partition, Record
from tests.builders import NOON, a_classification, an_activity, classified

DEPARTMENTS = ("support", "billing", "sales", "press", "people", "product")
INTENTS = ("question", "complaint", "praise", "request")
SENTIMENTS = ("negative", "neutral", "positive")
ACCOUNTS = ("acme", "acme_help", "acme_jobs")


def drawn_activity(draw: random.Random, number: int, at: datetime) -> Activity:
    """Return one of a usual mix: half likes, a third inbound posts, the rest ours."""
    share = draw.random()
    account = draw.choice(ACCOUNTS)
    common = {"account": account, "department": DEPARTMENTS[ACCOUNTS.index(account)]}
    person = f"did:plc:person{draw.randrange(50_000)}"
    parent = f"bluesky:at://p/{draw.randrange(max(0, number - 5_000), number + 1)}"
    post = f"bluesky:at://p/{number}"
    if share < 0.5:
        return an_activity(f"bluesky:at://l/{number}", verb=Verb.LIKE, occurred_at=at, actor=person, object_id=parent,
                           channel="bluesky", **common)  # type: ignore[arg-type]  # fmt: skip
    if share < 0.85:
        return an_activity(post, occurred_at=at, actor=person, channel="bluesky",
                           in_reply_to=parent if share < 0.6 else None, **common)  # type: ignore[arg-type]  # fmt: skip
    return an_activity(post, occurred_at=at, actor=account, direction=Direction.OUTBOUND, channel="bluesky",
                       in_reply_to=parent if share < 0.95 else None, **common)  # type: ignore[arg-type]  # fmt: skip


def records(count: int, days: int) -> list[Record]:
    """Return encoded records in the order of their time, spread over some days before NOON."""
    draw, made = random.Random(1), []
    for number in range(count):
        activity = drawn_activity(draw, number, NOON - timedelta(days=days) * (1 - number / count))
        labels = a_classification(draw.choice(DEPARTMENTS), draw.choice(INTENTS), draw.choice(SENTIMENTS))
        if activity.verb is Verb.LIKE:
            value, topic = encode_activity(activity).value, "reactions.received.v1"
        else:
            value, topic = encode_classified(classified(activity, labels), key=b"k").value, "posts.classified.v1"
        made.append(Record(Partition(topic, number % 4), number, b"k", value))
    return made


def milliseconds(action: Callable[[], object], times: int = 15) -> tuple[float, float]:
    """Return median and 95th percentile of an action's time."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        action()
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken), statistics.quantiles(taken, n=20, method="inclusive")[18]


def raw_answer() -> Statement:
    """Return the same counts straight from the facts, as without aggregates."""
    counts = ", ".join(f"countIf({condition}) AS {name}" for name, condition in COUNTERS.items())
    return Statement(
        f"SELECT toStartOfHour(minute) AS hour, department, {counts}, uniqExactIf(actor_hash, direction = 'inbound') "  # noqa: S608  # our own constants
        "FROM activities FINAL WHERE alive GROUP BY hour, department ORDER BY hour, department"
    )


def measure_sink(address: ClickHouseAddress, heard: list[Record], batch: int) -> None:
    """Print rows per second of decoding, storing, resolving and recomputing."""
    facts = ClickHouseFacts(address, "bench")
    sink = ActivitySink(facts, utc_now, Telemetry("bench"), ClickHouseSnapshots(address))
    sink.handle(heard[:100])
    started, worked = time.perf_counter(), time.process_time()
    for first in range(0, len(heard), batch):
        sink.handle(heard[first : first + batch])
    seconds, work = time.perf_counter() - started, time.process_time() - worked
    print(f"sink: {len(heard) / seconds:,.0f} activities/s ({len(heard):,} in {seconds:.1f} s, batches of {batch:,});")
    print(f"      {len(heard) / work:,.0f} activities per second of one processor's work")
    small, slow = milliseconds(lambda: sink.handle(heard[-100:]))
    print(f"sink: a batch of 100 takes {small:.0f} ms (p95 {slow:.0f} ms)")
    facts.close()


def measure_queries(address: ClickHouseAddress, days: int) -> tuple[float, float]:
    """Print the time of an engagement answer, and of the same counts from raw facts; returns p95 and raw median."""
    reader = ClickHouseReader(address, clients=1)
    query = EngagementQuery(NOON - timedelta(days=days), NOON, Bucket.HOUR, ("department",), internal=True)
    answer, slow = milliseconds(lambda: reader.fetch(engagement(query), "JSONEachRow"), times=40)
    raw, _ = milliseconds(lambda: reader.fetch(raw_answer(), "JSONEachRow"), times=3)
    print(
        f"query: {days} days by hour and department: {answer:.0f} ms (p95 {slow:.0f} ms); from raw facts {raw:.0f} ms,"
    )
    print(f"       {raw / answer:.1f} times as long")
    reader.close()
    return slow, raw


INVENT = """
INSERT INTO activities (minute, id_hash, id, department, owner_department, channel, channel_class, surface, account,
  intent, sentiment, resolved, alive, kind, direction, occurred_at, actor_hash, conversation_id, in_reply_to,
  answered_at, first_response_seconds)
SELECT toStartOfMinute(at), cityHash64(number), concat('bluesky:', toString(number)), department, department, 'bluesky',
  'social', 'public', 'acme', 'question', 'neutral', 1, 1, kind, if(kind = 'push', 'outbound', 'inbound'), at,
  cityHash64(number % 50000), '', '', NULL, NULL
FROM (
  SELECT number, toDateTime64({start:UInt32}, 6, 'UTC') + intDiv(number * 2592000, {count:UInt64}) AS at,
    ['support', 'billing', 'sales', 'press', 'people', 'product'][1 + cityHash64(number) % 6] AS department,
    ['like', 'like', 'reply', 'mention', 'push'][1 + cityHash64(number, 1) % 5] AS kind
  FROM numbers({count:UInt64})
)"""


def measure_curve(folder: Path, millions: list[int]) -> list[tuple[int, float, str]]:
    """Print what 30 days by hour and department cost with more and more activities stored, against raw rows."""
    points: list[tuple[int, float, str]] = []
    for number, size in enumerate(millions):
        started = time.perf_counter()
        address = ClickHouseAddress("", folder, f"curve_{number}")
        migrate(address)
        client = open_client(address, dict(WRITE_SETTINGS), database=address.database)
        start = int((NOON - timedelta(days=30)).timestamp())
        client.command(INVENT, parameters={"start": start, "count": size * 1_000_000})
        client.command("CREATE TABLE scratch_curve (part UInt8, value UInt64) ENGINE = Memory")
        for first in range(0, 43_200, 7_200):
            client.command("TRUNCATE TABLE scratch_curve")
            span = f"numbers({first}, 7201)"
            filled = f"SELECT {statements.MINUTES}, {start} + number * 60 FROM {span}"  # noqa: S608  # our own numbers
            client.command(f"INSERT INTO scratch_curve {filled}")
            for text in (statements.RECOMPUTE_MINUTES, statements.RECOMPUTE_HOURS, statements.RECOMPUTE_CELLS):
                client.command(text.format(scratch="scratch_curve"), parameters={"stamp": first + 1})
        client.close()
        print(f"{size} million activities, stored and recomputed in {time.perf_counter() - started:.0f} s:")
        slow, raw = measure_queries(address, 30)
        points += [(size, slow, "stored answers, p95"), (size, raw, "raw facts, median")]
    return points


def picture(points: list[tuple[int, float, str]]) -> bytes:
    """Return the curve as SVG."""
    spec = {
        "title": "30 days by hour and department", "width": 480, "height": 280,
        "data": {"values": [{"millions": size, "ms": took, "from": name} for size, took, name in points]},
        "mark": {"type": "line", "point": True},
        "encoding": {
            "x": {"field": "millions", "type": "quantitative", "title": "activities stored, millions"},
            "y": {"field": "ms", "type": "quantitative", "scale": {"type": "log"}, "title": "milliseconds"},
            "color": {"field": "from", "type": "nominal", "title": None},
        },
    }  # fmt: skip
    return VegaPainter().picture(spec, "svg")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--activities", type=int, default=200_000)
    parser.add_argument("--batch", type=int, default=50_000)
    parser.add_argument("--days", type=int, default=5)
    parser.add_argument("--curve", type=int, nargs="*", default=[1, 5, 20], help="millions of activities")
    parser.add_argument("--picture", type=Path, help="where to write the curve as SVG")
    chosen = parser.parse_args()
    settle_collector()
    heard = records(chosen.activities, chosen.days)
    with tempfile.TemporaryDirectory() as folder:
        address = ClickHouseAddress("", Path(folder) / "clickhouse", "earshot")
        migrate(address)
        measure_sink(address, heard, chosen.batch)
        measure_queries(address, chosen.days)
        points = measure_curve(address.path, chosen.curve)
        if chosen.picture:
            chosen.picture.write_bytes(picture(points))


if __name__ == "__main__":
    main()
