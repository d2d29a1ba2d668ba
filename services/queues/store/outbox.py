"""SqlOutbox: label corrections, kept in the database from the change itself until the topic holds them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, insert, select

from services.queues.store.dialect import turn_to_tell
from services.queues.store.errors import translated
from services.queues.store.schema import outbox
from shared.contracts.correction import Correction


def write_correction(connection: Connection, correction: Correction) -> None:
    """Keep a correction for its topic, in the transaction that applies it."""
    connection.execute(insert(outbox).values(correction=correction.model_dump_json()))


@dataclass(frozen=True)
class SqlOutbox:
    """Implements Outbox. A replica that loses the database in its turn is told again by the next, with the same ids."""

    engine: Engine

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """See Outbox.turn."""
        with translated("take a turn at the outbox"), turn_to_tell(self.engine) as ours:
            yield ours

    def waiting(self, limit: int) -> Sequence[tuple[int, Correction]]:
        """See Outbox.waiting."""
        query = select(outbox).order_by(outbox.c.sequence).limit(limit)
        with translated("read the outbox"), self.engine.begin() as connection:
            rows = connection.execute(query).all()
        return [(row.sequence, Correction.model_validate_json(row.correction)) for row in rows]

    def settle(self, last: int) -> None:
        """See Outbox.settle."""
        with translated("empty the outbox"), self.engine.begin() as connection:
            connection.execute(delete(outbox).where(outbox.c.sequence <= last))
