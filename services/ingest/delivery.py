"""What every source does with what it heard: publish until it is durable, save the cursor, note what it missed."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from services.ingest.cursors import CursorStore, Gap, SavedCursor
from services.ingest.intake import Intake
from services.ingest.states import Phase, SourceState
from shared.clock import Clock
from shared.contracts.codec import Outgoing
from shared.contracts.rejection import Rejection
from shared.errors import TransientError
from shared.service.following import span_of
from shared.stream.retry import RetryPolicy


@dataclass(frozen=True)
class Saving:
    """A cursor to save: as stored, as shown, where the source began, and the platform's time it stands for."""

    cursor: str
    shown: str
    began: str
    at: datetime | None = None


@dataclass
class Delivery:
    """Shared by all sources of a process. `rewind_seconds` takes each source back once, after a memory broker died."""

    intake: Intake
    cursors: CursorStore
    clock: Clock
    jitter: Callable[[], float]
    rewind_seconds: float = 0.0
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    _resumed: set[str] = field(default_factory=set)
    _epochs: dict[str, int] = field(default_factory=dict)

    async def resume(self, source: str) -> SavedCursor | None:
        """Take a source over and return where it goes on.

        At its first start in this process that is as far back as a crash may have lost.
        """
        # Taken before the cursor is read: whoever had it until now saves no other one after that.
        self._epochs[source] = await asyncio.to_thread(self.cursors.take, source)
        first = source not in self._resumed
        seconds = self.rewind_seconds if first else 0.0
        found = await asyncio.to_thread(self.cursors.rewound, source, seconds)
        self._resumed.add(source)
        return found

    async def publish(
        self, state: SourceState, accepted: Sequence[Outgoing], rejected: Sequence[Rejection], *, ignored: int = 0
    ) -> None:
        """Return once everything is durable; while the broker is away it waits and tries again, for ever."""
        phase = state.phase
        attempt = 0
        while True:
            try:
                await self.intake.publish(accepted, rejected)
                break
            except TransientError as error:
                attempt += 1
                state.failed(error, phase=Phase.BACKING_OFF)
                structlog.get_logger(__name__).warning(
                    "publish is tried again", source=state.name, attempt=attempt, error=str(error), **span_of(accepted)
                )
                await asyncio.sleep(self.retry.delay_seconds(attempt, jitter=self.jitter()))
        state.phase = phase
        state.heard(accepted=len(accepted), ignored=ignored, rejected=rejected)

    async def save(self, state: SourceState, saving: Saving) -> None:
        """Save a cursor, after what lies before it was published. Raises TransientError, of these LeaseLostError."""
        now = self.clock()
        epoch = self._epochs.get(state.name, 0)
        await asyncio.to_thread(self.cursors.save, state.name, saving.cursor, began=saving.began, at=now, epoch=epoch)
        state.stands_at(saving.shown, saved_at=now, at=saving.at)

    async def missed(self, state: SourceState, gap: Gap) -> None:
        """Keep a gap and show it. Raises TransientError."""
        await asyncio.to_thread(self.cursors.add_gap, state.name, gap)
        state.missed(gap)
