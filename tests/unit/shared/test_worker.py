"""A loop's thread: what ends it ends the process, also when it only stands still."""

import signal
import threading
from collections.abc import Iterator, Sequence

import pytest

from shared.contracts.rejection import Rejection
from shared.errors import PermanentError
from shared.service.worker import LoopThread
from shared.stream.ports import Record
from tests.fakes.log import FakeLog
from tests.unit.shared.test_loop import a_log, a_loop
from tests.waiting import eventually


class Hanging:
    """A handler whose store never answers."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def handle(self, records: Sequence[Record]) -> Sequence[Rejection]:
        self.released.wait(20)
        return ()


@pytest.fixture
def asked_to_end() -> Iterator[threading.Event]:
    asked = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: asked.set())
    yield asked
    signal.signal(signal.SIGTERM, before)


def test_a_loop_that_stands_still_ends_its_process_and_says_where(asked_to_end: threading.Event) -> None:
    handler = Hanging()
    loop, _ = a_loop(a_log(3), handler)
    now = [0.0]
    thread = LoopThread("test", loop, lambda: now[0], stuck_seconds=300, look_seconds=0.01)
    loop.monotonic = lambda: now[0]
    thread.start()
    try:
        now[0] = 1_000.0
        eventually(asked_to_end.is_set, within_seconds=10)
        assert isinstance(thread.failed, PermanentError)
        assert "has not polled for" in str(thread.failed)
        assert "self.released.wait" in thread._standing_at()
    finally:
        handler.released.set()
        thread.stop()


def test_an_idle_loop_is_let_be(asked_to_end: threading.Event) -> None:
    loop, _ = a_loop(FakeLog(partitions=1), Hanging())
    thread = LoopThread("test", loop, loop.monotonic, stuck_seconds=1e9, look_seconds=0.01)
    thread.start()
    eventually(lambda: loop.progress.joined, within_seconds=10)
    thread.stop()
    assert thread.failed is None
    assert not asked_to_end.is_set()
