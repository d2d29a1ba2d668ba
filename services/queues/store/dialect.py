"""The only file that knows which database it is: engines, locks and error codes of SQLite and PostgreSQL."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError

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
FEED_LOCK: Final = 7_032_791  # any number, the same in every replica


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
    if name == "postgresql":
        return _open_postgresql(url)
    raise _unusable(f"names {name}, expected sqlite or postgresql")


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
    writer = create_engine(url, pool_size=2, pool_pre_ping=True, pool_timeout=BUSY_SECONDS)
    reader = create_engine(
        url, pool_size=READERS, pool_pre_ping=True, pool_timeout=BUSY_SECONDS, isolation_level="REPEATABLE READ"
    )
    return Engines(writer, reader)


def serialise_writers(connection: Connection) -> None:
    """Make transactions that append to the feed commit one after another, so sequences appear in their order.

    SQLite has one writer anyway. PostgreSQL hands out sequence numbers before commit: without this lock a reader could
    see number 8, move on, and miss 7 that commits later.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": FEED_LOCK})


SCHEMA_COMPLAINTS: Final = ("no such table", "no such column", "has no column", "does not exist")


def is_schema_mismatch(message: str) -> bool:
    """Tell whether a driver's words mean that tables are not what the code expects."""
    return any(words in message.lower() for words in SCHEMA_COMPLAINTS)
