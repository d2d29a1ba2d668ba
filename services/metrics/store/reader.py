"""Answers statements in the engine's own serialised formats, with a few clients shared by the HTTP threads."""

import contextlib
import queue
from collections.abc import Iterator
from dataclasses import dataclass, field

from clickhouse_connect.driver.client import Client

from services.metrics.core.ports import Statement
from services.metrics.store.clickhouse import READ_SETTINGS, ClickHouseAddress, open_client, translated
from shared.errors import TransientError


@dataclass
class ClickHouseReader:
    """Implements core.ports.Reader. At most `clients` statements run at a time; others wait for their turn."""

    address: ClickHouseAddress
    clients: int = 4
    wait_seconds: float = 10.0
    _idle: "queue.LifoQueue[Client | None]" = field(init=False)

    def __post_init__(self) -> None:
        self._idle = queue.LifoQueue()
        for _ in range(self.clients):
            self._idle.put(None)

    @contextlib.contextmanager
    def _client(self) -> Iterator[Client]:
        try:
            client = self._idle.get(timeout=self.wait_seconds)
        except queue.Empty as error:
            raise TransientError(f"All {self.clients} readers are busy for {self.wait_seconds:.0f} s.") from error
        try:
            if client is None:
                client = open_client(self.address, dict(READ_SETTINGS), database=self.address.database)
            yield client
        finally:
            self._idle.put(client)

    def fetch(self, statement: Statement, form: str) -> bytes:
        """See Reader.fetch."""
        with self._client() as client, translated("answer a query"):
            answer: bytes = client.raw_query(statement.sql, parameters=statement.parameters, fmt=form)
            return answer

    def problem(self) -> str | None:
        """Health check: why nothing can be read, or None."""
        try:
            self.fetch(Statement("SELECT 1"), "TabSeparated")
        except Exception as error:  # noqa: BLE001  # a health check reports, it never raises
            return str(error)
        return None

    def close(self) -> None:
        """Let go of every connection that is not in use."""
        while not self._idle.empty():
            client = self._idle.get_nowait()
            if client is not None:
                client.close()
