"""Hub: one reader of new events, a bounded ring of them, and subscribers that pull at their own pace.

Nobody is pushed to and nothing is queued per subscriber: each holds a cursor, so a slow one costs the others nothing.
One that has left the ring catches up from the database; one that is too far behind, or whose place is gone, is told to
resync.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog

from services.queues.core.event import Event
from services.queues.core.ports import EventReader
from services.queues.core.positions import Position
from shared.errors import TransientError

CHUNK: Final = 500
MOST_PLACES: Final = 64


@dataclass(frozen=True)
class HubPolicy:
    """How much is held in memory, how far behind one may fall, and how often the database is asked."""

    ring_events: int = 10_000
    replay_events: int = 50_000
    poll_seconds: float = 0.5
    pace_seconds: float = 0.1


@dataclass(frozen=True)
class Resync:
    """The subscriber's place is gone: take a fresh snapshot and go on from `sequence`."""

    sequence: int


class Hub:
    """Serves the feed of one database to many subscribers; lives on one event loop, `wake` comes from any thread."""

    def __init__(self, reader: EventReader, policy: HubPolicy) -> None:
        self.subscribers = 0
        self.problem: str | None = "not started yet"
        self._reader = reader
        self._policy = policy
        self._ring: list[Event] = []
        # Every event after `_tail` up to `_head` is in the ring.
        self._tail = 0
        self._head = 0
        self._changed = asyncio.Event()
        self._woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        # Where each place in the ring goes on, made once for all subscribers that stand there.
        self._next: dict[int, Sequence[Event]] = {}
        self._closed = False
        self._started = False
        # Items removed within the ring: what was deleted is not told again to those who lag or resume.
        self._removed: dict[str, int] = {}

    @property
    def closed(self) -> bool:
        """Tell whether subscribers should end."""
        return self._closed

    def position(self, sequence: int) -> Position:
        """Return a sequence as clients see it."""
        return Position(self._reader.epoch, sequence)

    def newest(self) -> int:
        """Return the newest sequence that is known. Raises TransientError until the feed was read once."""
        if not self._started:
            raise TransientError(f"the feed of changes is {self.problem}; open the stream again")
        return self._head

    def wake(self) -> None:
        """Look for new events now. Callable from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._woken.set)

    def announce(self) -> None:
        """Let every subscriber look up, although the feed has nothing new. Callable from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._announce)

    def close(self) -> None:
        """End every subscription, and `run`. Callable from any thread and from a signal handler."""
        self._closed = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._announce)

    async def run(self) -> None:
        """Follow the feed until `close`; a database that is away is asked again and reported as `problem`."""
        self._loop = asyncio.get_running_loop()
        while not self._closed:
            self._woken.clear()
            try:
                await self._follow()
                self.problem = None
            except TransientError as error:
                if self.problem is None:
                    structlog.get_logger(__name__).warning("feed not readable", error=str(error))
                self.problem = str(error)
            # Many small commits become one look, and one write per subscriber.
            await asyncio.sleep(self._policy.pace_seconds)
            await self._wait(self._woken, self._policy.poll_seconds)

    async def _follow(self) -> None:
        if not self._started:
            bounds = await asyncio.to_thread(self._reader.bounds)
            self._tail = self._head = bounds.last
            self._started = True
        while fresh := await asyncio.to_thread(self._reader.events, self._head, CHUNK):
            self._take(fresh)
            if len(fresh) < CHUNK:
                break

    def _take(self, fresh: Sequence[Event]) -> None:
        self._ring += fresh
        self._next.clear()
        self._head = fresh[-1].sequence
        self._removed.update((each.change.item, each.sequence) for each in fresh if each.change.kind == "removed")
        # Cut rarely and much rather than at every event: a list keeps the search for a cursor a bisection.
        if len(self._ring) > 2 * self._policy.ring_events:
            dropped = len(self._ring) - self._policy.ring_events
            self._tail = self._ring[dropped - 1].sequence
            del self._ring[:dropped]
            self._removed = {item: sequence for item, sequence in self._removed.items() if sequence > self._tail}
        self._announce()

    def _announce(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        if self._closed:
            self._woken.set()

    async def resume(self, position: Position | None) -> int | Resync:
        """Return the sequence to go on from after a place a client remembers, or that it has to resync."""
        self.newest()
        ours = position is not None and position.epoch == self._reader.epoch
        if position is not None and ours and self._tail <= position.sequence <= self._head:
            return position.sequence
        bounds = await asyncio.to_thread(self._reader.bounds)
        # A place after the last event was never given out; one before the first kept event cannot be caught up with.
        in_reach = ours and position is not None and bounds.first - 1 <= position.sequence <= bounds.last
        if position is None or not in_reach or bounds.last - position.sequence > self._policy.replay_events:
            # The database's last event, which we may not have read yet: the snapshot that is asked for holds it.
            return Resync(bounds.last)
        return position.sequence

    async def after(self, sequence: int, timeout_seconds: float) -> Sequence[Event] | Resync:
        """Return the next events after a sequence; empty when none came in time, or when the hub is closed."""
        changed = self._changed
        if sequence >= self._head and not self._closed:
            await self._wait(changed, timeout_seconds)
        if self._closed or sequence >= self._head:
            return ()
        if sequence >= self._tail:
            if sequence not in self._next:
                if len(self._next) >= MOST_PLACES:
                    self._next.clear()
                start = bisect_right(self._ring, sequence, key=_sequence)
                self._next[sequence] = [self._blanked(event) for event in self._ring[start : start + CHUNK]]
            return self._next[sequence]
        place = await self.resume(Position(self._reader.epoch, sequence))
        if isinstance(place, Resync):
            return place
        return await asyncio.to_thread(self._reader.events, sequence, CHUNK)

    def _blanked(self, event: Event) -> Event:
        if self._removed.get(event.change.item, 0) <= event.sequence:
            return event
        return replace(event, change=replace(event.change, payload=None))

    async def _wait(self, event: asyncio.Event, timeout_seconds: float) -> None:
        try:
            async with asyncio.timeout(timeout_seconds):
                await event.wait()
        except TimeoutError:
            pass


def _sequence(event: Event) -> int:
    return event.sequence
