"""Writes snapshots; every observation is kept, answers take the last one."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from clickhouse_connect.driver.client import Client

from services.metrics.core.rows import Row
from services.metrics.core.snapshots import SNAPSHOT_COLUMNS
from services.metrics.store.clickhouse import WRITE_SETTINGS, ClickHouseAddress, open_client, translated


@dataclass
class ClickHouseSnapshots:
    """Implements core.ports.Snapshots."""

    address: ClickHouseAddress
    _client: Client | None = field(default=None, init=False)

    def keep(self, rows: Sequence[Row]) -> None:
        """See Snapshots.keep."""
        if not rows:
            return
        if self._client is None:
            self._client = open_client(self.address, dict(WRITE_SETTINGS), database=self.address.database)
        with translated("insert snapshots"):
            self._client.insert("snapshots", [list(row) for row in rows], column_names=list(SNAPSHOT_COLUMNS))

    def close(self) -> None:
        """Let go of the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None
