"""Opens ClickHouse clients, in process (chDB) or over HTTP, and turns the driver's errors into ours."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import (
    ClickHouseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    ProgrammingError,
    StreamClosedError,
)

from services.metrics.core.ports import AnswerTooLargeError
from shared.errors import ContractError, PermanentError, TransientError

OUR_MISTAKES: Final = (
    DataError, IntegrityError, InterfaceError, InternalError, NotSupportedError, ProgrammingError, StreamClosedError,
)  # fmt: skip
"""Driver errors that waiting cannot cure."""

CONTRACT_CODES: Final = frozenset({
    6, 8, 10, 15, 16, 17, 20, 27, 36, 38, 41, 42, 43, 44, 46, 47, 48, 50, 53, 57, 60, 62, 69, 70, 72, 80, 81, 115, 122,
    158, 179, 184, 190, 192, 193, 194, 215, 349, 386, 407, 456, 457, 492, 497, 516, 730,
})  # fmt: skip
"""Engine errors about names, types, syntax, settings and rights: schema and code do not match, or access is refused."""

TOO_MANY_ROWS: Final = 396

WRITE_SETTINGS: Final = {
    # Every default that moved between 25.8 and 26.9, pinned, so that a server and chDB behave alike.
    "async_insert": 0,
    "wait_end_of_query": 1,
    "insert_deduplicate": 0,
    "deduplicate_blocks_in_dependent_materialized_views": 0,
    "max_partitions_per_insert_block": 0,
    "optimize_throw_if_noop": 0,
}
READ_SETTINGS: Final = {
    "output_format_json_array_of_rows": 1,
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_quote_denormals": 0,
    "format_csv_null_representation": "",
    "max_result_rows": 500_000,
    "result_overflow_mode": "throw",
}


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise the driver's errors as ours: ContractError or AnswerTooLargeError, else TransientError."""
    try:
        yield
    except ClickHouseError as error:
        code = error.code if isinstance(error, Error) else None
        if code == TOO_MANY_ROWS:
            raise AnswerTooLargeError(f"{doing}: more rows than one answer may have") from error
        text = f"{doing}: ClickHouse answered {first_line(error)}"
        if code in CONTRACT_CODES or (code is None and isinstance(error, OUR_MISTAKES)):
            raise ContractError(f"{text} Code and schema do not match, or access is refused.") from error
        raise TransientError(f"{text} It is tried again.") from error
    except (OSError, TimeoutError) as error:
        raise TransientError(f"{doing}: ClickHouse is away: {error!r}. It is tried again.") from error


def first_line(error: BaseException) -> str:
    """Return what an operator needs of a driver's error: its first line, bounded, without the statement."""
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return text[:300]


@dataclass(frozen=True)
class ClickHouseAddress:
    """Where the engine is: a server's URL, or a folder that this process owns."""

    url: str
    path: Path
    database: str
    user: str = "default"
    password: str = field(default="", repr=False)
    max_memory_bytes: int = 2 << 30
    max_threads: int = 2

    @property
    def embedded(self) -> bool:
        """Tell whether the engine runs inside this process."""
        return not self.url

    def settings(self, extra: dict[str, Any]) -> dict[str, Any]:
        """Return the settings every statement of a client runs with."""
        return {"max_memory_usage": self.max_memory_bytes, "max_threads": self.max_threads, **extra}


def open_client(address: ClickHouseAddress, settings: dict[str, Any], *, database: str | None = None) -> Client:
    """Return a client of the driver. Raises TransientError when a server is away, ContractError when it refuses."""
    chosen = address.settings(settings)
    with translated("connect to ClickHouse"):
        if address.embedded:
            return clickhouse_connect.get_client(
                interface="chdb", path=str(address.path), database=database, settings=chosen, tz_mode="aware"
            )
        parts = urlsplit(address.url)
        return clickhouse_connect.get_client(
            interface=parts.scheme, host=parts.hostname or "127.0.0.1",
            port=parts.port or (8443 if parts.scheme == "https" else 8123), username=address.user,
            password=address.password, database=database or "default", settings=chosen, query_retries=0,
            autogenerate_session_id=False, tz_mode="aware",
        )  # fmt: skip


@dataclass
class OwnedPath:
    """Makes sure that one process only opens an embedded database: the engine's own message says nothing."""

    path: Path
    _descriptor: int | None = None

    def acquire(self) -> None:
        """Take the folder. Raises PermanentError when another process has it."""
        self.path.mkdir(parents=True, exist_ok=True)
        lock = self.path.with_name(self.path.name + ".lock")
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise PermanentError(
                f"Another process has the database in {self.path} open. One process owns an embedded database: stop "
                "the other one, give this one another EARSHOT_HOME, or set CLICKHOUSE_URL to a server."
            ) from error
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the folder back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
