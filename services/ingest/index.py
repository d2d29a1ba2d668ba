"""The activity index in SQL: what a bare delete, undo or account removal takes back. Written before publishing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Engine, Row, delete, select, update

from services.ingest.core.fields import microseconds
from services.ingest.core.known import Known
from services.ingest.database import ACTIVITIES, AGE, translated, upsert
from shared.contracts.activity import Direction, Surface, Verb

IDS_PER_QUERY = 500
FORGOTTEN_AT_ONCE = 5_000


class SqlActivityIndex:
    """Implements ActivityIndex on SQLAlchemy Core."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._upsert = upsert(engine, ACTIVITIES)

    def put(self, entries: Sequence[Known], at: datetime) -> None:
        """See ActivityIndex.put."""
        if not entries:
            return
        rows = [asdict(entry) | {AGE: microseconds(at)} for entry in entries]
        with translated("write the activity index"), self._engine.begin() as connection:
            connection.execute(self._upsert, rows)

    def find(self, ids: Iterable[str]) -> Mapping[str, Known]:
        """See ActivityIndex.find."""
        wanted = sorted(set(ids))
        found: dict[str, Known] = {}
        if not wanted:
            return found
        with translated("read the activity index"), self._engine.connect() as connection:
            for start in range(0, len(wanted), IDS_PER_QUERY):
                some = wanted[start : start + IDS_PER_QUERY]
                rows = connection.execute(select(ACTIVITIES).where(ACTIVITIES.c.id.in_(some)))
                found.update((row.id, _known(row)) for row in rows)
        return found

    def of_actor(self, channel: str, actor: str) -> Sequence[Known]:
        """See ActivityIndex.of_actor."""
        wanted = select(ACTIVITIES).where(ACTIVITIES.c.channel == channel, ACTIVITIES.c.actor == actor)
        with translated("read the activity index"), self._engine.connect() as connection:
            return [_known(row) for row in connection.execute(wanted.order_by(ACTIVITIES.c.id))]

    def forget(self, before: datetime, *, now: datetime) -> int:
        """Forget some of what was remembered before an instant; return how many. Raises TransientError."""
        age = ACTIVITIES.c[AGE]
        some = select(ACTIVITIES.c.id).where(age < microseconds(before)).order_by(age).limit(FORGOTTEN_AT_ONCE)
        with translated("prune the activity index"), self._engine.begin() as connection:
            # What an older Earshot remembered has no age; it counts from the first look on.
            connection.execute(update(ACTIVITIES).where(age == 0).values({AGE: microseconds(now)}))
            return connection.execute(delete(ACTIVITIES).where(ACTIVITIES.c.id.in_(some))).rowcount


def _known(row: Row[tuple[object, ...]]) -> Known:
    held = row._asdict()
    del held[AGE]
    return Known(
        **{
            **held,
            "verb": Verb(held["verb"]),
            "surface": Surface(held["surface"]),
            "direction": Direction(held["direction"]),
        }
    )
