"""Writes versions, resolves facts, recomputes aggregates; one writer per thread. docs/adr/0004 says why it is exact."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from services.metrics.core.columns import VersionBatch
from services.metrics.core.rows import REJECTION_COLUMNS, Row
from services.metrics.store import statements
from services.metrics.store.clickhouse import WRITE_SETTINGS, ClickHouseAddress, open_client, translated
from shared.errors import TransientError

UNUSED_SECONDS: Final = 86_400
"""A scratch table at a server that nobody touched for so long belongs to nobody."""


@dataclass
class ClickHouseFacts:
    """Implements core.ports.Facts. `name` tells this sink's scratch table from those of other sinks."""

    address: ClickHouseAddress
    name: str
    _client: Client | None = field(default=None, init=False)
    _inserting: Client | None = field(default=None, init=False)
    _inserter: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "insert"), init=False)

    def _open(self) -> Client:
        if self._client is None:
            self._client = open_client(self.address, dict(WRITE_SETTINGS), database=self.address.database)
        return self._client

    @property
    def _scratch(self) -> str:
        return f"scratch_{self.name}"

    def apply(self, batch: VersionBatch) -> None:
        """See Facts.apply."""
        self.begin(batch)()

    def begin(self, batch: VersionBatch) -> Callable[[], None]:
        """See Facts.begin. The insert of a batch runs beside the reading for the one before, as two sinks' would."""
        if not len(batch):
            return lambda: None
        inserted = [self._inserter.submit(self._insert, batch)]

        def complete() -> None:
            try:
                inserted[-1].result()
            except TransientError:
                inserted.append(self._inserter.submit(self._insert, batch))
                raise
            self._settle(batch)

        return complete

    def _settle(self, batch: VersionBatch) -> None:
        """Resolve and recompute what a batch concerns. The order makes it exact: stamp, read, write; level by level."""
        client = self._open()
        self._resolve(client, batch.touched)
        for doing, text in (
            ("blank deleted texts", statements.SCRUB),
            ("recompute minutes", statements.RECOMPUTE_MINUTES),
            ("recompute hours", statements.RECOMPUTE_HOURS),
            ("recompute cells", statements.RECOMPUTE_CELLS),
        ):
            with translated(doing):
                self._run(client, text, self._stamp(client))

    def _insert(self, batch: VersionBatch) -> None:
        if self._inserting is None:
            self._inserting = open_client(self.address, dict(WRITE_SETTINGS), database=self.address.database)
        self._insert_versions(self._inserting, batch)

    def _insert_versions(self, client: Client, batch: VersionBatch) -> None:
        with translated("insert versions"):
            # Of two rows of one version the one that came later wins, also within a batch.
            heard = pa.array(batch.positions + self._stamp(client), pa.uint64())
            client.insert_arrow("versions", batch.table.append_column("heard", heard))

    def _resolve(self, client: Client, touched: "npt.NDArray[np.uint64]") -> None:
        """Write the facts of everything the batch concerns; what that is, the scratch table holds."""
        with translated("resolve activities"):
            # Before anything is read, also what belongs together: of two writers the one that read later wins.
            stamp = self._stamp(client)
            self._run(client, statements.CREATE_SCRATCH)
            self._run(client, statements.EMPTY_SCRATCH)
            if not self.address.embedded:
                self._run(client, statements.KEEP_SCRATCH)
            part = np.full(len(touched), statements.SELF, dtype=np.uint8)
            client.insert_arrow(self._scratch, pa.table({"part": part, "value": touched}))
            for text in (statements.WIDEN, statements.SURROUND, statements.FIND_SEVERAL):
                self._run(client, text)
            self._run(client, statements.RESOLVE, stamp)

    def _run(self, client: Client, text: str, stamp: int | None = None) -> None:
        parameters = None if stamp is None else {"stamp": stamp}
        client.command(text.format(scratch=self._scratch), parameters=parameters)

    def _stamp(self, client: Client) -> int:
        return int(str(client.command(statements.STAMP)))

    def close(self) -> None:
        """Drop the scratch table and let go of the connections."""
        self._inserter.shutdown()
        if self._inserting is not None:
            self._inserting.close()
            self._inserting = None
        if self._client is not None:
            with translated("drop the scratch table"):
                self._client.command(f"DROP TABLE IF EXISTS {self._scratch}")
            self._client.close()
            self._client = None


def drop_left_scratch(address: ClickHouseAddress) -> list[str]:
    """Drop the scratch tables of sinks that were killed; returns their names. Raises as Facts.apply.

    An embedded database has one owner, who calls this before its sinks start; at a server others may be at work, but
    none goes a day without making its table's metadata new.
    """
    client = open_client(address, dict(WRITE_SETTINGS), database=address.database)
    seconds = 0 if address.embedded else UNUSED_SECONDS
    try:
        with translated("drop scratch tables left behind"):
            rows = client.query(statements.FIND_SCRATCH, parameters={"seconds": seconds}).result_rows
            names = [str(name) for (name,) in rows]
            for name in names:
                client.command(f"DROP TABLE IF EXISTS {name}")
    finally:
        client.close()
    return names


@dataclass
class ClickHouseRejections:
    """Implements core.ports.Rejections."""

    address: ClickHouseAddress
    _client: Client | None = field(default=None, init=False)

    def keep(self, rows: Sequence[Row]) -> None:
        """See Rejections.keep."""
        if not rows:
            return
        if self._client is None:
            self._client = open_client(self.address, dict(WRITE_SETTINGS), database=self.address.database)
        with translated("insert rejections"):
            self._client.insert("rejections", [list(row) for row in rows], column_names=list(REJECTION_COLUMNS))

    def close(self) -> None:
        """Let go of the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None
