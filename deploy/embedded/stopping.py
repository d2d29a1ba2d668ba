"""How the system ends: the door closes, ingest ends, everybody reads to the end, then the rest goes. Within 10 s."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from deploy.embedded.core.drained import STAGES, Consumption, left_to_read
from deploy.embedded.system import System
from shared.errors import EarshotError
from shared.stream.kafka import KafkaAddress, KafkaAdmin, KafkaEnds
from shared.stream.ports import Partition

DOOR_SECONDS: Final = 1.5
INGEST_SECONDS: Final = 2.5
DRAIN_SECONDS: Final = 3.0
OTHERS_SECONDS: Final = 2.0
BROKER_SECONDS: Final = 0.2
HURRIED_SECONDS: Final = 0.5
POLL_SECONDS: Final = 0.05
ECHO_SECONDS: Final = 1.0
"""One wish may arrive twice: a signal to the whole group reaches make as well, which passes it on."""


class Told(Protocol):
    """Who is told how the end goes."""

    def stopping(self, what: str) -> None:
        """The next step has begun."""


class Positions(Protocol):
    """Where topics end and how far groups have committed. Blocks; raises EarshotError."""

    def left(self, consumption: Consumption) -> int:
        """Return how many records a group has yet to commit."""

    def close(self) -> None:
        """Let go of the connections."""


@dataclass
class StopSignals:
    """Counts the wishes to stop: the first drains, a later one hurries."""

    monotonic: Callable[[], float]
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    hurried: asyncio.Event = field(default_factory=asyncio.Event)
    _first_at: float | None = None

    def ask(self) -> None:
        """Take note of one more wish to stop."""
        now = self.monotonic()
        if self._first_at is None:
            self._first_at = now
        elif now - self._first_at >= ECHO_SECONDS:
            self.hurried.set()
        self.asked.set()

    def listen(self) -> None:
        """Take Ctrl-C, SIGTERM and a closed terminal as wishes to stop."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if each is signal.SIGHUP and signal.getsignal(each) is signal.SIG_IGN:
                # nohup: the terminal may go, Earshot stays.
                continue
            loop.add_signal_handler(each, self.ask)

    async def unless_hurried(self, work: Awaitable[object], seconds: float) -> bool:
        """Wait for some work; False when it was cut short by time or by a second wish to stop."""
        doing = asyncio.ensure_future(work)
        hurry = asyncio.ensure_future(self.hurried.wait())
        await asyncio.wait((doing, hurry), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        if doing.done():
            doing.result()
            return True
        doing.cancel()
        await asyncio.wait((doing,), timeout=HURRIED_SECONDS)
        return False


class KafkaPositions:
    """Positions asked of the broker."""

    def __init__(self, bootstrap_servers: str) -> None:
        address = KafkaAddress(bootstrap_servers, "earshot-launcher")
        self._admin = KafkaAdmin(address)
        self._ends = KafkaEnds(address)

    def left(self, consumption: Consumption) -> int:
        """See Positions. The ends are read after what the group before committed, so they are final."""
        ends: dict[Partition, int] = {}
        for topic in consumption.topics:
            ends |= self._ends.ends(topic)
        return left_to_read(ends, self._admin.committed(consumption.group))

    def close(self) -> None:
        """See Positions."""
        self._admin.close()
        self._ends.close()


def unread(bootstrap_servers: str) -> int:
    """Return how many records some group has not committed yet. Blocks. Raises EarshotError."""
    positions = KafkaPositions(bootstrap_servers)
    try:
        return sum(positions.left(each) for stage in STAGES for each in stage)
    finally:
        positions.close()


@dataclass
class Drain:
    """Ends a system in order."""

    system: System
    signals: StopSignals
    told: Told
    open_positions: Callable[[str], Positions] = KafkaPositions
    drain_seconds: float = DRAIN_SECONDS

    async def run(self, close_door: Callable[[], Awaitable[None]]) -> bool:
        """End everything; tell whether all that was accepted is stored."""
        self.told.stopping("closing the front door")
        await self.signals.unless_hurried(close_door(), DOOR_SECONDS)
        self.told.stopping("ingest finishes what it has accepted")
        await self.system.keepers["ingest"].stop(self._seconds(INGEST_SECONDS))
        stored = await self._read_to_the_end()
        self.told.stopping("stopping classify, metrics and queues")
        others = [keeper for name, keeper in self.system.keepers.items() if name != "ingest"]
        await asyncio.gather(*(keeper.stop(self._seconds(OTHERS_SECONDS)) for keeper in others))
        await self.system.broker.stop(BROKER_SECONDS)
        return stored

    def _seconds(self, seconds: float) -> float:
        return HURRIED_SECONDS if self.signals.hurried.is_set() else seconds

    async def _read_to_the_end(self) -> bool:
        """Wait until every group has committed everything; records in an own Kafka may wait for the next start."""
        servers = self.system.bootstrap_servers
        if not self.system.broker.embedded or servers is None:
            return True
        if self.system.broker_problem is not None or self.signals.hurried.is_set():
            return False
        self.told.stopping("waiting until everything accepted is stored")
        positions = self.open_positions(servers)
        try:
            return await self.signals.unless_hurried(self._all_stages(positions), self.drain_seconds)
        finally:
            await asyncio.wait((asyncio.ensure_future(asyncio.to_thread(positions.close)),), timeout=HURRIED_SECONDS)

    async def _all_stages(self, positions: Positions) -> None:
        for stage in STAGES:
            while await self._left(positions, stage):  # noqa: ASYNC110  # the broker sends no event
                await asyncio.sleep(POLL_SECONDS)

    async def _left(self, positions: Positions, stage: tuple[Consumption, ...]) -> int:
        try:
            return sum([await asyncio.to_thread(positions.left, each) for each in stage])
        except EarshotError:
            # The broker may be busy or gone; the deadline ends the wait.
            return 1
