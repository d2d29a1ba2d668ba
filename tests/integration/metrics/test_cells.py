"""The stored answers of the usual groupings are those of a fold, also after the migration of an older database."""

import random
from datetime import timedelta

import pytest
from clickhouse_connect.driver.client import Client

from services.metrics.core.groupings import GROUPINGS
from services.metrics.core.query import Bucket, EngagementQuery, engagement
from services.metrics.store.clickhouse import WRITE_SETTINGS, ClickHouseAddress, open_client
from services.metrics.store.migrate import migrate
from services.metrics.store.writer import drop_left_scratch
from shared.contracts.activity import ClassifiedActivity
from tests.builders import NOON, an_activity, classified
from tests.integration.metrics.fold import fold
from tests.integration.metrics.store import Store
from tests.integration.metrics.test_store_against_fold import as_table, some_post, some_reaction

START, END = NOON - timedelta(hours=2), NOON + timedelta(hours=6)


def a_history(seed: int) -> list[ClassifiedActivity]:
    draw = random.Random(seed)
    return [
        some_post(draw, draw.randrange(12)) if draw.random() < 0.7 else some_reaction(draw, draw.randrange(6))
        for _ in range(120)
    ]


def is_read_from_cells(by: tuple[str, ...], *, internal: bool) -> bool:
    return "FROM cells" in engagement(EngagementQuery(START, END, Bucket.HOUR, by, internal=internal)).sql


def assert_stored_as_folded(store: Store, heard: list[ClassifiedActivity]) -> None:
    for by in GROUPINGS:
        assert is_read_from_cells(by, internal=True)
        found = as_table(store.series(by, bucket=Bucket.HOUR, start=START, end=END), by)
        expected = fold(heard, Bucket.HOUR, by)
        assert found.keys() == expected.keys(), by
        for key, row in expected.items():
            assert found[key] == pytest.approx(row, abs=2e-6), key


def test_every_usual_grouping_is_stored_as_a_fold_counts_it_through_edits_and_deletes(store: Store) -> None:
    history = a_history(7)
    for cut in (slice(0, 50), slice(50, 90), slice(90, None), slice(70, 100)):
        store.hear(*history[cut])
    assert_stored_as_folded(store, [*history, *history[70:100]])


def test_what_is_public_has_a_number_of_people_of_its_own(store: Store) -> None:
    history = a_history(8)
    store.hear(*history)
    assert is_read_from_cells(("department",), internal=False)
    found = as_table(
        store.series(("department",), bucket=Bucket.HOUR, start=START, end=END, internal=False), ("department",)
    )
    by = ("department", "surface")
    public = {
        (at, name): row for (at, name, surface), row in fold(history, Bucket.HOUR, by).items() if surface == "public"
    }
    assert found.keys() == public.keys()
    for key, row in public.items():
        assert found[key] == pytest.approx(row, abs=2e-6), key


def test_an_hour_cut_by_the_range_counts_only_its_minutes_in_the_range(store: Store) -> None:
    early, late = (
        classified(an_activity(f"web:{each}", occurred_at=NOON + timedelta(minutes=each))) for each in (10, 50)
    )
    store.hear(early, late)
    rows = store.series(bucket=Bucket.HOUR, start=NOON + timedelta(minutes=30), end=NOON + timedelta(hours=3))
    assert [row["inbound_posts"] for row in rows] == [1]
    assert [row["people"] for row in rows] == [1]


def test_a_database_of_version_1_has_cells_after_the_migration(store: Store, address: ClickHouseAddress) -> None:
    history = a_history(9)
    store.hear(*history)
    client = a_client(address)
    client.command("DROP TABLE cells")
    client.command("DELETE FROM schema_version WHERE number = 2")
    client.close()
    assert migrate(address) == 1
    assert_stored_as_folded(store, history)
    store.hear(*history[100:])
    assert_stored_as_folded(store, [*history, *history[100:]])


def test_what_a_killed_sink_left_behind_is_dropped_at_the_next_start(address: ClickHouseAddress) -> None:
    client = a_client(address)
    client.command("CREATE TABLE scratch_killed (part UInt8, value UInt64) ENGINE = Memory")
    assert drop_left_scratch(address) == ["scratch_killed"]
    assert drop_left_scratch(address) == []
    client.close()


def a_client(address: ClickHouseAddress) -> Client:
    return open_client(address, dict(WRITE_SETTINGS), database=address.database)
