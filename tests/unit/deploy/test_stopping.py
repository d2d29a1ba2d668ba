"""The order of the end, and what counts as stored."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from deploy.embedded.core.drained import Consumption, left_to_read
from deploy.embedded.keeper import Keeper
from deploy.embedded.leftovers import ChildRecord
from deploy.embedded.program import Command
from deploy.embedded.stopping import Drain, StopSignals
from deploy.embedded.system import System
from shared.errors import TransientError
from shared.stream.ports import Partition


@dataclass
class FakeKeeper(Keeper):
    """Notes when it is stopped instead of having a process."""

    noted: list[str] = field(default_factory=list)

    async def stop(self, seconds: float) -> bool:
        self.noted.append(self.name)
        return True


@dataclass
class FakeBroker:
    noted: list[str]
    embedded: bool = True
    child: ChildRecord | None = None

    async def start(self) -> str:
        return "127.0.0.1:1"

    async def gone(self) -> int | None:
        return None

    async def stop(self, seconds: float) -> None:
        self.noted.append("broker")


@dataclass
class FakePositions:
    """Answers with prepared numbers; the last one stays."""

    lefts: dict[str, list[int]]
    noted: list[str]

    def left(self, consumption: Consumption) -> int:
        held = self.lefts.get(consumption.group, [0])
        left = held.pop(0) if len(held) > 1 else held[0]
        if left < 0:
            raise TransientError("away")
        if left == 0:
            self.noted.append(f"{consumption.group} has read everything")
        return left

    def close(self) -> None:
        self.noted.append("closed")


class Silent:
    """Progress and Watcher that tell nobody."""

    def stopping(self, what: str) -> None: ...

    def started(self, name: str) -> None: ...

    def answered(self, name: str) -> None: ...

    def ended(self, name: str, told: str, last_words: str) -> None: ...

    def broker_ready(self, bootstrap_servers: str, *, embedded: bool) -> None: ...

    def topics_ready(self, names: Sequence[str]) -> None: ...

    def broker_trouble(self, told: str) -> None: ...

    def broker_grown(self, told: str) -> None: ...


async def nothing() -> None:
    """Answer at once."""


async def drained(
    lefts: dict[str, list[int]],
    *,
    embedded: bool = True,
    broker_problem: str | None = None,
    hurried: bool = False,
    drain_seconds: float = 20,
) -> tuple[bool, list[str]]:
    noted: list[str] = []
    async with asyncio.TaskGroup() as group:
        system = System(
            broker=FakeBroker(noted, embedded=embedded),
            keepers={
                name: FakeKeeper(name, Path("none.log"), nothing, Silent(), lambda: 0.0, noted=noted)
                for name in ("ingest", "classify", "metrics", "queues")
            },
            command_for=lambda name, *_: Command((name,), Path("none.log")),
            create_topics=lambda _: [],
            progress=Silent(),
            children_file=Path("none.json"),
            group=group,
            rewind_seconds=0,
            broker_problem=broker_problem,
            bootstrap_servers="127.0.0.1:1",
        )
        times = iter([0.0, 5.0])
        signals = StopSignals(lambda: next(times))
        if hurried:
            signals.ask()
            signals.ask()

        async def close_door() -> None:
            noted.append("door")

        positions = FakePositions(lefts, noted)
        stored = await Drain(system, signals, Silent(), lambda _: positions, drain_seconds=drain_seconds).run(
            close_door
        )
    return stored, noted


def test_the_door_closes_then_ingest_ends_then_everybody_reads_to_the_end_then_the_rest_goes() -> None:
    stored, noted = asyncio.run(drained({"classify": [5, 2, 0], "metrics": [3, 0]}))
    assert stored
    assert noted.index("door") < noted.index("ingest") < noted.index("classify has read everything")
    assert noted.index("classify has read everything") < noted.index("queues has read everything")
    assert noted.index("metrics has read everything") < noted.index("metrics")
    assert noted[-1] == "broker"


def test_a_group_that_never_gets_to_the_end_makes_an_unclean_end_in_time() -> None:
    stored, noted = asyncio.run(drained({"metrics": [7]}, drain_seconds=0.3))
    assert not stored
    assert noted[-1] == "broker"


def test_a_broker_that_cannot_be_asked_makes_an_unclean_end() -> None:
    stored, _ = asyncio.run(drained({"classify": [-1]}, drain_seconds=0.3))
    assert not stored


def test_a_broker_that_is_down_is_not_waited_for() -> None:
    stored, noted = asyncio.run(drained({}, broker_problem="down"))
    assert not stored
    assert "closed" not in noted


def test_an_own_kafka_keeps_what_is_unread_so_the_end_is_clean() -> None:
    stored, noted = asyncio.run(drained({"metrics": [7]}, embedded=False))
    assert stored
    assert "closed" not in noted


def test_a_second_wish_to_stop_hurries_and_leaves_an_unclean_end() -> None:
    stored, noted = asyncio.run(drained({"classify": [5]}, hurried=True))
    assert not stored
    assert {"ingest", "classify", "metrics", "queues", "broker"} <= set(noted)


numbers = st.dictionaries(st.integers(0, 3), st.integers(0, 100), max_size=4)


@given(numbers, numbers)
def test_what_is_left_is_the_distance_to_every_end(ends: dict[int, int], committed: dict[int, int]) -> None:
    left = left_to_read(
        {Partition("t", number): end for number, end in ends.items()},
        {Partition("t", number): offset for number, offset in committed.items()},
    )
    assert left == sum(max(0, end - committed.get(number, 0)) for number, end in ends.items())
    assert (left == 0) == all(committed.get(number, 0) >= end for number, end in ends.items())


def test_one_wish_that_arrives_twice_does_not_hurry_and_a_later_one_does() -> None:
    times = iter([10.0, 10.2, 11.5])
    signals = StopSignals(lambda: next(times))
    signals.ask()
    signals.ask()
    assert signals.asked.is_set()
    assert not signals.hurried.is_set()
    signals.ask()
    assert signals.hurried.is_set()
