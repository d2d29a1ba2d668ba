"""The journal: what was acknowledged is on disk until every sink has committed past it."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from services.ingest.core.settlement import Round, Stage, advance
from services.ingest.journal import Journal, JournalledPublisher
from shared.contracts.codec import Outgoing, encode_activity
from shared.contracts.topics import POSTS_CLASSIFIED, POSTS_RECEIVED, REACTIONS_RECEIVED, RECORDS_REJECTED
from shared.errors import PermanentError, TransientError
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


def test_what_nobody_was_told_is_safe_is_not_kept_however_often_it_is_tried(path: Path) -> None:
    log = FakeLog(partitions=1)
    publisher = JournalledPublisher(FakePublisher(log), Journal(path))
    publisher.publish(records(2, start=10))
    log.away = True
    for _ in range(50):
        with pytest.raises(TransientError):
            publisher.publish(records(4))
    assert publisher.journal.held() == 2
    assert publisher.journal.acknowledged_through() == 2
    log.away = False
    publisher.publish(records(4))
    assert publisher.journal.held() == 6
    publisher.journal.trim(publisher.journal.acknowledged_through())
    assert publisher.journal.held() == 0


def test_what_is_on_its_way_is_not_trimmed(path: Path) -> None:
    journal = Journal(path)
    first, second = journal.append(records(3)), journal.append(records(2))
    journal.acknowledge(second)
    assert journal.acknowledged_through() == 0
    journal.acknowledge(first)
    assert journal.acknowledged_through() == 5


def test_a_torn_tail_is_cut_and_everything_before_it_is_there(path: Path) -> None:
    journal, log = Journal(path), path.with_name(path.name + "-wal")
    for number in range(9):
        journal.append(records(10, start=number * 10))
    safe = log.stat().st_size
    journal.append(records(10, start=90))
    written, whole = log.read_bytes(), [each.value for each in records(100)]
    for cut in range(safe, len(written) + 1, 997):
        # A power cut in the middle of the last write: the log is broken off, with something else behind.
        torn = path.parent / f"torn-{cut}" / path.name
        torn.parent.mkdir()
        shutil.copy(path, torn)
        torn.with_name(log.name).write_bytes(written[:cut] + b"\x5a" * 700)
        found = [each.value for page in Journal(torn).records() for each in page]
        assert found == whole[:90]
    assert [each.value for page in Journal(path).records() for each in page] == whole


def test_a_batch_that_rotted_is_left_out_and_the_rest_is_there(path: Path) -> None:
    journal = Journal(path)
    for number in range(3):
        journal.append(records(2, start=number * 2))
    with sqlite3.connect(path) as connection:
        connection.execute(
            "UPDATE batches SET content = CAST(substr(content, 1, 40) || x'00' || substr(content, 42) AS BLOB)"
            " WHERE first = 3"
        )
    kept = [each.value for page in Journal(path).records() for each in page]
    assert kept == [each.value for each in [*records(2), *records(2, start=4)]]


def test_a_file_that_is_no_journal_stops_the_start_and_says_what_to_do(path: Path) -> None:
    path.write_bytes(b"something else entirely " * 400)
    with pytest.raises(PermanentError, match="keep a copy, move it away"):
        Journal(path)


def test_a_full_disk_is_a_transient_error_and_room_again_is_enough(path: Path) -> None:
    log = FakeLog(partitions=1)
    publisher = JournalledPublisher(FakePublisher(log), Journal(path))
    publisher.publish(records(10))
    pages = publisher.journal._connection.execute("PRAGMA page_count").fetchone()[0]
    publisher.journal._connection.execute(f"PRAGMA max_page_count={pages + 2}")
    with pytest.raises(TransientError, match="full"):
        publisher.publish(records(1_000))
    assert publisher.journal.held() == 10
    publisher.journal._connection.execute("PRAGMA max_page_count=1000000")
    publisher.publish(records(1_000))
    assert len(values(log)) == 1_010


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
    sunk = advance(received, {"metrics": {CLASSIFIED: 9}, "queues": {CLASSIFIED: 9}}, {CLASSIFIED: 20, REJECTED: 4})
    assert (sunk.stage, sunk.ends) == (Stage.REJECTED, {REJECTED: 4})
    assert advance(sunk, {"metrics-rejections": {REJECTED: 3}}, {}) == sunk
    done = advance(sunk, {"metrics-rejections": {REJECTED: 4}}, {})
    assert (done.stage, done.through) == (Stage.SETTLED, 7)


def test_a_rejection_is_settled_when_it_is_stored() -> None:
    held = Round(1, {REJECTED: 3})
    assert advance(held, {"metrics-rejections": {REJECTED: 2}}, {}) == held
    assert advance(held, {"metrics-rejections": {REJECTED: 3}}, {}).stage is Stage.CLASSIFIED
