"""Sends rejected records again after a fix. The effect is exactly once: records keep their ids, and sinks know them.

What was sent is remembered, so that asking twice does not even write it twice; a crash between the two leaves a record
that is written again at the next asking, which changes no count.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Engine, select

from services.ingest.core.fields import EPOCH, microseconds
from services.ingest.core.replays import Rejected, again, place_of
from services.ingest.database import REPLAYS, translated, upsert
from services.ingest.intake import Intake
from shared.clock import Clock
from shared.contracts.codec import Outgoing
from shared.stream.ports import Lookup


class Outcome(StrEnum):
    """What became of one rejection."""

    REPLAYED = "replayed"
    REPLAYED_BEFORE = "replayed_before"
    NOT_REPLAYABLE = "not_replayable"


@dataclass(frozen=True)
class Verdict:
    """The outcome, why, and when the record was sent again."""

    outcome: Outcome
    detail: str = ""
    replayed_at: datetime | None = None


@dataclass(frozen=True)
class Replays:
    """Looks originals up, publishes them, remembers that."""

    lookup: Lookup
    intake: Intake
    engine: Engine
    clock: Clock

    async def replay(self, rejected: Sequence[Rejected], *, repeat: bool = False) -> list[Verdict]:
        """Return one verdict per rejection, in order; everything replayed is durable. Raises TransientError.

        Args:
            rejected: What the rejections say of their inputs.
            repeat: Send also what was sent before: the first fix was none.
        """
        found = await asyncio.to_thread(self._found, rejected, repeat)
        outgoing = {each.digest: held for each, held in zip(rejected, found, strict=True) if isinstance(held, Outgoing)}
        await self.intake.publish(list(outgoing.values()))
        at = self.clock()
        await asyncio.to_thread(self._remember, list(outgoing), at)
        return [held if isinstance(held, Verdict) else Verdict(Outcome.REPLAYED, replayed_at=at) for held in found]

    def _found(self, rejected: Sequence[Rejected], repeat: bool) -> list[Outgoing | Verdict]:  # noqa: FBT001
        before = {} if repeat else self._replayed([each.digest for each in rejected])
        return [
            Verdict(Outcome.REPLAYED_BEFORE, replayed_at=before[each.digest])
            if each.digest in before
            else self._original(each)
            for each in rejected
        ]

    def _original(self, rejected: Rejected) -> Outgoing | Verdict:
        place = place_of(rejected)
        if isinstance(place, str):
            return Verdict(Outcome.NOT_REPLAYABLE, place)
        original = again(rejected, self.lookup.find(place.partition, place.offset))
        return Verdict(Outcome.NOT_REPLAYABLE, original) if isinstance(original, str) else original

    def _replayed(self, digests: Sequence[str]) -> dict[str, datetime]:
        with translated("read the replays"), self.engine.connect() as connection:
            rows = connection.execute(select(REPLAYS).where(REPLAYS.c.digest.in_(digests))).all()
        return {row.digest: EPOCH + timedelta(microseconds=row.replayed_at_us) for row in rows}

    def _remember(self, digests: Sequence[str], at: datetime) -> None:
        if not digests:
            return
        rows = [{"digest": digest, "replayed_at_us": microseconds(at)} for digest in digests]
        with translated("remember replays"), self.engine.begin() as connection:
            connection.execute(upsert(self.engine, REPLAYS), rows)
