"""The tables ingest keeps its memory in, the engine that opens them, and the translation of the database's errors."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    inspect,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from shared.errors import PermanentError, TransientError

METADATA: Final = MetaData()
AGE: Final = "remembered_at_us"
TABLES_LOCK: Final = 7_032_792  # any number, the same in every replica
ACTIVITIES: Final = Table(
    "ingest_activities",
    METADATA,
    Column("id", String, primary_key=True),
    Column("verb", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("object_id", String),
    Column("conversation_id", String),
    Column("channel", String, nullable=False),
    Column("surface", String, nullable=False),
    Column("direction", String, nullable=False),
    Column("account", String),
    Column("department", String),
    Column(AGE, BigInteger, nullable=False, server_default="0"),
    Index("ingest_activities_by_actor", "channel", "actor"),
    Index("ingest_activities_by_age", AGE),
)
CURSORS: Final = Table(
    "ingest_cursors",
    METADATA,
    Column("source", String, primary_key=True),
    Column("saved_at_us", BigInteger, nullable=False),
    Column("cursor", String, nullable=False),
)
CURSOR_HISTORY: Final = Table(
    "ingest_cursor_history",
    METADATA,
    Column("source", String, primary_key=True),
    Column("saved_at_us", BigInteger, primary_key=True, autoincrement=False),
    Column("cursor", String, nullable=False),
)
LEASES: Final = Table(
    "ingest_leases",
    METADATA,
    Column("source", String, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
)
STATES: Final = Table(
    "ingest_states",
    METADATA,
    Column("source", String, primary_key=True),
    Column("told_at_us", BigInteger, nullable=False),
    Column("view", String, nullable=False),
)
GAPS: Final = Table(
    "ingest_gaps",
    METADATA,
    Column("source", String, primary_key=True),
    Column("from_us", BigInteger, primary_key=True, autoincrement=False),
    Column("to_us", BigInteger, nullable=False),
    Column("reason", String, primary_key=True),
)
REPLAYS: Final = Table(
    "ingest_replays",
    METADATA,
    Column("digest", String, primary_key=True),
    Column("replayed_at_us", BigInteger, nullable=False),
)


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise the library's errors as ours: a lost or locked database may come back, a wrong statement does not."""
    try:
        yield
    except OperationalError as error:
        raise TransientError(f"{doing}: the database is away or busy: {error.orig}. It is tried again.") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise TransientError(f"{doing}: the database connection was lost. It is tried again.") from error
        raise PermanentError(f"{doing}: the database refuses: {error.orig}.") from error
    except SQLAlchemyError as error:
        # Not the whole text: it would show the statement's parameters, which are other people's words.
        raise PermanentError(f"{doing}: {type(error).__name__}: {error.args[:1]}") from error


def open_database(url: str) -> Engine:
    """Return the engine of a database with all tables made. Raises TransientError, PermanentError."""
    with translated("open ingest's database"):
        parsed = make_url(url)
        engine = create_engine(parsed, pool_pre_ping=parsed.get_backend_name() != "sqlite")
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _prepare_sqlite)
        with engine.begin() as connection:
            # Replicas that start together would make the same table twice.
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": TABLES_LOCK})
            else:
                connection.execute(text("BEGIN IMMEDIATE"))
            _add_age(connection)
            METADATA.create_all(connection)
    return engine


def _add_age(connection: Connection) -> None:
    """Give an index of before ages were kept its column; what stands in it is as old as this start."""
    known = inspect(connection)
    if not known.has_table(ACTIVITIES.name) or AGE in {each["name"] for each in known.get_columns(ACTIVITIES.name)}:
        return
    connection.execute(text(f"ALTER TABLE {ACTIVITIES.name} ADD COLUMN {AGE} BIGINT NOT NULL DEFAULT 0"))
    connection.execute(text(f"CREATE INDEX ingest_activities_by_age ON {ACTIVITIES.name} ({AGE})"))


def _prepare_sqlite(connection: Any, _: object) -> None:  # noqa: ANN401  # a DBAPI connection has no common type
    """Let readers and the writer work at the same time; a killed process loses nothing that was committed."""
    for pragma in ("busy_timeout=5000", "journal_mode=WAL", "synchronous=NORMAL"):
        connection.execute(f"PRAGMA {pragma}")


def upsert(engine: Engine, table: Table, changes: Mapping[str, Any] | None = None) -> postgresql.Insert | sqlite.Insert:
    """Return an insert that replaces the row with the same primary key, or changes it, in the engine's dialect."""
    insert = (postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert)(table)
    keys = [column.name for column in table.primary_key]
    others = {column.name: insert.excluded[column.name] for column in table.columns if column.name not in keys}
    return insert.on_conflict_do_update(index_elements=keys, set_=others if changes is None else dict(changes))
