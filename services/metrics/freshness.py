"""Knows `as_of`: everything received before it is counted. Compares committed offsets with the ends of the topics."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol

import structlog

from shared.clock import Clock
from shared.contracts.topics import POSTS_CLASSIFIED, POSTS_RECEIVED, REACTIONS_RECEIVED
from shared.errors import TransientError
from shared.stream.ports import Partition

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
Offsets = Mapping[Partition, int]


class Committed(Protocol):
    """Reads the committed next offsets of a group."""

    def committed(self, group: str) -> Offsets:
        """Return them per partition; empty for a group that never committed. Raises TransientError."""


class Ends(Protocol):
    """Reads the end offsets of a topic."""

    def ends(self, topic: str) -> Offsets:
        """Return the next offset to be written, per partition. Raises TransientError."""


@dataclass
class Freshness:
    """Measures about every second in a thread of its own; `as_of` never goes back."""

    committed: Committed
    ends: Ends
    counted_until: Callable[[], Mapping[Partition, datetime]]
    clock: Clock
    classify_group: str = "classify"
    metrics_group: str = "metrics"
    every_seconds: float = 0.5
    as_of: datetime = EPOCH
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def lag_ms(self) -> int:
        """Return how far `as_of` is behind now, in milliseconds."""
        return max(0, round((self.clock() - self.as_of).total_seconds() * 1000))

    def measure(self) -> datetime:
        """Look once, from source to sink, and return the new `as_of`. Raises TransientError."""
        # Now comes first and each topic's end before its reader's position: what arrives in between is not claimed.
        now = self.clock()
        posts, reactions = self.ends.ends(POSTS_RECEIVED.name), self.ends.ends(REACTIONS_RECEIVED.name)
        unread = behind(posts, self.committed.committed(self.classify_group))
        classified = self.ends.ends(POSTS_CLASSIFIED.name)
        uncounted = behind({**classified, **reactions}, self.committed.committed(self.metrics_group))
        # A post keeps its partition number through classify, so what is unread there is missing here.
        waiting = uncounted | {Partition(POSTS_CLASSIFIED.name, each.number) for each in unread}
        until = self.counted_until()
        reached = min((until.get(each, EPOCH) for each in waiting), default=now)
        self.as_of = max(self.as_of, min(reached, now))
        return self.as_of

    def start(self) -> None:
        """Begin measuring."""
        self._thread = threading.Thread(target=self._run, name="freshness", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        log = structlog.get_logger(__name__)
        while not self._stop.wait(self.every_seconds):
            try:
                self.measure()
            except TransientError as error:
                # as_of stays what it was, which is still true; the lag shows that it is old.
                log.warning("freshness not measured", error=str(error))
                self._stop.wait(error.retry_after_seconds)

    def stop(self) -> None:
        """Stop measuring."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(2)


def behind(ends: Offsets, committed: Offsets) -> set[Partition]:
    """Return the partitions whose end the group has not reached; an empty partition needs no commit."""
    return {each for each, end in ends.items() if end > committed.get(each, 0)}
