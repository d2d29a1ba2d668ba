"""Supervision: back-off, failures that stay, and one source's trouble never being another's."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from services.ingest.connectors.port import SilentError
from services.ingest.cursors import Gap
from services.ingest.meters import Meters
from services.ingest.runner import Runner
from services.ingest.states import Phase, SourceState
from shared.errors import PermanentError, TransientError
from shared.service.telemetry import Telemetry
from shared.stream.retry import RetryPolicy
from tests.builders import NOON


def a_state(name: str = "s", telemetry: Telemetry | None = None) -> SourceState:
    return SourceState(name, "replay", lambda: NOON, Meters(telemetry or Telemetry("ingest")))


@dataclass
class FakeConnector:
    """Raises its errors one after the other, then finishes."""

    errors: list[Exception]
    state: SourceState = field(default_factory=a_state)
    phases: list[Phase] = field(default_factory=list)

    async def run(self) -> None:
        self.phases.append(self.state.phase)
        if self.errors:
            raise self.errors.pop(0)
        self.state.phase = Phase.FINISHED


def run(*connectors: FakeConnector, monotonic: Callable[[], float] = lambda: 0.0) -> None:
    runner = Runner(connectors, lambda: 0.5, monotonic, RetryPolicy(first_seconds=0.001, cap_seconds=0.002))

    async def within() -> None:
        async with asyncio.timeout(10):
            await runner.run()

    asyncio.run(within())


def test_a_source_is_run_again_after_every_passing_failure() -> None:
    connector = FakeConnector([TransientError("lost"), SilentError("quiet"), RuntimeError("our mistake")])
    run(connector)
    assert connector.phases == [Phase.CONNECTING] * 4
    assert (connector.state.phase, connector.state.last_error) == (Phase.FINISHED, "our mistake")
    assert connector.state.last_error_at == NOON


def test_a_failure_that_stays_ends_the_source_and_no_other() -> None:
    telemetry = Telemetry("ingest")
    broken = FakeConnector([PermanentError("no such file")], a_state("broken"))
    other = FakeConnector([TransientError("x")] * 5, a_state("other", telemetry))
    run(broken, other)
    assert (broken.state.phase, broken.state.last_error) == (Phase.FAILED, "no such file")
    assert other.state.phase is Phase.FINISHED


@pytest.mark.parametrize(("lived_seconds", "retries"), [(0.0, 3), (60.0, 1)])
def test_back_off_begins_anew_only_after_a_steady_run(lived_seconds: float, retries: int) -> None:
    connector = FakeConnector([TransientError("x") for _ in range(3)])
    clock = iter(range(1_000))
    run(connector, monotonic=lambda: next(clock) * lived_seconds)
    assert connector.state.retries == retries


def test_a_gap_whose_end_is_learned_later_replaces_the_guess_and_counts_once() -> None:
    telemetry = Telemetry("ingest")
    state = a_state("s", telemetry)
    state.missed(Gap(NOON, NOON, "cursor_too_old"))
    state.missed(Gap(NOON, NOON.replace(hour=13), "cursor_too_old"))
    assert [gap.ended_at.hour for gap in state.gaps] == [13]
    assert telemetry.registry.get_sample_value("earshot_ingest_gaps_total", {"source": "s"}) == 1
