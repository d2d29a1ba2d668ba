"""The loop that reads ahead keeps the same promises as the plain one; its own planted bugs are caught too."""

import contextlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from shared.errors import TransientError
from shared.stream.ahead import AheadLoop
from shared.stream.batching import Batch, committable
from shared.stream.loop import Loop
from shared.stream.ports import Record
from tests.delivery.oracle import TOPIC, Violation, run

SEEDS = range(300)


@pytest.mark.parametrize("block", range(10))
def test_reading_ahead_commits_only_what_is_durable_in_order_and_loses_no_rejection(block: int) -> None:
    for seed in SEEDS[block::10]:
        world = run(seed, AheadLoop)
        assert len(world.stored) == len(world.log.all(TOPIC))


@dataclass
class CommitsWhenHandedOver(AheadLoop):
    def _handle(self, batch: Batch, stop: threading.Event) -> None:
        records: Sequence[Record] = list(batch.records)
        super()._handle(batch, stop)
        self._commit(records)


@dataclass
class ForgetsWhatFailed(AheadLoop):
    def _settle(self, stop: threading.Event) -> None:
        try:
            super()._settle(stop)
        finally:
            self._under_way = None


@dataclass
class GoesOnAfterGivingUp(AheadLoop):
    def _settle(self, stop: threading.Event) -> None:
        super()._settle(stop)
        self._given_up = False

    def _drain(self, batch: Batch) -> None:
        held, self._under_way = self._under_way, None
        if held is not None:
            with contextlib.suppress(TransientError):
                self._finish(held)
        super()._drain(batch)


@dataclass
class ForgetsWhatIsUnderWayAtTheStop(AheadLoop):
    def _drain(self, batch: Batch) -> None:
        self._under_way = None
        super()._drain(batch)


@dataclass
class CommitsBeforeItLooksAtTheResult(AheadLoop):
    def _settle(self, stop: threading.Event) -> None:
        if self._under_way is not None:
            with contextlib.suppress(TransientError):
                self.source.commit(committable(self._under_way.records))
        super()._settle(stop)


@dataclass
class StaysPaused(AheadLoop):
    def _stay(self, stop: threading.Event) -> None:
        super()._stay(stop)
        self.source.pause()


@pytest.mark.parametrize(
    "bug",
    [
        CommitsWhenHandedOver, ForgetsWhatFailed, GoesOnAfterGivingUp, ForgetsWhatIsUnderWayAtTheStop,
        CommitsBeforeItLooksAtTheResult, StaysPaused,
    ],
)  # fmt: skip
def test_a_planted_bug_is_caught(bug: type[Loop]) -> None:
    for seed in SEEDS:
        try:
            run(seed, bug)
        except Violation:
            return
    pytest.fail(f"the oracle does not notice a loop that {bug.__name__}")
