"""Decides which sources run in this replica: all of them when it is alone, else what the consumer group gives it.

The group makes one owner at a time and a successor within a session timeout. A replica that was stalled for longer may
not know yet that it was replaced; then the fence of the cursors stops it (ADR 0019).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from services.ingest.core.leases import leased
from shared.contracts.topics import SOURCES_LEASED
from shared.errors import EarshotError
from shared.stream.ports import Partition, Record

Holding = Callable[[frozenset[str]], Awaitable[None]]
"""Runs exactly the named sources; returns once all others have ended."""

LEASE_GROUP: Final = "ingest-sources"
POLL_SECONDS: Final = 0.3
PAUSE_SECONDS: Final = 1.0
RELEASE_SECONDS: Final = 2.0
"""How long a rebalance waits for sources to end; heartbeats wait with it, so it is short of any session timeout."""


class Membership(Protocol):
    """A member of the group that shares out the partitions of the leases' topic. Blocks."""

    def poll(self, timeout_seconds: float, max_records: int) -> Sequence[Record]:
        """Take part in the group. Raises TransientError."""

    def owned(self) -> frozenset[Partition]:
        """Return what this member holds now."""

    def on_revoked(self, callback: Callable[[frozenset[Partition]], None]) -> None:
        """Call back, within `poll` and `close`, with partitions that are taken away."""

    def close(self) -> None:
        """Leave the group, so that others take over at once."""


class Leases(Protocol):
    """Tells which sources to run."""

    async def run(self, hold: Holding) -> None:
        """Call `hold` at every change until cancelled; returns when nothing will ever change."""


@dataclass(frozen=True)
class AllLeases:
    """The leases of a replica that is alone: every source, for good."""

    sources: Sequence[str]

    async def run(self, hold: Holding) -> None:
        """See Leases.run."""
        await hold(frozenset(self.sources))


@dataclass
class GroupLeases:
    """The leases of one replica of several."""

    sources: Sequence[str]
    membership: Membership
    partitions: int = SOURCES_LEASED.partitions
    _thread: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        # One thread for all calls: a member of a group is not thread-safe.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="leases")

    async def run(self, hold: Holding) -> None:
        """See Leases.run."""
        loop = asyncio.get_running_loop()
        held: frozenset[str] = frozenset()

        def revoked(partitions: frozenset[Partition]) -> None:
            """End what is taken away before the group gives it to somebody else."""
            left = held - self._with(partitions)
            ending = asyncio.run_coroutine_threadsafe(self._give_up(hold, left), loop)
            with suppress(TimeoutError):
                ending.result(RELEASE_SECONDS)

        self.membership.on_revoked(revoked)
        await hold(held)
        try:
            while True:
                wanted = await self._look(held)
                if wanted != held:
                    structlog.get_logger(__name__).info("sources leased", sources=sorted(wanted))
                held = wanted
                await hold(held)
        finally:
            # First the sources, then the membership: a successor begins where they have ended.
            await hold(frozenset())
            await asyncio.shield(loop.run_in_executor(self._thread, self.membership.close))

    async def _give_up(self, hold: Holding, left: frozenset[str]) -> None:
        await hold(left)

    async def _look(self, held: frozenset[str]) -> frozenset[str]:
        """Return the sources this replica holds after a moment in the group."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._poll)
        except EarshotError as error:
            # Without the broker nothing can be published either; whoever is replaced meanwhile is stopped by the fence.
            structlog.get_logger(__name__).warning("leases not renewed", error=str(error), sources=sorted(held))
            await asyncio.sleep(PAUSE_SECONDS)
            return held

    def _poll(self) -> frozenset[str]:
        self.membership.poll(POLL_SECONDS, 1)
        return self._with(self.membership.owned())

    def _with(self, partitions: frozenset[Partition]) -> frozenset[str]:
        return leased(self.sources, (each.number for each in partitions), self.partitions)
