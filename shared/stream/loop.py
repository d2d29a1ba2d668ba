"""The one consumer loop: poll, batch, handle, publish rejections, commit. Knows no Kafka, no store, no model.

Offsets are committed only after the handler returned and every rejection is durable (invariants 2 and 4). While an
effect is retried the source is paused and still polled, so group membership survives. Revoked partitions are dropped
from the batch uncommitted: their next owner reads them again, and every effect is idempotent by activity id.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from shared.contracts.codec import encode_rejection
from shared.contracts.rejection import Rejection
from shared.errors import PermanentError, TransientError
from shared.stream.batching import Batch, BatchPolicy, committable
from shared.stream.ports import Handler, Partition, Publisher, Record, Source
from shared.stream.retry import RetryPolicy


class LoopWatcher(Protocol):
    """What the loop tells the outside; implemented by telemetry."""

    def effect(self, seconds: float) -> None:
        """The handler has returned: the effect of a batch is durable."""

    def handled(self, records: Sequence[Record], rejected: Sequence[Rejection], seconds: float) -> None:
        """A batch is durable and committed; `seconds` counts from its being due, tries that failed included."""

    def retrying(self, error: TransientError, attempt: int, records: Sequence[Record]) -> None:
        """An effect failed and is kept for another try; without records it was the poll that failed."""

    def dropped(self, records: Sequence[Record]) -> None:
        """Records of revoked partitions left the batch uncommitted."""


@dataclass(frozen=True)
class RejectionLimit:
    """More than `share` of at least `window` records rejected means a bad deploy, not bad data: stop loudly."""

    share: float = 0.5
    window: int = 1_000


@dataclass
class Progress:
    """What health and freshness read from another thread; plain attributes, each written by the loop only."""

    running: bool = False
    joined: bool = False
    polled_at: float = 0.0
    blocked_by: str | None = None
    handled: int = 0
    rejected: int = 0


@dataclass
class Loop:
    """Runs in its own thread until `stop` is set or something permanent happens."""

    source: Source
    handler: Handler
    rejections: Publisher
    policy: BatchPolicy
    monotonic: Callable[[], float]
    watcher: LoopWatcher
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    limit: RejectionLimit = field(default_factory=RejectionLimit)
    progress: Progress = field(default_factory=Progress)
    idle_poll_seconds: float = 0.2
    _recent_handled: int = 0
    _recent_rejected: int = 0

    def run(self, stop: threading.Event) -> None:
        """Consume until `stop`; what is batched then is handled once more and committed. Raises PermanentError."""
        batch = Batch(self.policy)
        self.source.on_revoked(lambda partitions: self._revoke(batch, partitions))
        self.progress.running = True
        try:
            while not stop.is_set():
                self._step(batch, stop)
            self._drain(batch)
        finally:
            self.progress.running = False
            self.source.close()

    def _step(self, batch: Batch, stop: threading.Event) -> None:
        try:
            polled = self.source.poll(self._poll_seconds(batch), batch.room())
        except TransientError as error:
            self.progress.blocked_by = str(error)
            self.watcher.retrying(error, 1, ())
            stop.wait(error.retry_after_seconds)
            return
        now = self.monotonic()
        self.progress.polled_at = now
        self.progress.joined = self.source.joined()
        self.progress.blocked_by = None
        batch.add(polled, now)
        if self._is_due(batch, now):
            self._handle(batch, stop)

    def _poll_seconds(self, batch: Batch) -> float:
        return min(self.idle_poll_seconds, batch.seconds_until_due(self.monotonic()))

    def _is_due(self, batch: Batch, now: float) -> bool:
        return batch.due(now)

    def _drain(self, batch: Batch) -> None:
        if not batch.records:
            return
        started = self.monotonic()
        try:
            rejected = self._effect(batch.records)
            self._commit(batch.records)
        except TransientError as error:
            # Uncommitted, so it is read again at the next start: late, never lost.
            self.watcher.retrying(error, 1, batch.records)
        else:
            self.watcher.handled(batch.records, rejected, self.monotonic() - started)

    def _handle(self, batch: Batch, stop: threading.Event) -> None:
        """Try until the effect is durable, then commit; gives up only on `stop`, uncommitted."""
        started = self.monotonic()
        attempt = 0
        while batch.records:
            try:
                rejected = self._effect(batch.records)
                self._commit(batch.records)
            except TransientError as error:
                attempt += 1
                self.watcher.retrying(error, attempt, batch.records)
                self.progress.blocked_by = str(error)
                if not self._wait(max(error.retry_after_seconds, self.retry.delay_seconds(attempt)), stop):
                    return
                continue
            self.progress.blocked_by = None
            self.watcher.handled(batch.records, rejected, self.monotonic() - started)
            self._count(len(batch.records), len(rejected))
            batch.clear()

    def _effect(self, records: Sequence[Record]) -> Sequence[Rejection]:
        started = self.monotonic()
        rejected = self.handler.handle(records)
        self.watcher.effect(self.monotonic() - started)
        if rejected:
            self.rejections.publish([encode_rejection(rejection) for rejection in rejected])
        return rejected

    def _commit(self, records: Sequence[Record]) -> None:
        self.source.commit(committable(records))

    def _wait(self, seconds: float, stop: threading.Event) -> bool:
        """Wait while staying in the group; False when the service is asked to stop."""
        self.source.pause()
        try:
            until = self.monotonic() + seconds
            while True:
                self.source.poll(0, 1)
                self.progress.polled_at = self.monotonic()
                if (left := until - self.progress.polled_at) <= 0:
                    return True
                if stop.wait(min(left, self.idle_poll_seconds)):
                    return False
        except TransientError:
            # The broker is away as well: the pause is over, the effect is tried again all the same.
            return not stop.wait(self.idle_poll_seconds)
        finally:
            self.source.resume()

    def _revoke(self, batch: Batch, partitions: frozenset[Partition]) -> None:
        if dropped := batch.drop(partitions):
            self.watcher.dropped(dropped)

    def _count(self, handled: int, rejected: int) -> None:
        self.progress.handled += handled
        self.progress.rejected += rejected
        self._recent_handled += handled
        self._recent_rejected += rejected
        if self._recent_handled < self.limit.window:
            return
        share = self._recent_rejected / self._recent_handled
        self._recent_handled = self._recent_rejected = 0
        if share > self.limit.share:
            raise PermanentError(
                f"{share:.0%} of the last records were rejected, the limit is {self.limit.share:.0%}. This looks like "
                "a bad deploy, not bad data: compare the versions of producer and consumer, then start again. Nothing "
                "was lost."
            )
