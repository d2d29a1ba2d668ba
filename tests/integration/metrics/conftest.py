"""A real engine for the whole session (chDB allows one folder per process), a fresh database for every test."""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.metrics.store.clickhouse import ClickHouseAddress
from services.metrics.store.migrate import migrate
from services.metrics.store.reader import ClickHouseReader
from services.metrics.store.snapshots import ClickHouseSnapshots
from services.metrics.store.writer import ClickHouseFacts
from tests.conftest import ROOT, accepts, free_port
from tests.integration.metrics.store import Store
from tests.waiting import eventually

_NUMBERS = itertools.count(1)


_FOLDERS: list[Path] = []


@pytest.fixture(scope="session")
def engine_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one folder that this process's engine opens, also for the tests of the page."""
    if not _FOLDERS:
        _FOLDERS.append(tmp_path_factory.mktemp("clickhouse"))
    return _FOLDERS[0]


@pytest.fixture
def address(engine_folder: Path) -> ClickHouseAddress:
    """A fresh, migrated database in the embedded engine."""
    found = ClickHouseAddress("", engine_folder, f"test_{next(_NUMBERS)}")
    migrate(found)
    return found


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a ClickHouse HTTP interface: the stand-in, in a process of its own."""
    named = os.environ.get("EARSHOT_TEST_CLICKHOUSE_STAND_IN")
    program = Path(named) if named else ROOT.parent / "shared" / "tools" / "clickhouse_stand_in.py"
    if not program.is_file():
        pytest.skip(
            f"{program} is missing: set EARSHOT_TEST_CLICKHOUSE_STAND_IN to a ClickHouse HTTP interface program"
        )
    port, folder = free_port(), tmp_path_factory.mktemp("stand_in")
    with (folder / "log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(program), "--path", str(folder / "data"), "--port", str(port)],
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        eventually(lambda: accepts(port), within_seconds=30)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(10)


def open_store(address: ClickHouseAddress) -> Iterator[Store]:
    facts, reader = ClickHouseFacts(address, f"t{next(_NUMBERS)}"), ClickHouseReader(address, clients=2)
    snapshots = ClickHouseSnapshots(address)
    yield Store(facts, reader, snapshots)
    facts.close()
    snapshots.close()
    reader.close()


@pytest.fixture
def store(address: ClickHouseAddress) -> Iterator[Store]:
    """A store in the embedded engine."""
    yield from open_store(address)


@pytest.fixture
def server_store(server: str, tmp_path: Path) -> Iterator[Store]:
    """A store behind HTTP."""
    address = ClickHouseAddress(server, tmp_path, f"test_{next(_NUMBERS)}")
    migrate(address)
    yield from open_store(address)
