"""Invariants 2, 3 and 4 under seeded crashes, and the oracle itself under planted bugs: every one must be caught."""

import contextlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from shared.contracts.codec import encode_rejection
from shared.contracts.rejection import Rejection
from shared.errors import TransientError
from shared.stream.batching import Batch, committable
from shared.stream.loop import Loop
from shared.stream.ports import Partition, Record
from tests.delivery.oracle import TOPIC, Violation, run

SEEDS = range(300)


@pytest.mark.parametrize("block", range(10))
def test_offsets_are_committed_only_after_the_effect_is_durable_and_no_rejection_is_lost(block: int) -> None:
    for seed in SEEDS[block::10]:
        world = run(seed)
        assert len(world.stored) == len(world.log.all(TOPIC))


@dataclass
class CommitsBeforeTheEffect(Loop):
    def _effect(self, records: Sequence[Record]) -> Sequence[Rejection]:
        self.source.commit(committable(records))
        return super()._effect(records)


@dataclass
class CommitsTheOffsetInsteadOfTheNext(Loop):
    def _commit(self, records: Sequence[Record]) -> None:
        self.source.commit({partition: offset - 1 for partition, offset in committable(records).items()})


@dataclass
class CommitsOneTooFar(Loop):
    def _commit(self, records: Sequence[Record]) -> None:
        self.source.commit({partition: offset + 1 for partition, offset in committable(records).items()})


@dataclass
class CommitsTheBatchSize(Loop):
    def _commit(self, records: Sequence[Record]) -> None:
        self.source.commit({record.partition: len(records) for record in records})


@dataclass
class CommitsOnlyTheLastPartition(Loop):
    def _commit(self, records: Sequence[Record]) -> None:
        self.source.commit(dict(list(committable(records).items())[-1:]))


@dataclass
class CommitsTheHighestOffsetForAllPartitions(Loop):
    def _commit(self, records: Sequence[Record]) -> None:
        offsets = committable(records)
        self.source.commit(dict.fromkeys(offsets, max(offsets.values())))


@dataclass
class CommitsTheLowestOffset(Loop):
    def _commit(self, records: Sequence[Record]) -> None:
        self.source.commit({record.partition: record.next_offset for record in reversed(records)})


@dataclass
class LosesWhatItPollsWhileItWaits(Loop):
    def _wait(self, seconds: float, stop: threading.Event) -> bool:
        del seconds
        self.source.poll(0, 1)
        return not stop.wait(0)


@dataclass
class CommitsOnRead(Loop):
    def _step(self, batch: Batch, stop: threading.Event) -> None:
        super()._step(batch, stop)
        if batch.records:
            self.source.commit(committable(batch.records))


@dataclass
class NeverCommits(Loop):
    def _commit(self, records: Sequence[Record]) -> None:
        pass


@dataclass
class SwallowsAFailedEffect(Loop):
    def _effect(self, records: Sequence[Record]) -> Sequence[Rejection]:
        try:
            return super()._effect(records)
        except TransientError:
            return ()


@dataclass
class GivesUpAfterThreeTries(Loop):
    tries: int = 0

    def _effect(self, records: Sequence[Record]) -> Sequence[Rejection]:
        try:
            return super()._effect(records)
        except TransientError:
            self.tries += 1
            if self.tries < 3:
                raise
            self.tries = 0
            return ()


@dataclass
class ForgetsRejections(Loop):
    def _effect(self, records: Sequence[Record]) -> Sequence[Rejection]:
        return self.handler.handle(records)


@dataclass
class PublishesOnlyTheFirstRejection(Loop):
    def _effect(self, records: Sequence[Record]) -> Sequence[Rejection]:
        rejected = self.handler.handle(records)
        self.rejections.publish([encode_rejection(each) for each in rejected[:1]])
        return rejected


@dataclass
class PublishesRejectionsAfterTheCommit(Loop):
    def _effect(self, records: Sequence[Record]) -> Sequence[Rejection]:
        rejected = self.handler.handle(records)
        self.source.commit(committable(records))
        self.rejections.publish([encode_rejection(each) for each in rejected])
        return rejected


@dataclass
class SwallowsAFailedRejection(Loop):
    def _effect(self, records: Sequence[Record]) -> Sequence[Rejection]:
        rejected = self.handler.handle(records)
        try:
            self.rejections.publish([encode_rejection(each) for each in rejected])
        except TransientError:
            return ()
        return rejected


@dataclass
class CommitsTheTailUnhandledAtTheStop(Loop):
    def _drain(self, batch: Batch) -> None:
        if batch.records:
            with contextlib.suppress(TransientError):
                self.source.commit(committable(batch.records))


@dataclass
class RetriesOnlyTheRest(Loop):
    failed: bool = False

    def _effect(self, records: Sequence[Record]) -> Sequence[Rejection]:
        try:
            rejected = super()._effect(records[1:] if self.failed else records)
        except TransientError:
            self.failed = True
            raise
        self.failed = False
        return rejected


@dataclass
class SkipsTheLastRecord(Loop):
    def _effect(self, records: Sequence[Record]) -> Sequence[Rejection]:
        return super()._effect(records[:-1])


@dataclass
class HandlesEachKeyOnce(Loop):
    def _effect(self, records: Sequence[Record]) -> Sequence[Rejection]:
        return super()._effect([record for record in records if record.offset % 7])


@dataclass
class DropsTheBatchOnFailure(Loop):
    def _handle(self, batch: Batch, stop: threading.Event) -> None:
        try:
            self._effect(batch.records)
            self.source.commit(committable(batch.records))
        except TransientError:
            pass
        batch.clear()


@dataclass
class CommitsRevokedPartitions(Loop):
    def _revoke(self, batch: Batch, partitions: frozenset[Partition]) -> None:
        gone = [record for record in batch.records if record.partition in partitions]
        # A client that commits whatever it is told, ours or not.
        self.source.log.committed["g"].update(committable(gone))  # type: ignore[attr-defined]
        super()._revoke(batch, partitions)


@dataclass
class NeverResumes(Loop):
    def _wait(self, seconds: float, stop: threading.Event) -> bool:
        resume, self.source.resume = self.source.resume, lambda: None  # type: ignore[method-assign]
        try:
            return super()._wait(seconds, stop)
        finally:
            self.source.resume = resume  # type: ignore[method-assign]


PLANTED = [
    CommitsBeforeTheEffect,
    CommitsTheOffsetInsteadOfTheNext,
    CommitsOneTooFar,
    CommitsTheBatchSize,
    CommitsOnlyTheLastPartition,
    CommitsTheHighestOffsetForAllPartitions,
    CommitsTheLowestOffset,
    LosesWhatItPollsWhileItWaits,
    CommitsOnRead,
    NeverCommits,
    SwallowsAFailedEffect,
    GivesUpAfterThreeTries,
    ForgetsRejections,
    PublishesOnlyTheFirstRejection,
    PublishesRejectionsAfterTheCommit,
    SwallowsAFailedRejection,
    CommitsTheTailUnhandledAtTheStop,
    RetriesOnlyTheRest,
    SkipsTheLastRecord,
    HandlesEachKeyOnce,
    DropsTheBatchOnFailure,
    CommitsRevokedPartitions,
    NeverResumes,
]


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_caught(bug: type[Loop]) -> None:
    for seed in SEEDS:
        try:
            run(seed, bug)
        except Violation:
            return
    pytest.fail(f"the oracle does not notice a loop that {bug.__name__}")
