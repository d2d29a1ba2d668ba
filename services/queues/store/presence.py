"""SqlPresence: who looks at which item, in one small table that all replicas share."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from sqlalchemy import Engine, and_, delete, func, insert, select

from services.queues.core.ports import Lookers
from services.queues.core.post import Facets
from services.queues.store.dialect import serialise_writers
from services.queues.store.errors import translated
from services.queues.store.schema import looking, posts

MOST_AGENTS: Final = 20
MOST_ROWS: Final = 20_000


@dataclass(frozen=True)
class SqlPresence:
    """Implements PresenceStore."""

    writer: Engine
    reader: Engine

    def look(self, item: str, agent: str, *, until_us: int, now_us: int) -> None:
        """See PresenceStore.look."""
        same = and_(looking.c.item == item, looking.c.agent == agent)
        with translated("note who looks"), self.writer.begin() as connection:
            serialise_writers(connection)
            connection.execute(delete(looking).where(same | (looking.c.until_us <= now_us)))
            beside = select(func.count()).select_from(looking)
            agents = connection.execute(beside.where(looking.c.item == item)).scalar_one()
            if agents < MOST_AGENTS and connection.execute(beside).scalar_one() < MOST_ROWS:
                connection.execute(insert(looking).values(item=item, agent=agent, until_us=until_us))

    def lookers(self, now_us: int) -> Sequence[Lookers]:
        """See PresenceStore.lookers."""
        facets = [posts.c[name] for name in Facets._fields]
        query = (
            select(looking.c.item, looking.c.agent, *facets)
            .join(posts, posts.c.item == looking.c.item)
            .where(looking.c.until_us > now_us, posts.c.state.is_not(None))
            .order_by(looking.c.item, looking.c.agent)
        )
        with translated("see who looks"), self.reader.begin() as connection:
            rows = connection.execute(query).all()
        grouped = ((item, list(some)) for item, some in groupby(rows, key=lambda row: row.item))
        return [Lookers(item, Facets(*some[0][2:]), [row.agent for row in some]) for item, some in grouped]
