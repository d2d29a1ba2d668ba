import fcntl
import inspect
import os
from pathlib import Path

import pytest
from clickhouse_connect.driver import exceptions

from services.metrics.core.ports import AnswerTooLargeError
from services.metrics.store.clickhouse import OUR_MISTAKES, OwnedPath, translated
from services.metrics.store.migrate import migrations
from shared.errors import ContractError, PermanentError, TransientError

DRIVER_ERRORS = [
    each
    for _, each in inspect.getmembers(exceptions, inspect.isclass)
    if issubclass(each, exceptions.ClickHouseError) and each is not exceptions.StreamClosedError
]


@pytest.mark.parametrize("error", DRIVER_ERRORS)
def test_every_error_of_the_driver_becomes_one_of_ours(error: type[Exception]) -> None:
    expected = ContractError if issubclass(error, OUR_MISTAKES) else TransientError
    with pytest.raises(expected, match="count rows: ClickHouse answered"), translated("count rows"):
        raise error("no")


@pytest.mark.parametrize(
    ("code", "expected"),
    [(60, ContractError), (47, ContractError), (516, ContractError), (241, TransientError), (252, TransientError),
     (210, TransientError), (396, AnswerTooLargeError), (999_999, TransientError)],
)  # fmt: skip
def test_an_error_of_the_engine_is_sorted_by_its_code(code: int, expected: type[Exception]) -> None:
    with pytest.raises(expected), translated("count rows"):
        raise exceptions.DatabaseError("no", code=code)


def test_a_lost_connection_is_tried_again() -> None:
    with pytest.raises(TransientError, match="away"), translated("count rows"):
        raise ConnectionResetError


def test_a_message_is_short_and_shows_no_statement() -> None:
    with pytest.raises(TransientError) as caught, translated("insert"):
        raise exceptions.DatabaseError(f"Code: 241. {'x' * 9_000}\nINSERT INTO versions VALUES ('secret')")
    assert len(str(caught.value)) < 500
    assert "secret" not in str(caught.value)


def test_a_folder_that_another_process_owns_is_refused_in_words(tmp_path: Path) -> None:
    held = os.open(tmp_path / "clickhouse.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(held, fcntl.LOCK_EX)
    owned = OwnedPath(tmp_path / "clickhouse")
    with pytest.raises(PermanentError, match="Another process has the database"):
        owned.acquire()
    os.close(held)
    owned.acquire()
    owned.release()


def test_migrations_are_numbered_without_a_gap(tmp_path: Path) -> None:
    assert [each.number for each in migrations()] == list(range(1, len(migrations()) + 1))
    (tmp_path / "0002_later.sql").write_text("SELECT 1;")
    with pytest.raises(ContractError, match="numbered"):
        migrations(tmp_path)
    (tmp_path / "later.sql").write_text("SELECT 1;")
    with pytest.raises(ContractError, match=r"0002_what_it_does\.sql"):
        migrations(tmp_path)
