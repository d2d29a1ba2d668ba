from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.queues.postgresql import PostgreSql, running_postgresql
from tests.integration.queues.system import System, running

Place = Callable[[Path], str]


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with running(tmp_path) as started:
        yield started


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSql]:
    with running_postgresql() as server:
        yield server


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def new_place(request: pytest.FixtureRequest) -> Place:
    """Return what gives the URL of an empty database, on each kind of server."""
    if request.param == "sqlite":
        return lambda folder: f"sqlite:///{folder}/queues.db"
    server: PostgreSql = request.getfixturevalue("postgresql")
    return lambda _: server.fresh()


@pytest.fixture
def place(new_place: Place, tmp_path: Path) -> str:
    """The URL of one empty database."""
    return new_place(tmp_path)
