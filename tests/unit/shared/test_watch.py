"""What a loop tells: every metric moves for a real reason, every bad thing is logged with the ids of its record."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
import structlog
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from shared.contracts.codec import Outgoing, encode_activity
from shared.contracts.rejection import Reason, Rejection, reject
from shared.contracts.topics import POSTS_RECEIVED
from shared.errors import TransientError
from shared.service.following import LINES_PER_BATCH
from shared.service.lag import LagWatch
from shared.service.telemetry import Telemetry
from shared.service.watch import LoopWatch
from shared.stream.batching import BatchPolicy
from shared.stream.loop import Loop
from shared.stream.ports import Partition, Record
from shared.stream.retry import RetryPolicy
from tests.builders import NOON, an_activity
from tests.fakes.log import FakeLog, FakePublisher, FakeSource
from tests.waiting import eventually

TOPIC = POSTS_RECEIVED.name
SECRET_WORDS = "my card number is 4111"


@dataclass
class Handler:
    """Fails `failures` times, then stores; rejects what says so."""

    failures: int = 0
    stored: list[Record] = field(default_factory=list)

    def handle(self, records: Sequence[Record]) -> Sequence[Rejection]:
        if self.failures:
            self.failures -= 1
            raise TransientError("the store is away", retry_after_seconds=0)
        self.stored += records
        return [
            reject(Reason.TOO_LONG, "text", "expected less", origin=each.origin, raw=each.value or b"", at=NOON)
            for each in records
            if b"too long" in (each.value or b"")
        ]


@dataclass
class Watched:
    """A loop on a fake log with real telemetry."""

    handler: Handler = field(default_factory=Handler)
    log: FakeLog = field(default_factory=lambda: FakeLog(partitions=1))
    telemetry: Telemetry = field(default_factory=lambda: Telemetry("test"))

    def __post_init__(self) -> None:
        self.source = FakeSource(self.log, "g", [TOPIC])

    def append(self, text: str = "hello", trace: str | None = None, number: int = 1) -> Record:
        record = encode_activity(an_activity(f"web:{number}", text=text))
        headers = tuple(each for each in record.headers if each[0] != "traceparent")
        if trace is not None:
            headers += (("traceparent", trace.encode()),)
        return self.log.append(replace(record, headers=headers))

    def run(self) -> list[structlog.typing.EventDict]:
        """Run the loop until everything is committed; return what it logged."""
        loop = Loop(
            self.source, self.handler, FakePublisher(self.log), BatchPolicy(1_000, 1 << 20, 0), lambda: 1.0,
            LoopWatch(self.telemetry, "test"), RetryPolicy(0, 1, 0), idle_poll_seconds=0.001,
        )  # fmt: skip
        stop = threading.Event()
        with capture_logs() as lines:
            thread = threading.Thread(target=loop.run, args=(stop,))
            thread.start()
            ends = len(self.log.records[Partition(TOPIC, 0)])
            eventually(lambda: self.log.committed["g"].get(Partition(TOPIC, 0)) == ends, within_seconds=5)
            stop.set()
            thread.join(5)
        return list(lines)

    def value(self, sample: str, **labels: str) -> float | None:
        return self.telemetry.registry.get_sample_value(sample, labels)


def a_trace(number: int, *, sampled: bool = True) -> str:
    return f"00-{number:032x}-{number:016x}-{'01' if sampled else '00'}"


def test_handled_records_move_counter_batch_and_effect() -> None:
    watched = Watched()
    for number in range(3):
        watched.append(number=number)
    watched.run()
    assert watched.value("earshot_records_total", loop="test") == 3
    assert watched.value("earshot_batch_records_sum", loop="test") == 3
    assert watched.value("earshot_batch_seconds_count", loop="test") == 1
    assert watched.value("earshot_effect_seconds_count", loop="test") == 1


def test_a_rejection_is_counted_by_reason_and_logged_by_record_and_trace_without_its_words() -> None:
    watched = Watched()
    record = watched.append(f"too long {SECRET_WORDS}", a_trace(7, sampled=False))
    lines = watched.run()
    (line,) = [each for each in lines if each["event"] == "input rejected"]
    assert (line["record"], line["reason"], line["trace_id"]) == (record.origin, "too_long", f"{7:032x}")
    assert SECRET_WORDS not in str(lines)
    assert watched.value("earshot_rejections_total", reason="too_long") == 1


def test_a_failed_effect_is_counted_and_logged_with_its_records() -> None:
    watched = Watched(Handler(failures=2))
    first, last = watched.append(number=1), watched.append(trace=a_trace(9, sampled=False), number=2)
    lines = [each for each in watched.run() if each["event"] == "effect is tried again"]
    assert [each["attempt"] for each in lines] == [1, 2]
    assert {(each["first_record"], each["last_record"], each["records"]) for each in lines} == {
        (first.origin, last.origin, 2)
    }
    assert lines[0]["trace_ids"] == [f"{9:032x}"]
    assert watched.value("earshot_retries_total", loop="test") == 2
    assert watched.value("earshot_effect_seconds_count", loop="test") == 1


def test_a_sampled_record_is_followed_by_trace_record_and_activity_and_another_is_not() -> None:
    watched = Watched()
    watched.append(trace=a_trace(1, sampled=False), number=1)
    record = watched.append(trace=a_trace(2), number=2)
    lines = [each for each in watched.run() if each["event"] == "record handled"]
    assert [(each["trace_id"], each["record"], each["activity"]) for each in lines] == [
        (f"{2:032x}", record.origin, "web:2")
    ]


def test_a_batch_full_of_sampled_records_writes_a_bounded_number_of_lines() -> None:
    watched = Watched()
    for number in range(1, 101):
        watched.append(trace=a_trace(number), number=number)
    lines = watched.run()
    assert len([each for each in lines if each["event"] == "record handled"]) == LINES_PER_BATCH
    (rest,) = [each for each in lines if each["event"] == "more of the same"]
    assert rest["records"] == 100 - LINES_PER_BATCH


def test_records_left_to_a_new_owner_are_counted_and_named() -> None:
    telemetry = Telemetry("test")
    record = FakeLog().append(encode_activity(an_activity()))
    with capture_logs() as lines:
        LoopWatch(telemetry, "test").dropped([record])
    assert telemetry.registry.get_sample_value("earshot_revoked_records_total", {"loop": "test"}) == 1
    assert lines[0]["first_record"] == record.origin


def test_a_value_that_is_no_activity_is_followed_by_its_record_alone() -> None:
    watched = Watched()
    trace = (("traceparent", a_trace(5).encode()),)
    for value in (b"{", b"[1]", b'{"id": 5}'):
        watched.log.append(Outgoing(TOPIC, b"k", value, trace))
    lines = [each for each in watched.run() if each["event"] == "record handled"]
    assert [each.get("activity") for each in lines] == [None, None, None]
    assert len({each["record"] for each in lines}) == 3


def test_latency_is_told_for_every_record_of_a_batch() -> None:
    telemetry = Telemetry("test")
    telemetry.delivery_seconds.observe("sink", [0.01, 0.2, 0.2, 7, 5_000])
    telemetry.delivery_seconds.observe("sink", [0.05])
    shown = generate_latest(telemetry.registry).decode()
    for bound, number in (("0.05", 2), ("0.25", 4), ("5.0", 4), ("10.0", 5), ("1800.0", 5), ("+Inf", 6)):
        assert f'earshot_delivery_seconds_bucket{{le="{bound}",loop="sink"}} {float(number)}' in shown
    assert 'earshot_delivery_seconds_count{loop="sink"} 6.0' in shown
    assert telemetry.registry.get_sample_value("earshot_delivery_seconds_sum", {"loop": "sink"}) == pytest.approx(
        5_007.46
    )


@dataclass
class Positions:
    """What groups committed and where topics end."""

    committed_to: dict[Partition, int] = field(default_factory=dict)
    end: dict[Partition, int] = field(default_factory=dict)
    away: bool = False
    closed: int = 0

    def committed(self, group: str) -> dict[Partition, int]:
        assert group == "g"
        if self.away:
            raise TransientError("the broker is away")
        return self.committed_to

    def ends(self, topic: str) -> dict[Partition, int]:
        return {each: end for each, end in self.end.items() if each.topic == topic}

    def close(self) -> None:
        self.closed += 1


def test_lag_is_told_by_group_topic_and_partition_and_not_at_all_while_the_broker_is_away() -> None:
    telemetry, positions = (
        Telemetry("test"),
        Positions({Partition("t", 0): 4}, {Partition("t", 0): 10, Partition("t", 1): 3}),
    )
    watch = LagWatch(telemetry.lag, {"g": ["t"]}, positions, positions, every_seconds=0.01)

    def lag(partition: str) -> float | None:
        labels = {"group": "g", "topic": "t", "partition": partition}
        return telemetry.registry.get_sample_value("earshot_lag_records", labels)

    watch.start()
    eventually(lambda: (lag("0"), lag("1")) == (6, 3), within_seconds=5)
    positions.committed_to = {Partition("t", 0): 10, Partition("t", 1): 3}
    eventually(lambda: (lag("0"), lag("1")) == (0, 0), within_seconds=5)
    positions.away = True
    eventually(lambda: (lag("0"), lag("1")) == (None, None), within_seconds=5)
    positions.away = False
    eventually(lambda: lag("0") == 0, within_seconds=5)
    watch.stop()
