"""The consumer loop for effects that take long: the next batch is read and decoded while the one before is stored.

All of loop.py's promises hold. One effect is under way at a time, in order, in one thread beside; what it concerns is
committed by the loop's thread, and only once it returned. At most one more batch is held meanwhile.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from threading import Event
from typing import Final

from shared.contracts.codec import encode_rejection
from shared.contracts.rejection import Rejection
from shared.errors import TransientError
from shared.stream.batching import Batch
from shared.stream.loop import Loop
from shared.stream.ports import Record

Effect = Callable[[], Sequence[Rejection]]
Prepare = Callable[[Sequence[Record]], Effect]

LOOK_SECONDS: Final = 0.02
"""How long a poll waits at most while an effect is under way, so that its end is seen soon."""


@dataclass
class _UnderWay:
    """A batch that left the loop's hands: its records, what remains to be done, and the attempt that is doing it."""

    records: Sequence[Record]
    effect: Effect
    due_at: float
    attempt: "Future[Sequence[Rejection]]"
    failures: int = 0


@dataclass
class AheadLoop(Loop):
    """A Loop with `prepare` (decodes, in the loop's thread) and an executor of one thread for what that returns."""

    prepare: Prepare | None = None
    executor: Executor | None = None
    _under_way: _UnderWay | None = field(default=None, init=False)
    _given_up: bool = field(default=False, init=False)
    """Something is uncommitted for good, so nothing after it may be committed."""

    def _step(self, batch: Batch, stop: Event) -> None:
        if self._under_way is not None and self._under_way.attempt.done():
            self._settle(stop)
        super()._step(batch, stop)

    def _poll_seconds(self, batch: Batch) -> float:
        return super()._poll_seconds(batch) if self._under_way is None else LOOK_SECONDS

    def _is_due(self, batch: Batch, now: float) -> bool:
        # What is late anyway gathers until it is full or the effect before it is done: great batches cost less each.
        return batch.full() if self._under_way is not None else batch.due(now)

    def _handle(self, batch: Batch, stop: Event) -> None:
        """Hand the batch over; when the one before is still under way, wait for it first."""
        due_at, records = self.monotonic(), batch.records
        batch.clear()
        effect = self._prepared(records)
        while self._under_way is not None:
            self._stay(stop)
            if stop.is_set():
                batch.add(records, due_at)
                return
            self._settle(stop)
        if not self._given_up:
            self._under_way = _UnderWay(records, effect, due_at, self._submit(effect))

    def _prepared(self, records: Sequence[Record]) -> Effect:
        if self.prepare is not None:
            return self.prepare(records)
        return lambda: self.handler.handle(records)

    def _submit(self, effect: Effect) -> "Future[Sequence[Rejection]]":
        if self.executor is None:
            raise ValueError("an AheadLoop needs an executor")
        return self.executor.submit(self._timed, effect)

    def _timed(self, effect: Effect) -> Sequence[Rejection]:
        started = self.monotonic()
        rejected = effect()
        self.watcher.effect(self.monotonic() - started)
        return rejected

    def _stay(self, stop: Event) -> None:
        """Keep membership, reading nothing, until the effect under way is done or somebody asks to stop."""
        self.source.pause()
        try:
            while self._under_way is not None and not self._under_way.attempt.done():
                if stop.wait(LOOK_SECONDS):
                    return
                self.source.poll(0, 1)
                self.progress.polled_at = self.monotonic()
        except TransientError as error:
            self.watcher.retrying(error, 1, ())
        finally:
            self.source.resume()

    def _settle(self, stop: Event) -> None:
        """Commit what is done; start what failed once more, after a pause. Given up only on `stop`, uncommitted."""
        held = self._under_way
        if held is None:
            return
        try:
            self._finish(held)
        except TransientError as error:
            held.failures += 1
            self.watcher.retrying(error, held.failures, held.records)
            self.progress.blocked_by = str(error)
            if self._wait(max(error.retry_after_seconds, self.retry.delay_seconds(held.failures)), stop):
                held.attempt = self._submit(held.effect)
            else:
                self._under_way = None
                self._given_up = True
        else:
            self._under_way = None

    def _finish(self, held: _UnderWay) -> None:
        rejected = held.attempt.result()
        if rejected:
            self.rejections.publish([encode_rejection(each) for each in rejected])
        self._commit(held.records)
        self.progress.blocked_by = None
        self.watcher.handled(held.records, rejected, self.monotonic() - held.due_at)
        self._count(len(held.records), len(rejected))

    def _drain(self, batch: Batch) -> None:
        held, self._under_way = self._under_way, None
        if held is not None:
            try:
                self._finish(held)
            except TransientError as error:
                # Uncommitted, so it is read again at the next start; so is what came after it.
                self.watcher.retrying(error, 1, held.records)
                return
        if not self._given_up:
            super()._drain(batch)
