from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from services.metrics.freshness import EPOCH, Freshness
from shared.errors import TransientError
from shared.stream.ports import Partition
from tests.builders import NOON

RECEIVED, CLASSIFIED, REACTIONS = "posts.received.v1", "posts.classified.v1", "reactions.received.v1"


@dataclass
class FakeBroker:
    """Ends and commits as a test sets them."""

    end: dict[Partition, int] = field(default_factory=dict)
    commits: dict[str, dict[Partition, int]] = field(default_factory=dict)
    away: bool = False

    def ends(self, topic: str) -> Mapping[Partition, int]:
        if self.away:
            raise TransientError("away")
        return {each: offset for each, offset in self.end.items() if each.topic == topic}

    def committed(self, group: str) -> Mapping[Partition, int]:
        return self.commits.get(group, {})


def everything_read() -> FakeBroker:
    return FakeBroker(
        {Partition(RECEIVED, 0): 5, Partition(RECEIVED, 1): 0, Partition(CLASSIFIED, 0): 5, Partition(REACTIONS, 0): 3},
        {
            "classify": {Partition(RECEIVED, 0): 5},
            "metrics": {Partition(CLASSIFIED, 0): 5, Partition(REACTIONS, 0): 3},
        },
    )


def measured(broker: FakeBroker, until: dict[Partition, datetime] | None = None, as_of: datetime = EPOCH) -> datetime:
    return Freshness(broker, broker, lambda: until or {}, lambda: NOON, as_of=as_of).measure()


def test_when_everything_is_read_it_is_as_of_now() -> None:
    assert measured(everything_read()) == NOON


def test_when_nothing_was_ever_heard_it_is_as_of_now() -> None:
    assert measured(FakeBroker()) == NOON


def test_when_classify_is_behind_it_is_as_of_what_came_through_that_partition() -> None:
    broker = everything_read()
    broker.end[Partition(RECEIVED, 0)] = 9
    earlier = NOON - timedelta(seconds=7)
    assert measured(broker, {Partition(CLASSIFIED, 0): earlier, Partition(CLASSIFIED, 1): NOON}) == earlier


@pytest.mark.parametrize("topic", [CLASSIFIED, REACTIONS])
def test_when_metrics_is_behind_it_is_as_of_the_slowest_partition(topic: str) -> None:
    broker = everything_read()
    broker.end[Partition(topic, 0)] = 9
    broker.end[Partition(topic, 1)] = 1
    earlier, earliest = NOON - timedelta(seconds=3), NOON - timedelta(seconds=8)
    assert measured(broker, {Partition(topic, 0): earlier, Partition(topic, 1): earliest}) == earliest


def test_it_never_goes_back() -> None:
    broker = everything_read()
    broker.end[Partition(RECEIVED, 0)] = 9
    before = NOON - timedelta(seconds=2)
    assert measured(broker, {}, as_of=before) == before


def test_it_never_runs_ahead_of_the_clock() -> None:
    broker = everything_read()
    broker.end[Partition(REACTIONS, 0)] = 9
    assert measured(broker, {Partition(REACTIONS, 0): NOON + timedelta(hours=1)}) == NOON


def test_while_the_broker_is_away_it_stays_and_the_lag_grows() -> None:
    broker = FakeBroker(away=True)
    freshness = Freshness(broker, broker, dict, lambda: NOON, as_of=NOON - timedelta(seconds=90))
    with pytest.raises(TransientError):
        freshness.measure()
    assert freshness.lag_ms() == 90_000
