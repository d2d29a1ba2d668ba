"""The delivery oracle: seeded runs of the one loop over a fake log, with crashes, rebalances, lost answers and poison.

What it checks after every step: nothing is committed whose effect is not durable, and no rejection is missing behind a
commit. At the end: everything on the log is stored, every poison record is on the rejection topic, and the group stands
at the end of every partition. `Crash` is a BaseException, so no handler of ours can swallow it by accident.
"""

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any

from shared.contracts.codec import Outgoing, encode_activity
from shared.contracts.rejection import Reason, Rejection, reject
from shared.contracts.topics import POSTS_RECEIVED, RECORDS_REJECTED
from shared.errors import TransientError
from shared.stream.ahead import AheadLoop
from shared.stream.batching import BatchPolicy
from shared.stream.loop import Loop, RejectionLimit
from shared.stream.ports import Partition, Record
from tests.builders import NOON, an_activity
from tests.fakes.log import FakeLog, FakePublisher, FakeSource

TOPIC = POSTS_RECEIVED.name
POISON = b"poison"
IDLE_POLLS = 40


class Crash(BaseException):
    """The process is gone; what was durable stays."""


class Violation(AssertionError):  # noqa: N818  # it is what was violated, not an error of ours
    """The loop broke a promise."""


class Finished(BaseException):
    """Everything is committed; the run may end."""


@dataclass
class Dice:
    """All chance of a run, from one seed."""

    seed: int
    source: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.source = random.Random(self.seed)

    def below(self, limit: int) -> int:
        return self.source.randrange(limit)

    def one_in(self, sides: int) -> bool:
        return self.below(sides) == 0


@dataclass
class World:
    """What outlives a crash: the log and the store."""

    dice: Dice
    log: FakeLog
    stored: set[tuple[Partition, int]] = field(default_factory=set)
    calm: bool = False

    def crash_point(self, sides: int = 40) -> None:
        if not self.calm and self.dice.one_in(sides):
            raise Crash

    def hiccup(self, sides: int = 12) -> None:
        if not self.calm and self.dice.one_in(sides):
            raise TransientError("the other side is busy", retry_after_seconds=0)

    def check(self) -> None:
        rejected = {record.key for record in self.log.all(RECORDS_REJECTED.name)}
        for partition, offset in self.log.committed["g"].items():
            if offset > len(self.log.records[partition]):
                raise Violation(f"{partition} is committed to {offset}, past its end")
            for record in self.log.records[partition][:offset]:
                if (partition, record.offset) not in self.stored:
                    raise Violation(f"{record.origin} is committed but not stored")
                if record.value == POISON and record.origin.encode() not in rejected:
                    raise Violation(f"{record.origin} is committed but its rejection is lost")

    def finished(self) -> bool:
        return all(
            self.log.committed["g"].get(partition, 0) == len(held)
            for partition, held in self.log.records.items()
            if partition.topic == TOPIC
        )


@dataclass
class CrashingSource(FakeSource):
    """A member whose process may die around polls and commits, and whose broker may be busy."""

    world: World | None = None
    idle: int = 0

    def poll(self, timeout_seconds: float, max_records: int) -> Sequence[Record]:
        assert self.world is not None
        self.world.check()
        if self.world.finished():
            raise Finished
        self.world.crash_point(60)
        self.world.hiccup(30)
        self._rebalance()
        polled = super().poll(timeout_seconds, min(max_records, 1 + self.world.dice.below(7)))
        # Nothing arrives and nothing is committed for long: what was polled is stuck, or the member is paused for good.
        self.idle = 0 if polled or len(self.log.owners[self.group]) > 1 else self.idle + 1
        if self.idle > IDLE_POLLS:
            raise Violation("the loop stands still before the end of the log")
        return polled

    def _rebalance(self) -> None:
        """Sometimes another member joins, takes its share and, later, leaves."""
        assert self.world is not None
        others = [each for each in self.log.owners[self.group] if each is not self]
        if others and self.world.dice.one_in(3):
            others[0].close()
        elif not others and not self.world.calm and self.world.dice.one_in(15):
            FakeSource(self.log, self.group, self.topics).poll(0, 1)

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        assert self.world is not None
        self.world.crash_point(25)
        self.world.hiccup()
        super().commit(offsets)
        self.idle = 0
        self.world.check()
        self.world.crash_point(25)


@dataclass
class CrashingStore:
    """An idempotent sink that may die before, within and after its effect."""

    world: World

    def handle(self, records: Sequence[Record]) -> Sequence[Rejection]:
        self.world.crash_point()
        self.world.hiccup()
        for record in records:
            self.world.crash_point(120)
            self.world.stored.add((record.partition, record.offset))
        self.world.hiccup()
        self.world.crash_point()
        return [
            reject(Reason.INVALID_RECORD, "value", "poison", origin=each.origin, raw=each.value or b"", at=NOON)
            for each in records
            if each.value == POISON
        ]


@dataclass
class CrashingPublisher(FakePublisher):
    """Publishes rejections; may die or lose the answer half-way."""

    world: World | None = None

    def publish(self, records: Sequence[Outgoing]) -> None:
        assert self.world is not None
        self.world.crash_point(20)
        self.failures = 0 if self.world.calm else int(self.world.dice.one_in(6))
        super().publish(records)


class Later(Future[Any]):
    """Work in another thread, as the dice have it: it is done when somebody looks, or only when somebody waits."""

    def __init__(self, world: World, work: Callable[[], object]) -> None:
        super().__init__()
        self.world = world
        self.work = work

    def done(self) -> bool:
        if not super().done() and self.world.dice.one_in(3):
            self._work()
        return super().done()

    def result(self, timeout: float | None = None) -> Any:  # noqa: ANN401  # the library's signature
        if not super().done():
            self._work()
        return super().result(timeout)

    def _work(self) -> None:
        try:
            self.set_result(self.work())
        except BaseException as error:  # noqa: BLE001  # a crash too is told to whoever waits
            self.set_exception(error)


@dataclass
class LaterExecutor(Executor):
    """The thread beside an AheadLoop, with the dice as its scheduler."""

    world: World

    def submit(self, fn: Callable[..., Any], /, *args: object, **kwargs: object) -> Later:
        return Later(self.world, lambda: fn(*args, **kwargs))


class SeededStop(threading.Event):
    """Asks the loop to stop now and then, as a rolling restart does; waiting costs no time."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    def is_set(self) -> bool:
        if not super().is_set() and not self.world.calm and self.world.dice.one_in(60):
            self.set()
        return super().is_set()

    def wait(self, timeout: float | None = None) -> bool:
        return super().is_set()


def a_world(seed: int) -> World:
    """Return a log of 40 to 90 records over three partitions, one in nine of them poison."""
    dice = Dice(seed)
    log = FakeLog(partitions=3)
    for number in range(40 + dice.below(50)):
        outgoing = encode_activity(an_activity(f"web:{number}"))
        value = POISON if dice.one_in(9) else outgoing.value
        log.append(Outgoing(outgoing.topic, outgoing.key, value))
    return World(dice, log)


def run(seed: int, loop_type: type[Loop] = Loop) -> World:
    """Run one seed to the end of the log, through all crashes and restarts. Raises Violation."""
    world = a_world(seed)
    ticks = iter(range(10**9))
    for life in range(400):
        world.calm = life > 300
        source = CrashingSource(world.log, "g", [TOPIC], world=world)
        loop = loop_type(
            source=source,
            handler=CrashingStore(world),
            rejections=CrashingPublisher(world.log, world=world),
            policy=BatchPolicy(1 + world.dice.below(12), 1 << 20, 3),
            monotonic=lambda: float(next(ticks)),
            watcher=_Silent(),
            limit=RejectionLimit(share=1.0),
            idle_poll_seconds=0.001,
        )
        if isinstance(loop, AheadLoop):
            loop.executor = LaterExecutor(world)
        try:
            loop.run(SeededStop(world))
        except Crash:
            world.log.owners["g"].clear()
        except Finished:
            world.check()
            return world
        world.check()
    raise Violation("the loop never reaches the end of the log")


class _Silent:
    def effect(self, seconds: float) -> None: ...

    def handled(self, records: Sequence[Record], rejected: Sequence[Rejection], seconds: float) -> None: ...

    def retrying(self, error: TransientError, attempt: int, records: Sequence[Record]) -> None: ...

    def dropped(self, records: Sequence[Record]) -> None: ...
