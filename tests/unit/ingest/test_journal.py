"""The journal: what was acknowledged is on disk until every sink has committed past it."""

from pathlib import Path

import pytest

from services.ingest.core.settlement import Round, Stage, advance
from services.ingest.journal import Journal, JournalledPublisher
from shared.contracts.codec import Outgoing, encode_activity
from shared.contracts.topics import POSTS_CLASSIFIED, POSTS_RECEIVED, REACTIONS_RECEIVED, RECORDS_REJECTED
from shared.errors import TransientError
from shared.stream.ports import Partition
from tests.builders import an_activity
from tests.fakes.log import FakeLog, FakePublisher

POSTS, REACTIONS = Partition(POSTS_RECEIVED.name, 0), Partition(REACTIONS_RECEIVED.name, 0)
CLASSIFIED, REJECTED = Partition(POSTS_CLASSIFIED.name, 0), Partition(RECORDS_REJECTED.name, 0)


def records(count: int, start: int = 0) -> list[Outgoing]:
    return [encode_activity(an_activity(f"web:{number}")) for number in range(start, start + count)]


def values(log: FakeLog) -> list[bytes]:
    return [record.value or b"" for record in log.all(POSTS_RECEIVED.name)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def test_what_was_published_goes_out_again_into_a_fresh_broker(path: Path) -> None:
    first = JournalledPublisher(FakePublisher(FakeLog(partitions=1)), Journal(path))
    first.publish(records(2_500))
    # The process dies here: nothing is closed.
    fresh = FakeLog(partitions=1)
    second = JournalledPublisher(FakePublisher(fresh), Journal(path))
    assert second.replay() == 2_500
    assert values(fresh) == [record.value for record in records(2_500)]
    assert fresh.all(POSTS_RECEIVED.name)[0].headers == records(1)[0].headers


def test_a_record_is_on_disk_before_the_broker_is_asked(path: Path) -> None:
    class Watching(FakePublisher):
        def publish(self, records: object) -> None:
            assert Journal(path).held() == 3
            raise TransientError("the broker is away")

    publisher = JournalledPublisher(Watching(FakeLog()), Journal(path))
    with pytest.raises(TransientError):
        publisher.publish(records(3))


def test_what_the_broker_may_not_hold_is_never_trimmed_and_is_published_again(path: Path) -> None:
    log = FakeLog(partitions=1)
    publisher = JournalledPublisher(FakePublisher(log, failures=1), Journal(path))
    with pytest.raises(TransientError):
        publisher.publish(records(4))
    publisher.publish(records(2, start=10))
    assert publisher.journal.acknowledged_through() == 0
    publisher.repair()
    assert publisher.journal.acknowledged_through() == 6
    assert {record.value for record in records(4)} <= set(values(log))
    publisher.repair()
    assert len(values(log)) == 2 + 2 + 4


def test_trimming_forgets_only_what_is_settled_and_numbers_go_on(path: Path) -> None:
    publisher = JournalledPublisher(FakePublisher(FakeLog(partitions=1)), Journal(path))
    publisher.publish(records(3))
    through = publisher.journal.acknowledged_through()
    publisher.publish(records(2, start=3))
    assert publisher.journal.trim(through) == 3
    assert publisher.journal.held() == 2
    publisher.journal.trim(10**9)
    publisher.publish(records(1))
    assert publisher.journal.acknowledged_through() == 6


def test_a_disk_that_cannot_be_written_is_a_transient_error_and_nothing_is_published(path: Path) -> None:
    log = FakeLog()
    journal = Journal(path)
    journal._connection.execute("PRAGMA query_only=ON")
    with pytest.raises(TransientError, match="check disk space"):
        JournalledPublisher(FakePublisher(log), journal).publish(records(1))
    assert values(log) == []


def test_an_entry_is_settled_only_when_every_sink_is_past_what_was_made_of_it() -> None:
    ends = {POSTS: 10, REACTIONS: 5, REJECTED: 0}
    held = Round(7, ends)
    nobody = advance(held, {}, {CLASSIFIED: 8})
    assert nobody == held
    half = advance(held, {"classify": {POSTS: 10}, "metrics": {REACTIONS: 4}}, {CLASSIFIED: 8})
    assert half == held
    received = advance(held, {"classify": {POSTS: 10}, "metrics": {REACTIONS: 5}}, {CLASSIFIED: 9})
    assert (received.stage, received.ends) == (Stage.CLASSIFIED, {CLASSIFIED: 9})
    queues_behind = {"metrics": {CLASSIFIED: 9}, "queues": {CLASSIFIED: 8}}
    assert advance(received, queues_behind, {CLASSIFIED: 20}) == received
    done = advance(received, {"metrics": {CLASSIFIED: 9}, "queues": {CLASSIFIED: 9}}, {CLASSIFIED: 20})
    assert (done.stage, done.through) == (Stage.SETTLED, 7)


def test_a_rejection_is_settled_when_it_is_stored() -> None:
    held = Round(1, {REJECTED: 3})
    assert advance(held, {"metrics-rejections": {REJECTED: 2}}, {}) == held
    assert advance(held, {"metrics-rejections": {REJECTED: 3}}, {}).stage is Stage.CLASSIFIED
