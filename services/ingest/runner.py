"""Keeps the sources of this replica running: starts them, waits longer after each failure, ends what is leased away."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from services.ingest.connectors.port import Connector, SilentError
from services.ingest.cursors import LeaseLostError
from services.ingest.leases import AllLeases, Leases
from services.ingest.states import Phase
from shared.errors import PermanentError, TransientError
from shared.stream.retry import RetryPolicy

STEADY_SECONDS = 10.0
"""A source that ran so long begins its back-off anew."""


@dataclass
class Runner:
    """Supervises connectors; one that fails never stops another. Without leases all of them run here."""

    connectors: Sequence[Connector]
    jitter: Callable[[], float]
    monotonic: Callable[[], float]
    retry: RetryPolicy = field(default_factory=lambda: RetryPolicy(first_seconds=0.2, cap_seconds=30))
    leases: Leases | None = None
    _group: asyncio.TaskGroup = field(init=False)
    _running: dict[str, asyncio.Task[None]] = field(default_factory=dict, init=False)

    async def run(self) -> None:
        """Run until cancelled, or until every source has ended for good."""
        leases = self.leases or AllLeases([connector.state.name for connector in self.connectors])
        async with asyncio.TaskGroup() as self._group:
            await leases.run(self.hold)

    async def hold(self, sources: frozenset[str]) -> None:
        """Run exactly these sources; returns once all others have ended."""
        ending = [self._running.pop(name) for name in list(self._running) if name not in sources]
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)
        for connector in self.connectors:
            name = connector.state.name
            if name not in sources:
                if connector.state.phase is not Phase.FINISHED:
                    connector.state.phase = Phase.STANDBY
            elif name not in self._running:
                self._running[name] = self._group.create_task(self._supervise(connector), name=name)

    async def _supervise(self, connector: Connector) -> None:
        state = connector.state
        while True:
            state.phase = Phase.CONNECTING
            started = self.monotonic()
            if await self._ended(connector):
                return
            if self.monotonic() - started >= STEADY_SECONDS:
                state.retries = 0
            state.retries += 1
            await asyncio.sleep(self.retry.delay_seconds(state.retries, jitter=self.jitter()))

    async def _ended(self, connector: Connector) -> bool:
        """Run a connector once; tell whether it has ended for good."""
        state = connector.state
        log = structlog.get_logger(__name__).bind(source=state.name)
        try:
            await connector.run()
        except LeaseLostError as error:
            # It starts here again only once the group has taken it away and given it back.
            state.failed(error, phase=Phase.STANDBY)
            log.warning("source taken over by another replica", error=str(error))
            return True
        except TransientError as error:
            state.failed(error, phase=Phase.IDLE if isinstance(error, SilentError) else Phase.BACKING_OFF)
            log.warning("source interrupted", error=str(error)[:300])
        except PermanentError as error:
            state.failed(error, phase=Phase.FAILED)
            log.critical("source failed", error=str(error)[:300])
            return True
        except Exception as error:  # a mistake in one connector must not silence the others
            state.failed(error, phase=Phase.BACKING_OFF)
            log.exception("source stopped by a mistake of ours")
        else:
            if state.phase is Phase.FINISHED:
                log.info("source finished")
                return True
        return False
