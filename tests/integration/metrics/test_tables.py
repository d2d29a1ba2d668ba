from dataclasses import replace
from pathlib import Path

import pytest

from services.metrics.core.definitions import COUNTERS, DIMENSIONS
from services.metrics.core.ports import Statement
from services.metrics.core.rows import REJECTION_COLUMNS, VERSION_COLUMNS
from services.metrics.core.snapshots import SNAPSHOT_COLUMNS
from services.metrics.store.clickhouse import ClickHouseAddress
from services.metrics.store.migrate import migrate, migrations
from services.metrics.store.reader import ClickHouseReader
from shared.contracts.activity import Verb
from shared.errors import ContractError, TransientError
from tests.builders import an_activity, classified
from tests.integration.metrics.store import Store


def columns(store: Store, table: str) -> list[str]:
    statement = Statement(
        "SELECT name FROM system.columns WHERE table = {table:String} AND database = currentDatabase() "
        "ORDER BY position",
        {"table": table},
    )
    return store.reader.fetch(statement, "TabSeparated").decode().split()


def asked(store: Store, sql: str) -> str:
    return store.reader.fetch(Statement(sql), "TabSeparated").decode().strip()


def test_the_columns_of_the_code_are_the_columns_of_the_tables(store: Store) -> None:
    states = ["people_state", "first_response_state"]
    assert sorted(columns(store, "versions")) == sorted([*VERSION_COLUMNS, "heard"])
    assert columns(store, "rejections") == list(REJECTION_COLUMNS)
    assert columns(store, "snapshots") == list(SNAPSHOT_COLUMNS)
    assert columns(store, "minutes") == ["minute", *DIMENSIONS, "computed", *COUNTERS, *states]
    assert columns(store, "hours") == ["hour", *DIMENSIONS, "computed", *COUNTERS, *states]


def test_migrations_are_applied_once(address: ClickHouseAddress) -> None:
    assert migrate(address) == 0


def test_a_database_newer_than_the_code_or_an_edited_migration_stops_the_start(address: ClickHouseAddress) -> None:
    with pytest.raises(ContractError, match="run a newer version"):
        migrate(address, [])
    edited = [replace(each, digest="other") for each in migrations()]
    with pytest.raises(ContractError, match="edited after"):
        migrate(address, edited)


def test_a_server_that_is_away_is_tried_again(tmp_path: Path) -> None:
    with pytest.raises(TransientError, match="ClickHouse"):
        migrate(ClickHouseAddress("http://127.0.0.1:1", tmp_path, "earshot"))
    reader = ClickHouseReader(ClickHouseAddress("http://127.0.0.1:1", tmp_path, "earshot"))
    assert "ClickHouse" in str(reader.problem())


def test_what_was_deleted_says_nothing_any_more_even_when_its_create_comes_again(store: Store) -> None:
    post = classified(an_activity("web:1", text="my secret"))
    for batch in ([post], [classified(an_activity("web:1", verb=Verb.DELETE))], [post]):
        store.hear(*batch)
    store.hear(classified(an_activity("web:2", text="still here")))
    assert asked(store, "SELECT text FROM versions FINAL WHERE text != ''") == "still here"
    assert asked(store, "SELECT count() FROM activities FINAL WHERE alive") == "1"


def test_our_sinks_leave_no_scratch_table_behind(store: Store) -> None:
    store.hear(classified(an_activity("web:1")))
    scratch = "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name LIKE 'scratch_%'"
    assert asked(store, scratch) == "1"
    store.facts.close()
    assert asked(store, scratch) == "0"
