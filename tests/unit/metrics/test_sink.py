from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from services.metrics.core.columns import VersionBatch
from services.metrics.core.rows import Row
from services.metrics.sink import ActivitySink, RejectionSink
from shared.contracts.activity import ClassifiedActivity, Verb
from shared.contracts.codec import encode_activity, encode_classified, encode_rejection
from shared.contracts.rejection import Reason, reject
from shared.errors import TransientError
from shared.service.telemetry import Telemetry
from shared.stream.ports import Partition, Record
from tests.builders import NOON, an_activity, classified

POSTS, REACTIONS = Partition("posts.classified.v1", 0), Partition("reactions.received.v1", 2)


@dataclass
class FakeFacts:
    """Remembers ids; can be away."""

    ids: list[object] = field(default_factory=list)
    away: bool = False

    def begin(self, batch: VersionBatch) -> Callable[[], None]:
        return lambda: self.apply(batch)

    def apply(self, batch: VersionBatch) -> None:
        if self.away:
            raise TransientError("away")
        self.ids += batch.table["id"].to_pylist()


@dataclass
class FakeRejections:
    rows: list[Row] = field(default_factory=list)

    def keep(self, rows: Sequence[Row]) -> None:
        self.rows += rows


def a_record(value: bytes | None, *, offset: int = 0, partition: Partition = POSTS) -> Record:
    return Record(partition, offset, b"k", value)


def a_post(activity: ClassifiedActivity, *, offset: int = 0) -> Record:
    return a_record(encode_classified(activity, key=b"k").value, offset=offset)


def a_sink(facts: FakeFacts) -> ActivitySink:
    return ActivitySink(facts, lambda: NOON, Telemetry("metrics"), FakeRejections())


def test_posts_and_reactions_reach_the_facts_and_what_is_bad_comes_back_with_its_origin() -> None:
    facts = FakeFacts()
    like = encode_activity(an_activity("web:like", verb=Verb.LIKE)).value
    rejected = a_sink(facts).handle(
        [
            a_post(classified(an_activity("web:1"))),
            a_record(b'{"id": 1}', offset=1),
            a_record(None, offset=2),
            a_post(classified(an_activity("web:2", version=2**62)), offset=3),
            a_record(like, partition=REACTIONS, offset=9),
        ]
    )
    assert facts.ids == ["web:1", "web:like"]
    assert [each.origin for each in rejected] == [f"posts.classified.v1/0/{offset}" for offset in (1, 2, 3)]


def test_how_far_it_counted_is_known_per_partition_only_after_it_is_durable() -> None:
    facts = FakeFacts(away=True)
    sink = a_sink(facts)
    later = NOON + timedelta(seconds=5)
    records = [
        a_post(classified(an_activity("web:1", received_at=later))),
        a_post(classified(an_activity("web:2", received_at=NOON)), offset=1),
    ]
    with pytest.raises(TransientError):
        sink.handle(records)
    assert sink.counted_until == {}
    facts.away = False
    sink.handle(records)
    assert sink.counted_until == {POSTS: later}


def test_a_rejection_is_kept_as_a_row() -> None:
    kept = FakeRejections()
    value = encode_rejection(reject(Reason.TOO_LONG, "text", "too long", origin="http", raw="abc", at=NOON)).value
    assert RejectionSink(kept, lambda: NOON).handle([a_record(value)]) == ()
    assert kept.rows[0][2:] == ("too_long", "text", "too long", "http", "abc")


def test_a_record_that_is_no_rejection_is_kept_too_and_never_rejected_in_a_circle() -> None:
    kept = FakeRejections()
    assert RejectionSink(kept, lambda: NOON).handle([a_record(b"nonsense", offset=4), a_record(None, offset=5)]) == ()
    assert [row[2] for row in kept.rows] == ["invalid_record", "invalid_record"]
    assert kept.rows[0][5] == "posts.classified.v1/0/4"


def test_latency_is_told_from_receipt_and_apart_from_it_from_the_act() -> None:
    telemetry = Telemetry("metrics")
    sink = ActivitySink(FakeFacts(), lambda: NOON, telemetry, FakeRejections())
    long_ago = an_activity(occurred_at=NOON - timedelta(days=10), received_at=NOON - timedelta(seconds=3))
    sink.handle([a_post(classified(long_ago)), a_post(classified(long_ago), offset=1)])
    sample = telemetry.registry.get_sample_value
    assert sample("earshot_delivery_seconds_bucket", {"loop": "metrics", "le": "2.0"}) == 0
    assert sample("earshot_delivery_seconds_bucket", {"loop": "metrics", "le": "5.0"}) == 2
    assert sample("earshot_age_seconds_bucket", {"loop": "metrics", "le": "604800.0"}) == 0
    assert sample("earshot_age_seconds_sum", {"loop": "metrics"}) == 2 * 10 * 86_400
