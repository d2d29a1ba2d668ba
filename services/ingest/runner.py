"""Keeps every source running: starts them, waits longer after each failure, and shows what each is doing."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from services.ingest.connectors.port import Connector, SilentError
from services.ingest.states import Phase
from shared.errors import PermanentError, TransientError
from shared.stream.retry import RetryPolicy

STEADY_SECONDS = 10.0
"""A source that ran so long begins its back-off anew."""


@dataclass
class Runner:
    """Supervises connectors; one that fails never stops another."""

    connectors: Sequence[Connector]
    jitter: Callable[[], float]
    monotonic: Callable[[], float]
    retry: RetryPolicy = field(default_factory=lambda: RetryPolicy(first_seconds=0.2, cap_seconds=30))

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as group:
            for connector in self.connectors:
                group.create_task(self._supervise(connector), name=connector.state.name)

    async def _supervise(self, connector: Connector) -> None:
        state = connector.state
        log = structlog.get_logger(__name__).bind(source=state.name)
        while True:
            state.phase = Phase.CONNECTING
            started = self.monotonic()
            try:
                await connector.run()
            except TransientError as error:
                state.failed(error, phase=Phase.IDLE if isinstance(error, SilentError) else Phase.BACKING_OFF)
                log.warning("source interrupted", error=str(error)[:300])
            except PermanentError as error:
                state.failed(error, phase=Phase.FAILED)
                log.critical("source failed", error=str(error)[:300])
                return
            except Exception as error:  # a mistake in one connector must not silence the others
                state.failed(error, phase=Phase.BACKING_OFF)
                log.exception("source stopped by a mistake of ours")
            else:
                if state.phase is Phase.FINISHED:
                    log.info("source finished")
                    return
            if self.monotonic() - started >= STEADY_SECONDS:
                state.retries = 0
            state.retries += 1
            await asyncio.sleep(self.retry.delay_seconds(state.retries, jitter=self.jitter()))
