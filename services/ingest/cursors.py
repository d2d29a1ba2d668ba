"""Where each source resumes, where it stood some time ago, and what it is known to have missed.

A crash of a memory broker loses what it held. Then a source goes back to where it stood a while *of hearing* earlier;
so every cursor is kept with the time it was saved at. Platform time would say nothing about when we heard.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection, Engine, delete, func, select, update

from services.ingest.core.fields import EPOCH, microseconds
from services.ingest.database import CURSOR_HISTORY, CURSORS, GAPS, LEASES, translated, upsert
from shared.errors import TransientError

HISTORY_STEP_US = 5_000_000
HISTORY_KEPT_US = 2 * 3_600_000_000
GAPS_SHOWN = 50


@dataclass(frozen=True)
class SavedCursor:
    """A position of a source and when it was saved; what it means only its connector knows."""

    cursor: str
    saved_at: datetime


@dataclass(frozen=True)
class Gap:
    """A time in which a source is known to have heard nothing, and why."""

    began_at: datetime
    ended_at: datetime
    reason: str


class LeaseLostError(TransientError):
    """Another replica has taken the source over; what it does here must end."""


class CursorStore(Protocol):
    """Keeps cursors and gaps durably, for all replicas. Every method may raise TransientError."""

    def take(self, source: str) -> int:
        """Take a source over and return the number of this lease; saves under earlier ones are refused from now on."""

    def latest(self, source: str) -> SavedCursor | None:
        """Return where a source stands; None when it never stood anywhere."""

    def rewound(self, source: str, seconds: float) -> SavedCursor | None:
        """Return where a source stood `seconds` before its last save, or at its very beginning."""

    def save(self, source: str, cursor: str, *, began: str, at: datetime, epoch: int = 0) -> None:
        """Keep a cursor; `began` is where this source started when nothing was kept yet.

        Raises LeaseLostError when the source was taken over since lease number `epoch`; 0 asks for no lease.
        """

    def add_gap(self, source: str, gap: Gap) -> None:
        """Keep a gap; the same gap again changes nothing."""

    def gaps(self, source: str) -> Sequence[Gap]:
        """Return the latest gaps of a source, oldest first."""


class SqlCursorStore:
    """Implements CursorStore on SQLAlchemy Core."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def latest(self, source: str) -> SavedCursor | None:
        """See CursorStore.latest."""
        with translated("read a cursor"), self._engine.connect() as connection:
            row = connection.execute(select(CURSORS).where(CURSORS.c.source == source)).first()
        return None if row is None else SavedCursor(row.cursor, _at(row.saved_at_us))

    def rewound(self, source: str, seconds: float) -> SavedCursor | None:
        """See CursorStore.rewound."""
        last = self.latest(source)
        if last is None or seconds <= 0:
            return last
        target_us = microseconds(last.saved_at) - int(seconds * 1_000_000)
        history = CURSOR_HISTORY.c
        of_source = select(CURSOR_HISTORY).where(history.source == source)
        with translated("read the cursor history"), self._engine.connect() as connection:
            row = connection.execute(
                of_source.where(history.saved_at_us <= target_us).order_by(history.saved_at_us.desc()).limit(1)
            ).first()
            row = row or connection.execute(of_source.order_by(history.saved_at_us).limit(1)).first()
        return last if row is None else SavedCursor(row.cursor, _at(row.saved_at_us))

    def take(self, source: str) -> int:
        """See CursorStore.take."""
        taken = upsert(self._engine, LEASES, {"epoch": LEASES.c.epoch + 1}).returning(LEASES.c.epoch)
        with translated("take a source over"), self._engine.begin() as connection:
            return int(connection.execute(taken, {"source": source, "epoch": 1}).scalar_one())

    def save(self, source: str, cursor: str, *, began: str, at: datetime, epoch: int = 0) -> None:
        """See CursorStore.save."""
        at_us = microseconds(at)
        with translated("save a cursor"), self._engine.begin() as connection:
            if epoch:
                self._hold(connection, source, epoch)
            values = {"source": source, "saved_at_us": at_us, "cursor": cursor}
            connection.execute(upsert(self._engine, CURSORS), values)
            self._remember(connection, values, began)

    def _hold(self, connection: Connection, source: str, epoch: int) -> None:
        """Lock the lease for this transaction. Raises LeaseLostError."""
        mine = update(LEASES).where(LEASES.c.source == source, LEASES.c.epoch == epoch).values(epoch=epoch)
        if connection.execute(mine).rowcount != 1:
            raise LeaseLostError(f"another replica has taken {source} over; it hears from where this one had saved")

    def _remember(self, connection: Connection, values: dict[str, object], began: str) -> None:
        """Add to the history when the last entry is old enough, and forget what is older than anybody rewinds."""
        history = CURSOR_HISTORY.c
        source, at_us = values["source"], int(str(values["saved_at_us"]))
        newest = connection.execute(select(func.max(history.saved_at_us)).where(history.source == source)).scalar()
        if newest is None:
            first = {"source": source, "saved_at_us": at_us - 1, "cursor": began}
            connection.execute(upsert(self._engine, CURSOR_HISTORY), first)
        elif at_us - newest >= HISTORY_STEP_US:
            connection.execute(upsert(self._engine, CURSOR_HISTORY), values)
            # The newest of the old ones stays: after a long silence it is what a rewind must find.
            kept_from = select(func.max(history.saved_at_us)).where(
                history.source == source, history.saved_at_us <= at_us - HISTORY_KEPT_US
            )
            oldest_us = connection.execute(kept_from).scalar()
            if oldest_us is not None:
                connection.execute(
                    delete(CURSOR_HISTORY).where(history.source == source, history.saved_at_us < oldest_us)
                )

    def add_gap(self, source: str, gap: Gap) -> None:
        """See CursorStore.add_gap."""
        row = {
            "source": source,
            "from_us": microseconds(gap.began_at),
            "to_us": microseconds(gap.ended_at),
            "reason": gap.reason,
        }
        with translated("note a gap"), self._engine.begin() as connection:
            connection.execute(upsert(self._engine, GAPS), row)

    def gaps(self, source: str) -> Sequence[Gap]:
        """See CursorStore.gaps."""
        wanted = select(GAPS).where(GAPS.c.source == source).order_by(GAPS.c.from_us.desc()).limit(GAPS_SHOWN)
        with translated("read the gaps"), self._engine.connect() as connection:
            rows = connection.execute(wanted).all()
        return [Gap(_at(row.from_us), _at(row.to_us), row.reason) for row in reversed(rows)]


def _at(value_us: int) -> datetime:
    return EPOCH + timedelta(microseconds=value_us)
