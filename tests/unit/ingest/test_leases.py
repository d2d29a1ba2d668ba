"""Sources shared out between replicas: one owner at a time, released before it is given on, stopped when replaced."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.core.leases import lease_of, leased
from services.ingest.cursors import LeaseLostError
from services.ingest.leases import GroupLeases
from services.ingest.meters import Meters
from services.ingest.runner import Runner
from services.ingest.states import Phase, SourceState
from shared.contracts.topics import SOURCES_LEASED
from shared.errors import TransientError
from shared.service.telemetry import Telemetry
from shared.stream.ports import Partition, Record
from shared.stream.retry import RetryPolicy
from tests.builders import NOON

NAMES = ("bsky", "old")
Change = frozenset[int] | TransientError


def partitions(*names: str) -> frozenset[int]:
    return frozenset(lease_of(name, SOURCES_LEASED.partitions) for name in names)


@given(st.lists(st.text(), unique=True), st.integers(1, 9), st.integers(1, 5))
def test_however_partitions_are_shared_out_every_source_has_one_owner(
    names: list[str], count: int, members: int
) -> None:
    held = [[number for number in range(count) if number % members == member] for member in range(members)]
    owned = [leased(names, each, count) for each in held]
    assert sum(map(len, owned)) == len(names)
    assert frozenset().union(*owned) == frozenset(names)


@dataclass
class Listening:
    """A connector that runs until it is ended, and notes that."""

    state: SourceState
    error: Exception | None = None
    began: int = 0
    ended: int = 0

    async def run(self) -> None:
        self.began += 1
        self.state.live()
        try:
            if self.error is not None:
                raise self.error
            await asyncio.Event().wait()
        finally:
            self.ended += 1


@dataclass
class ScriptedGroup:
    """A membership that changes as a test says; `check` runs when a revocation has been answered."""

    check: Callable[[], None] = lambda: None
    held: frozenset[int] = frozenset()
    closed: bool = False
    changes: list[Change] = field(default_factory=list)
    callback: Callable[[frozenset[Partition]], None] = lambda _: None
    idle: threading.Event = field(default_factory=threading.Event)

    def poll(self, timeout_seconds: float, max_records: int) -> Sequence[Record]:
        if not self.changes:
            self.idle.set()
            return []
        change = self.changes.pop(0)
        if isinstance(change, TransientError):
            raise change
        if gone := self.held - change:
            self.callback(frozenset(Partition("t", number) for number in gone | (self.held & change)))
            self.check()
        self.held = change
        return []

    def owned(self) -> frozenset[Partition]:
        return frozenset(Partition("t", number) for number in self.held)

    def on_revoked(self, callback: Callable[[frozenset[Partition]], None]) -> None:
        self.callback = callback

    def close(self) -> None:
        self.closed = True


@dataclass
class Replica:
    """A runner of two sources on a scripted group."""

    group: ScriptedGroup = field(default_factory=ScriptedGroup)

    def __post_init__(self) -> None:
        meters = Meters(Telemetry("ingest"))
        self.sources = {name: Listening(SourceState(name, "replay", lambda: NOON, meters)) for name in NAMES}

    def phases(self) -> list[Phase]:
        return [each.state.phase for each in self.sources.values()]

    def run(self, *changes: Change) -> None:
        """Go through changes of the group, then stop."""
        self.group.changes = list(changes)

        async def within() -> None:
            leases = GroupLeases(NAMES, self.group)
            retry = RetryPolicy(first_seconds=0.001, cap_seconds=0.002)
            runner = Runner(list(self.sources.values()), lambda: 0.5, lambda: 0.0, retry, leases)
            async with asyncio.timeout(10):
                running = asyncio.create_task(runner.run())
                await asyncio.to_thread(self.group.idle.wait, 10)
                await asyncio.sleep(0)
                self.at_rest()
                running.cancel()
                await asyncio.wait([running])

        asyncio.run(within())

    def at_rest(self) -> None:
        self.seen = self.phases()


def test_only_what_is_leased_runs_and_the_rest_stands_by() -> None:
    replica = Replica()
    replica.run(partitions("bsky"))
    assert replica.seen == [Phase.LIVE, Phase.STANDBY]
    assert [each.began for each in replica.sources.values()] == [1, 0]
    assert replica.group.closed


def test_what_is_taken_away_has_ended_before_the_group_gives_it_on() -> None:
    replica = Replica()
    told: list[int] = []
    replica.group.check = lambda: told.append(replica.sources["old"].ended)
    replica.run(partitions("bsky", "old"), partitions("bsky"))
    assert told == [1]
    assert replica.seen == [Phase.LIVE, Phase.STANDBY]


def test_a_lost_broker_stops_no_source() -> None:
    replica = Replica()
    replica.run(partitions("bsky"), TransientError("the broker is away"), partitions("bsky"))
    assert (replica.sources["bsky"].began, replica.seen[0]) == (1, Phase.LIVE)


def test_a_source_that_was_taken_over_starts_again_only_with_a_new_lease() -> None:
    replica = Replica()
    replica.sources["bsky"].error = LeaseLostError("another replica has taken bsky over")
    replica.run(*[partitions("bsky")] * 5)
    assert (replica.sources["bsky"].began, replica.seen[0]) == (1, Phase.STANDBY)
    again = Replica()
    again.sources["bsky"].error = LeaseLostError("another replica has taken bsky over")
    again.run(partitions("bsky"), frozenset(), partitions("bsky"))
    assert again.sources["bsky"].began == 2


def test_a_clean_stop_ends_the_sources_before_it_leaves_the_group() -> None:
    replica = Replica()
    replica.run(partitions("bsky", "old"))
    assert [each.ended for each in replica.sources.values()] == [1, 1]
    assert replica.group.closed
