"""The way into Kafka: bounded, honest about an absent broker, nothing accepted without its rejections."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from services.ingest.core.submissions import Batch, Rejected
from services.ingest.intake import BrokerHealth, Intake
from services.ingest.probe import watch_broker
from shared.contracts.codec import Outgoing, encode_activity
from shared.contracts.rejection import Reason, reject
from shared.contracts.topics import RECORDS_REJECTED
from shared.errors import PermanentError, TransientError
from shared.stream.ports import Partition
from tests.builders import NOON, an_activity
from tests.fakes.log import FakeLog, FakePublisher
from tests.waiting import eventually


def records(count: int) -> list[Outgoing]:
    return [encode_activity(an_activity(f"web:{number}")) for number in range(count)]


def an_intake(publisher: FakePublisher, *, max_in_flight: int = 10) -> Intake:
    return Intake(publisher, BrokerHealth(lambda: 0.0), max_in_flight)


@dataclass
class HeldPublisher(FakePublisher):
    """Publishes only once it is let go."""

    go: threading.Event = field(default_factory=threading.Event)
    entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def publish(self, records: Sequence[Outgoing]) -> None:
        self.entered.release()
        assert self.go.wait(10)
        super().publish(records)


def test_a_batch_s_rejections_are_durable_with_it() -> None:
    log = FakeLog()
    rejection = reject(Reason.MISSING_FIELD, "text", "is required", origin="http/x:1", raw="{}", at=NOON)
    batch = Batch(records(2), [Rejected(1, rejection)])
    assert asyncio.run(an_intake(FakePublisher(log)).take(3, lambda: batch)) is batch
    assert len(log.all(RECORDS_REJECTED.name)) == 1
    assert sum(map(len, log.records.values())) == 3


def test_more_than_the_limit_waits_for_room_and_is_then_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.ingest.intake.PATIENCE_SECONDS", 0.05)
    publisher = HeldPublisher(FakeLog())
    intake = an_intake(publisher)

    async def scenario() -> None:
        async with asyncio.TaskGroup() as group:
            first = group.create_task(intake.publish(records(8)))
            await asyncio.to_thread(publisher.entered.acquire)
            with pytest.raises(TransientError, match="limit is 10"):
                await intake.publish(records(3))
            small = group.create_task(intake.publish(records(2)))
            await asyncio.to_thread(publisher.entered.acquire)
            publisher.go.set()
            await first
            await small
        await intake.publish(records(10))

    asyncio.run(scenario())


def test_a_batch_greater_than_the_limit_passes_alone() -> None:
    log = FakeLog()
    asyncio.run(an_intake(FakePublisher(log)).publish(records(25)))
    assert sum(map(len, log.records.values())) == 25


def test_after_a_failure_others_are_told_at_once_until_the_broker_is_tried_again() -> None:
    now = 0.0
    log = FakeLog(away=True)
    health = BrokerHealth(lambda: now)
    intake = Intake(FakePublisher(log), health, 10)

    async def scenario() -> None:
        nonlocal now
        with pytest.raises(TransientError, match="fake broker is away"):
            await intake.publish(records(1))
        assert health.problem == "the fake broker is away"
        health.failed(TransientError("still away", retry_after_seconds=5))
        log.away = False
        with pytest.raises(TransientError, match="still away"):
            await intake.publish(records(1))
        now = 6.0
        await intake.publish(records(1))
        assert health.problem is None

    asyncio.run(scenario())


def test_room_is_given_back_after_a_failure() -> None:
    log = FakeLog()
    intake = an_intake(FakePublisher(log, failures=3))

    async def scenario() -> None:
        for _ in range(3):
            with pytest.raises(TransientError):
                await intake.publish(records(10))
        await intake.publish(records(10))

    asyncio.run(scenario())


@dataclass
class FakeEnds:
    """Topic ends that can be away or lack topics."""

    problem: PermanentError | TransientError | None = None
    missing: str = ""
    asked: int = 0
    closed: int = 0

    def ends(self, topic: str) -> dict[Partition, int]:
        self.asked += 1
        if self.problem:
            raise self.problem
        return {} if topic == self.missing else {Partition(topic, 0): 5}

    def close(self) -> None:
        self.closed += 1


async def look(ends: FakeEnds, health: BrokerHealth) -> None:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(watch_broker(ends, health, 0.001))
        await asyncio.to_thread(eventually, lambda: ends.asked >= 9, within_seconds=5)
        task.cancel()


@pytest.mark.parametrize(
    ("ends", "problem"),
    [
        (FakeEnds(), None),
        (FakeEnds(problem=TransientError("gone fishing")), "gone fishing"),
        (FakeEnds(missing=RECORDS_REJECTED.name), "the broker has no topic records.rejected.v1"),
    ],
)
def test_the_probe_tells_what_is_wrong_with_the_broker(ends: FakeEnds, problem: str | None) -> None:
    health = BrokerHealth(lambda: 0.0)
    assert health.problem == "not contacted yet"
    ends.asked = ends.closed = 0
    asyncio.run(look(ends, health))
    assert (health.problem or "").startswith(problem or "")
    assert (health.problem is None) == (problem is None)
    assert (ends.closed > 0) == (problem is not None)
