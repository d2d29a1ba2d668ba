"""The activity index and the cursors on a real SQLite file, across processes' lives."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, exc, select

from services.ingest.core.known import Known
from services.ingest.cursors import Gap, LeaseLostError, SqlCursorStore
from services.ingest.database import CURSOR_HISTORY, open_database, translated
from services.ingest.index import SqlActivityIndex
from shared.contracts.activity import Direction, Surface, Verb
from shared.errors import EarshotError, TransientError

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LIKE = Known(
    id="bluesky:at://did:plc:ann/app.bsky.feed.like/1", verb=Verb.LIKE, actor="did:plc:ann",
    object_id="bluesky:at://did:plc:us/app.bsky.feed.post/1", conversation_id=None, channel="bluesky",
    surface=Surface.PUBLIC, direction=Direction.INBOUND, account="did:plc:us", department="marketing",
)  # fmt: skip


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ingest.db'}"


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = open_database(url)
    yield engine
    engine.dispose()


def test_what_was_remembered_is_found_by_the_next_process(engine: Engine, url: str) -> None:
    SqlActivityIndex(engine).put([LIKE, replace(LIKE, id="other", actor="did:plc:ben")], NOON)
    again = open_database(url)
    index = SqlActivityIndex(again)
    assert index.find([LIKE.id, "unknown"]) == {LIKE.id: LIKE}
    assert index.of_actor("bluesky", "did:plc:ann") == [LIKE]
    assert index.of_actor("mastodon", "did:plc:ann") == []
    again.dispose()


def test_the_same_id_again_replaces(engine: Engine) -> None:
    index = SqlActivityIndex(engine)
    index.put([LIKE], NOON)
    index.put([replace(LIKE, department="sales")], NOON)
    assert [each.department for each in index.find([LIKE.id]).values()] == ["sales"]


def test_thousands_of_ids_are_found_at_once(engine: Engine) -> None:
    index = SqlActivityIndex(engine)
    index.put([replace(LIKE, id=f"id-{number}") for number in range(1_200)], NOON)
    assert len(index.find(f"id-{number}" for number in range(2_000))) == 1_200
    assert index.find([]) == {}


def test_what_is_older_than_a_delete_is_likely_to_name_is_forgotten(engine: Engine) -> None:
    index = SqlActivityIndex(engine)
    index.put([replace(LIKE, id="old"), replace(LIKE, id="heard again")], NOON - timedelta(days=401))
    index.put([replace(LIKE, id="heard again"), replace(LIKE, id="new")], NOON - timedelta(days=1))
    assert index.forget(NOON - timedelta(days=400), now=NOON) == 1
    assert set(index.find(["old", "heard again", "new"])) == {"heard again", "new"}


def test_an_index_of_before_ages_were_kept_counts_from_the_first_look(url: str, tmp_path: Path) -> None:
    first = open_database(url)
    SqlActivityIndex(first).put([LIKE], NOON)
    first.dispose()
    with sqlite3.connect(tmp_path / "ingest.db") as connection:
        connection.execute("DROP INDEX ingest_activities_by_age")
        connection.execute("ALTER TABLE ingest_activities DROP COLUMN remembered_at_us")
    again = open_database(url)
    index = SqlActivityIndex(again)
    assert index.forget(NOON - timedelta(days=400), now=NOON) == 0
    assert index.find([LIKE.id]) == {LIKE.id: LIKE}
    assert index.forget(NOON + timedelta(days=1), now=NOON + timedelta(days=401)) == 1
    again.dispose()


def test_a_source_goes_on_where_it_stood(engine: Engine, url: str) -> None:
    store = SqlCursorStore(engine)
    assert store.latest("s") is None
    assert store.rewound("s", 60) is None
    store.save("s", "5", began="1", at=NOON)
    store.save("other", "x", began="x", at=NOON)
    again = open_database(url)
    latest = SqlCursorStore(again).latest("s")
    assert latest is not None
    assert (latest.cursor, latest.saved_at) == ("5", NOON)
    again.dispose()


@pytest.mark.parametrize(
    ("seconds", "cursor"), [(0, "600"), (1, "590"), (60, "540"), (65, "530"), (599, "start"), (7_200, "start")]
)
def test_a_rewind_goes_back_in_time_of_hearing(engine: Engine, seconds: float, cursor: str) -> None:
    store = SqlCursorStore(engine)
    for second in range(0, 601, 10):
        store.save("s", str(second), began="start", at=NOON + timedelta(seconds=second))
    found = store.rewound("s", seconds)
    assert found is not None
    assert found.cursor == cursor


def test_the_history_is_bounded_and_keeps_what_a_rewind_after_a_silence_needs(engine: Engine) -> None:
    store = SqlCursorStore(engine)
    for second in [*range(0, 60, 1), 40_000, 40_010]:
        store.save("s", str(second), began="start", at=NOON + timedelta(seconds=second))
    found = store.rewound("s", 600)
    assert found is not None
    assert found.cursor == "55"
    with engine.connect() as connection:
        assert len(connection.execute(select(CURSOR_HISTORY)).all()) == 3


def test_gaps_are_kept_once_and_in_order(engine: Engine) -> None:
    store = SqlCursorStore(engine)
    later = Gap(NOON + timedelta(hours=1), NOON + timedelta(hours=2), "cursor_too_old")
    guess, known = Gap(NOON, NOON, "cursor_too_old"), Gap(NOON, NOON + timedelta(minutes=5), "cursor_too_old")
    for gap in (later, guess, known):
        store.add_gap("s", gap)
    assert store.gaps("s") == [known, later]
    assert store.gaps("other") == []


def test_a_locked_database_is_a_passing_failure(engine: Engine) -> None:
    with pytest.raises(TransientError, match="away or busy"), translated("try"):
        raise exc.OperationalError("statement", {}, Exception("database is locked"))


def test_every_error_of_the_library_is_one_of_ours() -> None:
    raised = {
        each for each in vars(exc).values()
        if isinstance(each, type) and issubclass(each, exc.SQLAlchemyError) and not issubclass(each, Warning)
    }  # fmt: skip
    assert len(raised) > 20
    for error in raised:
        with pytest.raises(EarshotError), translated("try"):
            raise error.__new__(error) if not issubclass(error, exc.DBAPIError) else error("s", {}, Exception("x"))


def test_an_address_nobody_can_open_says_so() -> None:
    with pytest.raises(EarshotError, match="ingest's database"):
        open_database("sqlite:////no/such/folder/ingest.db")


def test_who_was_replaced_cannot_save_and_the_successor_goes_on_where_it_stood(engine: Engine, url: str) -> None:
    again = open_database(url)
    first, second = SqlCursorStore(engine), SqlCursorStore(again)
    old = first.take("s")
    first.save("s", "5", began="1", at=NOON, epoch=old)
    new = second.take("s")
    assert new > old
    with pytest.raises(LeaseLostError, match="taken s over"):
        first.save("s", "6", began="1", at=NOON, epoch=old)
    assert (latest := second.latest("s")) is not None
    assert latest.cursor == "5"
    second.save("s", "7", began="1", at=NOON, epoch=new)
    first.save("other", "1", began="1", at=NOON, epoch=first.take("other"))
    again.dispose()
