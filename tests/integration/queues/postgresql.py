"""A real PostgreSQL server for a test session, where Debian's binaries are; every test gets a schema of its own."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import create_engine, text

from tests.conftest import free_port
from tests.waiting import eventually

MISSING = "no initdb in PATH or /usr/lib/postgresql/*/bin: apt-get install -y postgresql"
NUMBERS = count(1)


@dataclass(frozen=True)
class PostgreSql:
    """A running server. `stop` and `start` make it go away and come back with its data."""

    binaries: Path
    folder: Path
    port: int
    user: str | None

    @property
    def url(self) -> str:
        return f"postgresql://earshot@127.0.0.1:{self.port}/postgres"

    def fresh(self) -> str:
        """Return the URL of an empty place."""
        schema = f"s{next(NUMBERS)}"
        engine = create_engine(self.url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
        engine.dispose()
        return f"{self.url}?options={quote(f'-c search_path={schema}')}"

    def run(self, program: str, *arguments: str) -> None:
        command = [str(self.binaries / program), *arguments]
        log = self.folder / "log"
        with log.open("ab") as output:
            subprocess.run(
                command, check=True, stdout=output, stderr=output, user=self.user, cwd=self.folder, timeout=60
            )

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self.run("pg_ctl", "start", "-w", "-s", "-D", str(self.folder / "data"), "-o", options)

    def stop(self) -> None:
        self.run("pg_ctl", "stop", "-w", "-s", "-m", "immediate", "-D", str(self.folder / "data"))


def _binaries() -> Path | None:
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists() and (place / "pg_ctl").exists()), None)


def _user() -> str | None:
    """Return whom the server runs as: it refuses root; None is ourselves."""
    if os.geteuid() != 0:
        return None
    known = {each.pw_name for each in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


@contextmanager
def running_postgresql() -> Iterator[PostgreSql]:
    """Run a server on a free port with its data in a temp folder; skips where there is none."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip(MISSING)
    folder, user = Path(tempfile.mkdtemp(prefix="earshot-pg-")), _user()
    if user is not None:
        shutil.chown(folder, user)
    server = PostgreSql(binaries, folder, free_port(), user)
    try:
        server.run("initdb", "-D", str(folder / "data"), "-U", "earshot", "-A", "trust", "--no-sync", "-E", "UTF8")
        server.start()
        eventually(server.fresh, within_seconds=20)
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
