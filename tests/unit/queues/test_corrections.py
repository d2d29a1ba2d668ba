"""The thread that tells corrections: refused for good, it keeps them, says so, and goes on once it is mended."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from services.queues.corrections import Corrections
from shared.contracts.activity import Surface
from shared.contracts.codec import Outgoing
from shared.contracts.correction import Correction, Labels
from shared.contracts.topics import LABELS_CORRECTED
from shared.errors import PermanentError
from tests.builders import NOON
from tests.fakes.log import FakeLog, FakePublisher
from tests.waiting import eventually

LABELS = Labels(department="support", intent="outage", sentiment="negative")


def a_correction(version: int) -> Correction:
    return Correction(
        id="web:1", version=version, channel="web", surface=Surface.PUBLIC, old=LABELS, new=LABELS, agent="ann",
        key="desk", corrected_at=NOON,
    )  # fmt: skip


@dataclass
class ListOutbox:
    held: list[tuple[int, Correction]]
    ours: bool = True

    @contextmanager
    def turn(self) -> Iterator[bool]:
        yield self.ours

    def waiting(self, limit: int) -> Sequence[tuple[int, Correction]]:
        return self.held[:limit]

    def settle(self, last: int) -> None:
        self.held = [each for each in self.held if each[0] > last]


@dataclass
class Refusing(FakePublisher):
    refuses: bool = field(default=True)

    def publish(self, records: Sequence[Outgoing]) -> None:
        if self.refuses:
            raise PermanentError("not allowed to write to labels.corrected.v1")
        super().publish(records)


def test_a_refusal_for_good_is_named_and_mended_without_a_restart() -> None:
    outbox, publisher = ListOutbox([(1, a_correction(2)), (2, a_correction(3))]), Refusing(FakeLog())
    corrections = Corrections(outbox, publisher, every_seconds=0.01, refused_seconds=0.01)
    corrections.start()
    try:
        eventually(lambda: "not allowed to write" in (corrections.problem() or ""), within_seconds=5)
        assert len(outbox.held) == 2
        publisher.refuses = False
        eventually(lambda: not outbox.held, within_seconds=5)
        eventually(lambda: corrections.problem() is None, within_seconds=5)
    finally:
        corrections.stop()
    assert len(publisher.log.all(LABELS_CORRECTED.name)) == 2


def test_a_replica_whose_turn_it_is_not_tells_nothing() -> None:
    outbox, publisher = ListOutbox([(1, a_correction(2))], ours=False), FakePublisher(FakeLog())
    assert Corrections(outbox, publisher).tell() == 0
    assert outbox.held
