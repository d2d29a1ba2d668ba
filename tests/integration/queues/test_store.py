"""The SQL store on SQLite and PostgreSQL: any history in any batches, deletes, retries and old schemas."""

import json
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import exc, insert, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from services.queues.core.commands import Claim, Order
from services.queues.core.filters import Filter
from services.queues.core.fold import Fold, complaint
from services.queues.core.ports import Retry
from services.queues.core.positions import MAX_NUMBER, Cursor, Ordering
from services.queues.core.post import OPEN_STATES, Item, microseconds
from services.queues.core.priority import Ranking
from services.queues.store.dialect import open_engines
from services.queues.store.errors import translated
from services.queues.store.reader import SqlReader
from services.queues.store.rows import ALL_POSTS, UPDATED, row_from
from services.queues.store.schema import events, meta, metadata
from services.queues.store.setup import ADDED_IN_2, prepare
from services.queues.store.writer import SqlWriter
from shared.contracts.activity import Actor, Direction, Verb
from shared.contracts.configuration import Queues, ServiceLevel
from shared.errors import ConfigurationError, ContractError, EarshotError, PermanentError, TransientError
from tests.builders import NOON, a_classification, an_activity, classified
from tests.integration.queues.conftest import Place
from tests.unit.queues.histories import HISTORIES, Expected, Step, activity_of, naive

EVERYTHING = Filter(internal=True)


@contextmanager
def a_store(place: str, ranking: Ranking = Ranking()) -> Iterator[tuple[SqlWriter, SqlReader]]:  # noqa: B008  # frozen
    engines = open_engines(place)
    try:
        epoch = prepare(engines.writer, lambda: "0a1b2c3d", ranking)
        yield SqlWriter(engines.writer, ranking), SqlReader(engines.reader, epoch, ranking)
    finally:
        engines.close()


def held(reader: SqlReader) -> dict[str, Expected]:
    posts = reader.page(EVERYTHING, Ordering.NEWEST, after=None, limit=200, now_us=0).posts
    return {post.id: Expected(post.text, post.department, post.occurred_at_us, post.state or "") for post in posts}


def followed(reader: SqlReader) -> dict[str, tuple[int, str]]:
    """Return version and text of every item a client holds that has heard every event."""
    items: dict[str, tuple[int, str]] = {}
    for event in reader.events(0, 10_000):
        if event.change.payload is None:
            items.pop(event.change.id, None)
        else:
            heard = json.loads(event.change.payload)
            items[event.change.id] = (heard["version"], heard["text"])
    return items


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=HISTORIES, data=st.data())
def test_any_history_in_any_batches_leaves_what_a_naive_fold_says(
    new_place: Place, steps: list[Step], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder, a_store(new_place(Path(folder))) as (writer, reader):
        left = list(steps)
        while left:
            cut = data.draw(st.integers(1, len(left)))
            writer.apply([activity_of(step) for step in left[:cut]], 0)
            left = left[cut:]
        assert held(reader) == naive(steps)
        posts = reader.page(EVERYTHING, Ordering.NEWEST, after=None, limit=200, now_us=0).posts
        assert followed(reader) == {post.id: (post.version, post.text) for post in posts}
        counted = reader.queues(EVERYTHING, now_us=0)
        assert sum(each.new + each.claimed for each in counted) == sum(post.state in OPEN_STATES for post in posts)
        last = reader.bounds().last
        assert writer.apply([activity_of(step) for step in steps], 1) == 0
        assert reader.bounds().last == last


def test_what_was_deleted_is_in_no_event(place: str, tmp_path: Path) -> None:
    with a_store(place) as (writer, reader):
        writer.apply([classified(an_activity(text="a secret"))], 0)
        writer.apply([classified(an_activity(verb=Verb.DELETE))], 0)
        assert [(event.change.kind, event.change.payload) for event in reader.events(0, 10)] == [
            ("item", None),
            ("removed", None),
        ]
    if place.startswith("sqlite"):
        assert b"a secret" not in (tmp_path / "queues.db").read_bytes()
    assert not (tmp_path / "queues.db-wal").exists()


def test_old_events_are_dropped_and_sequences_go_on(place: str) -> None:
    with a_store(place) as (writer, reader):
        for number in range(5):
            writer.apply([classified(an_activity(f"web:{number}"))], 0)
        writer.forget(events_kept=2, answers_before_us=0)
        assert (reader.bounds().first, reader.bounds().last) == (4, 5)
        writer.apply([classified(an_activity("web:9"))], 0)
        assert reader.bounds().last == 6


def test_a_second_start_keeps_the_epoch_and_another_schema_is_refused(place: str) -> None:
    with a_store(place):
        pass
    engines = open_engines(place)
    assert prepare(engines.writer, lambda: "ffffffff", Ranking()) == "0a1b2c3d"
    with engines.writer.begin() as connection:
        connection.execute(update(meta).where(meta.c.name == "schema").values(value="0"))
    with pytest.raises(ContractError, match="schema 0"):
        prepare(engines.writer, lambda: "ffffffff", Ranking())
    engines.close()


VERSION_1 = (
    "CREATE TABLE posts (id TEXT NOT NULL PRIMARY KEY, item TEXT NOT NULL UNIQUE, version_order BIGINT NOT NULL, alive "
    "BOOLEAN NOT NULL, first_order BIGINT, occurred_at_us BIGINT NOT NULL, received_at_us BIGINT NOT NULL, direction "
    "TEXT NOT NULL, surface TEXT NOT NULL, channel TEXT NOT NULL, conversation TEXT NOT NULL, conversation_id TEXT, "
    "in_reply_to TEXT, account TEXT, owner_department TEXT, actor TEXT NOT NULL, text TEXT NOT NULL, language TEXT, "
    "url TEXT, department TEXT NOT NULL, intent TEXT NOT NULL, sentiment TEXT NOT NULL, probability DOUBLE NOT NULL, "
    "unsure BOOLEAN NOT NULL, suggested_department TEXT, suggested_intent TEXT, labelled_by TEXT, state TEXT, owner "
    "TEXT, lease_until_us BIGINT, snoozed_until_us BIGINT, version BIGINT NOT NULL)",
    "CREATE INDEX posts_facets ON posts (state, department)",
    "CREATE INDEX posts_conversation ON posts (conversation)",
    "CREATE TABLE meta (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)",
    "INSERT INTO meta VALUES ('schema', '1'), ('epoch', '0a1b2c3d')",
    "CREATE TABLE answers (principal TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, post TEXT, "
    "at_us BIGINT NOT NULL, PRIMARY KEY (principal, key))",
)


def test_a_database_of_version_1_is_brought_up_with_everything_in_it(tmp_path: Path) -> None:
    fold = Fold([], [])
    fold.apply(classified(an_activity(conversation_id="web:1")), 0)
    old = {name: value for name, value in row_from(fold.changes()[0][1]).items() if name not in ADDED_IN_2}
    with sqlite3.connect(tmp_path / "queues.db") as file:
        for statement in VERSION_1:
            file.execute(statement)
        file.execute(f"INSERT INTO posts VALUES ({','.join('?' * len(old))})", list(old.values()))  # noqa: S608
        file.execute("INSERT INTO answers VALUES ('key', 'once', 'f', ?, 0)", [json.dumps(old)])
    file.close()
    with a_store(f"sqlite:///{tmp_path}/queues.db") as (writer, reader):
        assert reader.epoch == "0a1b2c3d"
        (post,) = reader.page(EVERYTHING, Ordering.PRIORITY, after=None, limit=9, now_us=0).posts
        assert (post.actor_id, post.urgency, post.risk_us) == ("ann", 37, post.occurred_at_us + 3_600_000_000)
        again = Order(Claim(1), "ann", "key", None)
        item = writer.command(post.item, again, internal=True, now_us=0, retry=Retry("once", "key", "f"))
        assert isinstance(item, Item)
        assert (item.id, item.state) == ("web:1", "new")
        later = an_activity("web:2", conversation_id="web:1", occurred_at=NOON + timedelta(hours=2))
        ours = an_activity("web:3", direction=Direction.OUTBOUND, in_reply_to="web:1", occurred_at=NOON)
        writer.apply([classified(ours), classified(later)], 1)
        detail = reader.detail(post.item, internal=True)
        assert detail is not None
        assert [line.action for line in detail.history] == ["answered", "reopened"]
    with a_store(f"sqlite:///{tmp_path}/queues.db") as (_, reader):
        assert len(held(reader)) == 2


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    posts=st.lists(
        st.tuples(st.sampled_from(["outage", "praise"]), st.integers(0, 3_000), st.sampled_from([0, 50, 10**6]))
    ),
    now_minutes=st.integers(0, 4_000),
)
def test_the_database_and_the_core_agree_on_priority(
    new_place: Place, posts: list[tuple[str, int, int]], now_minutes: int
) -> None:
    ranking = Ranking(Queues(sla=(ServiceLevel(intent="outage", first_response_minutes=45),)))
    now_us = microseconds(NOON + timedelta(minutes=now_minutes))
    with tempfile.TemporaryDirectory() as folder, a_store(new_place(Path(folder)), ranking) as (writer, reader):
        for number, (intent, minutes, followers) in enumerate(posts):
            activity = an_activity(f"web:{number}", occurred_at=NOON + timedelta(minutes=minutes))
            heard = activity.model_copy(update={"actor": Actor(id=f"p{number}", followers=followers)})
            writer.apply([classified(heard, a_classification(intent=intent))], 0)
        found = reader.page(EVERYTHING, Ordering.PRIORITY, after=None, limit=200, now_us=now_us).posts
        priorities = [ranking.standing(post, now_us).priority for post in found]
        assert len(found) == len(posts)
        assert priorities == sorted(priorities, reverse=True)
        risky = sum(ranking.standing(post, now_us).at_risk for post in found)
        assert sum(each.at_risk for each in reader.queues(EVERYTHING, now_us=now_us)) == risky


def test_other_promises_rank_every_item_anew_at_the_next_start(place: str) -> None:
    with a_store(place) as (writer, _):
        writer.apply([classified(an_activity())], 0)
    with a_store(place, Ranking(Queues(sla=(ServiceLevel(first_response_minutes=10),)))) as (_, reader):
        (post,) = reader.page(EVERYTHING, Ordering.NEWEST, after=None, limit=9, now_us=0).posts
        assert post.due_us == post.occurred_at_us + 600_000_000


def test_any_cursor_that_can_be_sent_is_answered_and_pages_sort_alike_everywhere(place: str) -> None:
    with a_store(place) as (writer, reader):
        names = ["web:a_b", "web:aB", "web:ab", "web:ä", "web:2"]
        writer.apply([classified(an_activity(name)) for name in names], 0)
        for ordering in Ordering:
            for rank in (-MAX_NUMBER, 0, MAX_NUMBER):
                cursor = Cursor(ordering, 0, rank, MAX_NUMBER, "a" * 26)
                assert len(reader.page(EVERYTHING, ordering, after=cursor, limit=9, now_us=0).posts) in {0, 5}
        shown = [post.item for post in reader.page(EVERYTHING, Ordering.OLDEST, after=None, limit=9, now_us=0).posts]
        assert shown == sorted(shown)


def test_a_name_that_no_index_holds_is_refused_before_it_gets_there(place: str) -> None:
    widest = "\N{GRINNING FACE}" * 320
    with a_store(place) as (writer, reader):
        there = an_activity(widest, conversation_id=widest, actor=widest, in_reply_to=widest, text="a\x00b")
        assert complaint(classified(there)) is None
        writer.apply([classified(there)], 0)
        (post,) = reader.page(EVERYTHING, Ordering.NEWEST, after=None, limit=9, now_us=0).posts
        assert (post.id, post.text) == (widest, "a\N{REPLACEMENT CHARACTER}b")
    for refused in (an_activity(widest + "x"), an_activity(actor=widest + "x"), an_activity("web:\x00")):
        assert complaint(classified(refused)) is not None


@pytest.mark.parametrize(
    "url", ["nonsense", "mysql://there/db", "postgresql+asyncpg://there/db", "sqlite://", "sqlite:///:memory:"]
)
def test_an_unusable_address_is_named(url: str) -> None:
    with pytest.raises(ConfigurationError, match="QUEUES_DATABASE_URL"):
        open_engines(url)


def test_every_error_of_the_library_becomes_ours() -> None:
    def subclasses(kind: type[Exception]) -> Iterator[type[Exception]]:
        for each in kind.__subclasses__():
            yield each
            yield from subclasses(each)

    checked = 0
    for kind in {*subclasses(exc.DBAPIError)}:
        with pytest.raises(EarshotError) as caught, translated("test"):
            raise kind("SELECT secret", {"p": "secret"}, Exception("words"))
        assert "secret" not in str(caught.value)
        waiting = (exc.OperationalError, exc.InterfaceError)
        assert isinstance(caught.value, TransientError if issubclass(kind, waiting) else PermanentError)
        checked += 1
    assert checked >= 8
    with pytest.raises(TransientError), translated("test"):
        raise exc.TimeoutError("pool")


def test_a_missing_table_is_no_matter_of_waiting(place: str) -> None:
    with a_store(place) as (writer, reader):
        with writer.engine.begin() as connection:
            metadata.drop_all(connection)
        with pytest.raises(ContractError):
            reader.bounds()
        assert reader.problem() is not None


def test_every_table_and_statement_is_also_postgresql() -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    for table in metadata.sorted_tables:
        assert "CREATE TABLE" in str(CreateTable(table).compile(dialect=dialect))
    assert "BIGSERIAL" in str(CreateTable(events).compile(dialect=dialect))
    for statement in (ALL_POSTS, UPDATED, insert(events)):
        assert str(statement.compile(dialect=dialect))
