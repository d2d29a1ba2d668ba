"""Several replicas on one PostgreSQL: nothing is done twice, and each stream shows what any of them did, in order."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from services.queues.core.priority import Ranking
from services.queues.store.dialect import Engines, open_engines
from services.queues.store.reader import SqlReader
from services.queues.store.setup import prepare
from services.queues.store.writer import SqlWriter
from shared.contracts.activity import ClassifiedActivity, Verb
from shared.contracts.topics import LABELS_CORRECTED
from tests.builders import NOON, an_activity, classified
from tests.integration.queues.postgresql import PostgreSql
from tests.integration.queues.system import Json, System, running, stream
from tests.waiting import eventually


@pytest.fixture
def place(postgresql: PostgreSql) -> str:
    return postgresql.fresh()


@contextmanager
def replica(place: str) -> Iterator[tuple[SqlWriter, SqlReader, Engines]]:
    engines = open_engines(place)
    try:
        epoch = prepare(engines.writer, lambda: "0a1b2c3d", Ranking())
        yield SqlWriter(engines.writer, Ranking()), SqlReader(engines.reader, epoch, Ranking()), engines
    finally:
        engines.close()


@contextmanager
def two(tmp_path: Path, place: str) -> Iterator[tuple[System, System]]:
    with running(tmp_path, database_url=place) as one, running(tmp_path, database_url=place, log=one.log) as other:
        yield one, other


def edited(name: str) -> ClassifiedActivity:
    later = NOON + timedelta(minutes=1)
    return classified(an_activity(name, verb=Verb.UPDATE, occurred_at=later, text=f"{name} again"))


def waiting_for_the_feed(engines: Engines) -> int:
    query = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    with engines.reader.begin() as connection:
        return int(connection.execute(query).scalar_one())


def test_an_event_that_commits_late_is_not_overtaken_by_a_higher_position(place: str) -> None:
    """The danger: A takes position 2, B takes 3 and commits, a stream tells 3 and goes on, A commits and is missed."""
    with replica(place) as (writer, reader, engines), ThreadPoolExecutor(2) as pool:
        writer.apply([classified(an_activity("web:late"))], 0)
        with engines.reader.connect() as held:
            # An edit writes its event, then its line of history: here it waits with its position taken.
            held.execute(text("LOCK TABLE history IN SHARE MODE"))
            late = pool.submit(writer.apply, [edited("web:late")], 1)
            eventually(lambda: _taken(engines) == 2, within_seconds=5)
            early = pool.submit(writer.apply, [classified(an_activity("web:early"))], 1)
            # Alone, this one needs no history and could commit at once.
            eventually(lambda: waiting_for_the_feed(engines) == 1, within_seconds=5)
            assert [event.sequence for event in reader.events(0, 9)] == [1]
            held.rollback()
        assert (late.result(5), early.result(5)) == (1, 1)
        assert [(event.sequence, event.change.id) for event in reader.events(1, 9)] == [
            (2, "web:late"),
            (3, "web:early"),
        ]


def _taken(engines: Engines) -> int:
    with engines.reader.begin() as connection:
        return int(connection.execute(text("SELECT last_value FROM events_sequence_seq")).scalar_one())


def test_followers_of_any_replica_see_every_event_once_and_in_order_while_all_write(place: str) -> None:
    with replica(place) as (first, reader, _), replica(place) as (second, other_reader, _):
        done = threading.Event()

        def write(writer: SqlWriter, start: int) -> None:
            for number in range(start, start + 30):
                writer.apply([classified(an_activity(f"web:{number}"))], 0)
                writer.apply([edited(f"web:{number}")], 1)

        def follow(source: SqlReader) -> list[tuple[int, str, int]]:
            seen: list[tuple[int, str, int]] = []
            while True:
                ending = done.is_set()
                fresh = source.events(seen[-1][0] if seen else 0, 7)
                told = ((each.sequence, each.change.id, json.loads(each.change.payload or "{}")) for each in fresh)
                seen += [(sequence, name, item["version"]) for sequence, name, item in told]
                if ending and not fresh:
                    return seen

        with ThreadPoolExecutor(6) as pool:
            followers = [pool.submit(follow, each) for each in (reader, other_reader)]
            writers = [pool.submit(write, each, start) for each in (first, second) for start in (0, 30)]
            try:
                for each in writers:
                    each.result(60)
            finally:
                done.set()
            heard = [each.result(20) for each in followers]
    assert heard[0] == heard[1]
    assert [sequence for sequence, _, _ in heard[0]] == sorted({sequence for sequence, _, _ in heard[0]})
    # Both writers wrote the same posts: each post entered once and was edited once.
    assert Counter((name, version) for _, name, version in heard[0]) == {
        (f"web:{number}", version): 1 for number in range(60) for version in (1, 2)
    }


def test_two_replicas_are_one_service(tmp_path: Path, place: str) -> None:
    with two(tmp_path, place) as (one, other):
        start = other.get("/v1/items")["position"]
        with stream(other) as live:
            next(live)
            one.send(classified(an_activity("web:1")))
            heard = next(live)
            assert (heard.event, heard.data["id"]) == ("item", "web:1")
            path = f"/v1/items/{heard.data['item']}"

            def claim(number: int) -> Json:
                system = (one, other)[number % 2]
                return system.post(f"{path}/claim", {"agent": f"agent {number}"}, if_match='"1"')

            with ThreadPoolExecutor(16) as pool:
                answers = list(pool.map(claim, range(200)))
            assert Counter(each.status_code for each in answers) == {200: 1, 409: 199}
            winner = next(each.json()["owner"] for each in answers if each.status_code == 200)
            assert {each.json()["owner"] for each in answers} == {winner}
            claimed = next(live)
            assert (claimed.data["version"], claimed.data["owner"]) == (2, winner)
            label = {"agent": winner, "department": "billing"}
            told = [each.post(f"{path}/label", label, if_match='"2"', retry="once") for each in (one, other)]
            assert [each.json()["version"] for each in told] == [3, 3]
            assert next(live).data["department"] == "billing"
            assert one.post(f"{path}/presence", {"agent": "eve"}).json()["agents"] == ["eve"]
            seen = next(live)
            assert (seen.event, seen.data["agents"]) == ("presence", ["eve"])
            assert other.post(f"{path}/presence", {"agent": "ann"}).json()["agents"] == ["ann", "eve"]
        # Whoever's turn it is tells, and nobody repeats.
        one.until(lambda: len(one.log.all(LABELS_CORRECTED.name)) == 1)
        with stream(one, last_event_id=start) as resumed:
            items = (event.data["version"] for event in resumed if event.event == "item")
            assert [next(items), next(items), next(items)] == [1, 2, 3]


def test_a_database_that_goes_away_is_named_waited_for_and_resumed_from(tmp_path: Path, postgresql: PostgreSql) -> None:
    with running(tmp_path, database_url=postgresql.fresh()) as system:
        system.send(classified(an_activity("web:1")))
        system.until_handled()
        position = system.get("/v1/items")["position"]
        postgresql.stop()
        try:
            system.send(classified(an_activity("web:2")))
            answer = system.client.get(f"{system.url}/health/ready")
            system.until(lambda: "database" in system.client.get(f"{system.url}/health/ready").text)
            assert answer.status_code == 503
            assert int(system.post("/v1/claim-next", {"agent": "ann"}).headers["retry-after"]) >= 1
        finally:
            postgresql.start()
        system.until(system.is_ready, within_seconds=20)
        system.until_handled()
        with stream(system, last_event_id=position) as events:
            assert next(event.data["id"] for event in events if event.event == "item") == "web:2"
