"""What the replica that runs a source told of it last, so that any replica can show it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import Engine, select

from services.ingest.core.fields import microseconds
from services.ingest.database import STATES, translated, upsert
from services.ingest.states import Phase, SourceState
from shared.clock import Clock
from shared.errors import TransientError

TELL_SECONDS: Final = 2.0
FRESH: Final = timedelta(seconds=15)
"""What was told longer ago is not shown: nobody runs the source, or the one who does has lost the database."""


@dataclass(frozen=True)
class Told:
    """Views of sources as JSON, in the database that all replicas share."""

    engine: Engine
    clock: Clock

    def tell(self, views: Mapping[str, str]) -> None:
        """Keep views by source. Raises TransientError."""
        at_us = microseconds(self.clock())
        rows = [{"source": name, "told_at_us": at_us, "view": view} for name, view in views.items()]
        if rows:
            with translated("tell the state of sources"), self.engine.begin() as connection:
                connection.execute(upsert(self.engine, STATES), rows)

    def fresh(self, sources: Sequence[str]) -> Mapping[str, str]:
        """Return what was told of sources a moment ago. Raises TransientError."""
        since_us = microseconds(self.clock() - FRESH)
        wanted = select(STATES).where(STATES.c.source.in_(sources), STATES.c.told_at_us >= since_us)
        with translated("read the state of sources"), self.engine.connect() as connection:
            return {row.source: row.view for row in connection.execute(wanted)}


async def tell_others(told: Told, states: Sequence[SourceState], view: Callable[[SourceState], str]) -> None:
    """Tell what the sources of this replica do, until cancelled."""
    while True:
        mine = {state.name: view(state) for state in states if state.phase not in {Phase.STANDBY, Phase.WAITING}}
        try:
            await asyncio.to_thread(told.tell, mine)
        except TransientError as error:
            structlog.get_logger(__name__).warning("the state of sources is not told", error=str(error))
        await asyncio.sleep(TELL_SECONDS)
