"""The way into Kafka: a bounded number of records on their way, blocking work in threads, quick answers when away."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import structlog

from services.ingest.core.submissions import Batch
from shared.contracts.codec import Outgoing, encode_rejection
from shared.contracts.rejection import Rejection
from shared.errors import EarshotError, TransientError
from shared.service.following import follow, log_rejections, span_of
from shared.stream.ports import Publisher

Result = TypeVar("Result")

PATIENCE_SECONDS = 2.0
"""How long a request waits for room before it is told to come back."""


@dataclass
class BrokerHealth:
    """What the last contact with the broker said; written by publishers and the probe, read by health checks."""

    monotonic: Callable[[], float]
    problem: str | None = "not contacted yet"
    _away_until: float = 0.0

    def well(self) -> None:
        """Note a contact that worked."""
        self.problem = None
        self._away_until = 0.0

    def failed(self, error: EarshotError) -> None:
        """Note a contact that failed; for a moment nobody else needs to try."""
        self.problem = str(error)
        pause = error.retry_after_seconds if isinstance(error, TransientError) else 1.0
        self._away_until = self.monotonic() + pause

    def check(self) -> None:
        """Raise TransientError while the last failure is fresh."""
        left = self._away_until - self.monotonic()
        if left > 0 and self.problem is not None:
            raise TransientError(self.problem, retry_after_seconds=max(1.0, left))


@dataclass
class Intake:
    """Publishes what is accepted together with what is rejected; both are durable when a method returns."""

    publisher: Publisher
    health: BrokerHealth
    max_in_flight: int
    workers: int = 2
    _in_flight: int = 0
    _room: asyncio.Condition = field(default_factory=asyncio.Condition)
    _executor: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self._executor = ThreadPoolExecutor(self.workers, thread_name_prefix="intake")

    async def take(self, expected: int, read: Callable[[], Batch]) -> Batch:
        """Read a batch and publish it, both in one worker thread. Raises TransientError; resending is safe."""
        async with self._reserved(expected):
            return await self.compute(partial(self._take, read))

    async def compute(self, work: Callable[[], Result]) -> Result:
        """Return the result of work that would hold up the event loop."""
        # Log lines of the work belong to the request that asked for it.
        return await asyncio.get_running_loop().run_in_executor(self._executor, copy_context().run, work)

    async def publish(self, accepted: Sequence[Outgoing], rejected: Sequence[Rejection] = ()) -> None:
        """Publish records and rejections. Raises TransientError; publishing them again is safe."""
        if not accepted and not rejected:
            return
        records = [*accepted, *(encode_rejection(each) for each in rejected)]
        async with self._reserved(len(records)):
            await self.compute(partial(self._publish, records))
        log_rejections("ingest", rejected, {})

    def close(self) -> None:
        """Let go of the threads and of the broker."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        self.publisher.close()

    def _take(self, read: Callable[[], Batch]) -> Batch:
        batch = read()
        self._publish([*batch.accepted, *(encode_rejection(each.rejection) for each in batch.rejected)])
        log_rejections("ingest", [each.rejection for each in batch.rejected], {})
        return batch

    def _publish(self, records: Sequence[Outgoing]) -> None:
        if not records:
            return
        self.health.check()
        try:
            self.publisher.publish(records)
        except EarshotError as error:
            self.health.failed(error)
            structlog.get_logger(__name__).warning("not published", error=str(error), **span_of(records))
            raise
        self.health.well()
        follow("record published", records)

    @asynccontextmanager
    async def _reserved(self, records: int) -> AsyncIterator[None]:
        self.health.check()
        # A single batch greater than the whole allowance passes alone instead of never.
        wanted = min(records, self.max_in_flight)
        async with self._room:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await self._room.wait_for(lambda: self._in_flight + wanted <= self.max_in_flight)
            except TimeoutError:
                raise TransientError(
                    f"{self._in_flight} records are on their way to the broker, the limit is {self.max_in_flight}; "
                    "send again in a moment."
                ) from None
            self._in_flight += wanted
        try:
            yield
        finally:
            async with self._room:
                self._in_flight -= wanted
                self._room.notify_all()
