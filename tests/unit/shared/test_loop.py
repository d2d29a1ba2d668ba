"""The one consumer loop, on an in-memory log."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from shared.contracts.codec import encode_activity
from shared.contracts.rejection import Reason, Rejection, reject
from shared.contracts.topics import POSTS_RECEIVED, RECORDS_REJECTED
from shared.errors import PermanentError, TransientError
from shared.stream.batching import BatchPolicy
from shared.stream.loop import Loop, RejectionLimit
from shared.stream.ports import Handler, Record
from tests.builders import NOON, an_activity
from tests.fakes.log import FakeLog, FakePublisher, FakeSource

TOPIC = POSTS_RECEIVED.name


@dataclass
class Watcher:
    retries: int = 0
    dropped_records: int = 0

    def effect(self, seconds: float) -> None: ...

    def handled(self, records: Sequence[Record], rejected: Sequence[Rejection], seconds: float) -> None: ...

    def retrying(self, error: TransientError, attempt: int, records: Sequence[Record]) -> None:
        self.retries += 1

    def dropped(self, records: Sequence[Record]) -> None:
        self.dropped_records += len(records)


@dataclass
class Store:
    """A handler that remembers; `before` runs first and may raise or change the world."""

    before: Callable[[Sequence[Record]], None] = lambda _: None
    stored: list[int] = field(default_factory=list)
    rejects: Callable[[Record], bool] = lambda _: False

    def handle(self, records: Sequence[Record]) -> Sequence[Rejection]:
        self.before(records)
        self.stored += [record.offset for record in records]
        return [
            reject(Reason.INVALID_RECORD, "value", "wrong", origin=each.origin, raw=each.value or b"", at=NOON)
            for each in records
            if self.rejects(each)
        ]


def a_log(records: int) -> FakeLog:
    log = FakeLog(partitions=1)
    for number in range(records):
        log.append(encode_activity(an_activity(f"web:{number}")))
    return log


def a_loop(log: FakeLog, handler: Handler, **changes: object) -> tuple[Loop, Watcher]:
    watcher = Watcher()
    clock = iter(range(1_000_000))
    parts: dict[str, object] = {
        "source": FakeSource(log, "g", [TOPIC]),
        "handler": handler,
        "rejections": FakePublisher(log),
        "policy": BatchPolicy(max_records=3, max_bytes=1 << 20, max_age_seconds=1),
        "monotonic": lambda: float(next(clock)),
        "watcher": watcher,
        "idle_poll_seconds": 0.001,
    }
    return Loop(**(parts | changes)), watcher  # type: ignore[arg-type]


def run_until(loop: Loop, log: FakeLog, offset: int) -> None:
    """Run the loop in this thread until a group offset is committed."""
    stop = threading.Event()
    source = loop.source
    assert isinstance(source, FakeSource)
    poll, polls = source.poll, 0

    def watched(timeout_seconds: float, max_records: int) -> Sequence[Record]:
        nonlocal polls
        polls += 1
        assert polls < 10_000, "the loop does not get there"
        if max(log.committed["g"].values(), default=0) >= offset:
            stop.set()
        return poll(timeout_seconds, max_records)

    source.poll = watched  # type: ignore[method-assign]
    loop.run(stop)


def test_everything_is_handled_once_and_committed_past() -> None:
    log, store = a_log(10), Store()
    loop, _ = a_loop(log, store)
    run_until(loop, log, 10)
    assert store.stored == list(range(10))
    assert list(log.committed["g"].values()) == [10]


def test_nothing_is_committed_while_the_effect_fails_and_all_of_it_afterwards() -> None:
    log, failures = a_log(3), iter(range(5))

    def fail(_: Sequence[Record]) -> None:
        assert log.committed["g"] == {}
        if next(failures, None) is not None:
            raise TransientError("the store is away", retry_after_seconds=0)

    store = Store(before=fail)
    loop, watcher = a_loop(log, store)
    run_until(loop, log, 3)
    assert store.stored == [0, 1, 2]
    assert watcher.retries == 5


def test_a_permanent_error_stops_the_loop_uncommitted() -> None:
    log = a_log(3)

    def fail(_: Sequence[Record]) -> None:
        raise PermanentError("the table is not ours")

    loop, _ = a_loop(log, Store(before=fail))
    with pytest.raises(PermanentError, match="not ours"):
        loop.run(threading.Event())
    assert log.committed["g"] == {}
    assert not loop.progress.running


def test_rejections_are_published_before_the_commit() -> None:
    log, store = a_log(3), Store(rejects=lambda record: record.offset == 1)
    loop, _ = a_loop(log, store)
    run_until(loop, log, 3)
    assert [record.key for record in log.all(RECORDS_REJECTED.name)] == [f"{TOPIC}/0/1".encode()]


def test_an_unwritable_rejection_topic_holds_the_commit() -> None:
    log, store = a_log(3), Store(rejects=lambda record: record.offset == 1)
    publisher = FakePublisher(log, failures=4)
    loop, watcher = a_loop(log, store, rejections=publisher)
    run_until(loop, log, 3)
    assert watcher.retries == 4
    assert len(log.all(RECORDS_REJECTED.name)) == 1


def test_too_many_rejections_stop_the_service_loudly() -> None:
    log, store = a_log(30), Store(rejects=lambda _: True)
    loop, _ = a_loop(log, store, limit=RejectionLimit(share=0.5, window=10))
    with pytest.raises(PermanentError, match="100% of the last records"):
        loop.run(threading.Event())


def test_a_broker_that_is_away_is_waited_for() -> None:
    log, store = a_log(3), Store()
    loop, watcher = a_loop(log, store)
    source = loop.source
    assert isinstance(source, FakeSource)
    poll, calls = source.poll, 0

    def flaky(timeout_seconds: float, max_records: int) -> Sequence[Record]:
        nonlocal calls
        calls += 1
        log.away = calls < 5
        return poll(timeout_seconds, max_records)

    source.poll = flaky  # type: ignore[method-assign]
    run_until(loop, log, 3)
    assert store.stored == [0, 1, 2]
    assert watcher.retries == 4


def test_revoked_partitions_leave_the_batch_uncommitted() -> None:
    log = FakeLog(partitions=2)
    for number in range(20):
        log.append(encode_activity(an_activity(f"web:{number}")))
    other, joined = FakeSource(log, "g", [TOPIC]), False

    def join_once(_: Sequence[Record]) -> None:
        nonlocal joined
        if not joined:
            joined = True
            other.poll(0, 1)
            raise TransientError("busy", retry_after_seconds=0.01)

    store = Store(before=join_once)
    loop, watcher = a_loop(log, store, policy=BatchPolicy(20, 1 << 20, 1))
    stop = threading.Event()
    mine = loop.source
    assert isinstance(mine, FakeSource)
    thread = threading.Thread(target=loop.run, args=(stop,))
    thread.start()
    while len(log.committed["g"]) < 1:
        assert thread.is_alive()
    stop.set()
    thread.join(5)
    assert watcher.dropped_records > 0
    assert {each.number for each in log.committed["g"]} == {0}


def test_what_is_batched_at_the_stop_is_still_handled() -> None:
    log, store = a_log(2), Store()
    loop, _ = a_loop(log, store, policy=BatchPolicy(1_000, 1 << 30, 1e9))
    stop = threading.Event()
    source = loop.source
    assert isinstance(source, FakeSource)
    poll = source.poll

    def once(timeout_seconds: float, max_records: int) -> Sequence[Record]:
        stop.set()
        return poll(timeout_seconds, max_records)

    source.poll = once  # type: ignore[method-assign]
    loop.run(stop)
    assert store.stored == [0, 1]
    assert list(log.committed["g"].values()) == [2]
