"""The only file that knows which database it is: engines, locks and error codes of SQLite and PostgreSQL."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from shared.errors import ConfigurationError, Problem

BUSY_SECONDS: Final = 5
READERS: Final = 8
PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",  # what was committed survives a loss of power
    "secure_delete=ON",  # what was deleted on the platform is not left in free pages
    "cache_size=-32000",
    f"busy_timeout={BUSY_SECONDS * 1000}",
)
FEED_LOCK: Final = 7_032_791  # any numbers, the same in every replica
TELLING_LOCK: Final = 7_032_792
WRITERS: Final = 4
POSTGRESQL: Final = {
    "application_name": "earshot-queues",
    "connect_timeout": 5,
    # A server that vanished without a word is noticed in seconds, not after the two hours of TCP's default.
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
# A replica that hangs in a transaction holds the feed's lock: the server ends it, and the others go on.
POSTGRESQL_OPTIONS: Final = (
    f"-c lock_timeout={BUSY_SECONDS * 1000} -c statement_timeout=30000 -c idle_in_transaction_session_timeout=30000"
)
PASSING: Final = frozenset({"08", "25", "40", "53", "55", "57", "58"})
"""SQLSTATE classes of connection, transaction, resources, locks and operators: the same call may succeed later."""


@dataclass(frozen=True)
class Engines:
    """One engine that writes, one transaction at a time, and one that reads consistent snapshots."""

    writer: Engine
    reader: Engine

    def close(self) -> None:
        """Let go of every connection."""
        self.writer.dispose()
        self.reader.dispose()


def open_engines(database_url: str) -> Engines:
    """Return the engines of a database; nothing is connected yet. Raises ConfigurationError."""
    try:
        url = make_url(database_url)
    except ArgumentError as error:
        raise _unusable("is no database URL, expected for example sqlite:////data/queues.db") from error
    name = url.get_backend_name()
    if name == "sqlite":
        return _open_sqlite(url)
    if url.drivername in {"postgresql", "postgres", "postgresql+psycopg"}:
        return _open_postgresql(url)
    raise _unusable(f"names {url.drivername}, expected sqlite or postgresql")


def _unusable(why: str) -> ConfigurationError:
    return ConfigurationError([Problem("QUEUES_DATABASE_URL", why)])


def _open_sqlite(url: URL) -> Engines:
    if not url.database or url.database == ":memory:":
        raise _unusable("names no file; an in-memory database would lose the queues at every restart")
    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    arguments: dict[str, Any] = {"timeout": BUSY_SECONDS, "check_same_thread": False}
    # autocommit=None hands BEGIN to us: a writer takes the lock at once instead of failing in the middle.
    writer = create_engine(url, connect_args=arguments, pool_size=1, max_overflow=0, pool_timeout=BUSY_SECONDS)
    reader = create_engine(url, connect_args=arguments, pool_size=READERS, max_overflow=0, pool_timeout=BUSY_SECONDS)
    for engine, begin in ((writer, "BEGIN IMMEDIATE"), (reader, "BEGIN")):
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", lambda connection, begin=begin: connection.exec_driver_sql(begin))
    return Engines(writer, reader)


def _configure_sqlite(connection: Any, _: object) -> None:  # noqa: ANN401  # the driver's own type
    connection.isolation_level = None
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _open_postgresql(url: URL) -> Engines:
    options = f"{POSTGRESQL_OPTIONS} {url.query.get('options', '')}".strip()
    arguments: dict[str, Any] = POSTGRESQL | {"options": options}
    common: dict[str, Any] = {"pool_pre_ping": True, "pool_timeout": BUSY_SECONDS, "connect_args": arguments}
    url = url.set(drivername="postgresql+psycopg")
    # A writer has to see what was committed while it waited for the lock; a reader wants all from one instant.
    writer = create_engine(url, pool_size=WRITERS, max_overflow=0, isolation_level="READ COMMITTED", **common)
    reader = create_engine(url, pool_size=READERS, max_overflow=0, isolation_level="REPEATABLE READ", **common)
    return Engines(writer, reader)


def serialise_writers(connection: Connection, *, wait_seconds: int = BUSY_SECONDS) -> None:
    """Make transactions that append to the feed commit one after another, so sequences appear in their order.

    SQLite has one writer anyway. PostgreSQL hands out sequence numbers before commit: without this lock a reader could
    see number 8, move on, and miss 7 that commits later. It makes a commit visible before it lets go of the lock.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = '{wait_seconds}s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": FEED_LOCK})


@contextlib.contextmanager
def turn_to_tell(engine: Engine) -> Iterator[bool]:
    """Give True to one replica at a time. SQLite has one process, so it is always its turn."""
    if engine.dialect.name != "postgresql":
        yield True
        return
    with engine.begin() as connection:
        query = text("SELECT pg_try_advisory_xact_lock(:lock)")
        yield bool(connection.execute(query, {"lock": TELLING_LOCK}).scalar())


SCHEMA_COMPLAINTS: Final = ("no such table", "no such column", "has no column")
SCHEMA_STATES: Final = frozenset({"42P01", "42703", "3F000"})


def is_schema_mismatch(error: BaseException | None) -> bool:
    """Tell whether a driver's error means that tables are not what the code expects."""
    if getattr(error, "sqlstate", None) in SCHEMA_STATES:
        return True
    return any(words in str(error).lower() for words in SCHEMA_COMPLAINTS)


def is_passing(error: DBAPIError) -> bool:
    """Tell whether waiting helps: the database is away, busy, ended the session, or is about to change its leader."""
    state = getattr(error.orig, "sqlstate", None)
    if isinstance(state, str):
        return state[:2] in PASSING
    return error.connection_invalidated or isinstance(error, OperationalError)
