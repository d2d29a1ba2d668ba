"""When a batch is due and what may be committed: pure values, time is a parameter (seconds, monotonic)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from shared.stream.ports import Partition, Record


@dataclass(frozen=True)
class BatchPolicy:
    """A batch is due at the first of: records, bytes, age of its oldest record."""

    max_records: int
    max_bytes: int
    max_age_seconds: float

    def __post_init__(self) -> None:
        if self.max_records < 1 or self.max_bytes < 1 or self.max_age_seconds < 0:
            raise ValueError(f"a batch needs max_records >= 1, max_bytes >= 1 and max_age_seconds >= 0, got {self}")


@dataclass
class Batch:
    """Records polled and not yet handled, in order of arrival."""

    policy: BatchPolicy
    records: list[Record] = field(default_factory=list)
    size_bytes: int = 0
    opened_at: float | None = None

    def room(self) -> int:
        """Return how many more records fit."""
        return max(0, self.policy.max_records - len(self.records))

    def add(self, records: Iterable[Record], now: float) -> None:
        """Append records; the first opens the batch."""
        for record in records:
            if self.opened_at is None:
                self.opened_at = now
            self.records.append(record)
            self.size_bytes += len(record.value or b"")

    def due(self, now: float) -> bool:
        """Tell whether the batch should be handled now."""
        if self.opened_at is None:
            return False
        return self.full() or now - self.opened_at >= self.policy.max_age_seconds

    def full(self) -> bool:
        """Tell whether the batch is as great as it may get."""
        return len(self.records) >= self.policy.max_records or self.size_bytes >= self.policy.max_bytes

    def seconds_until_due(self, now: float) -> float:
        """Return how long the batch may still wait; the whole age when it is empty."""
        if self.opened_at is None:
            return self.policy.max_age_seconds
        return max(0.0, self.policy.max_age_seconds - (now - self.opened_at))

    def drop(self, partitions: frozenset[Partition]) -> list[Record]:
        """Forget the records of revoked partitions, uncommitted; return them."""
        kept = [record for record in self.records if record.partition not in partitions]
        dropped = [record for record in self.records if record.partition in partitions]
        self.records = kept
        self.size_bytes = sum(len(record.value or b"") for record in kept)
        if not kept:
            self.opened_at = None
        return dropped

    def clear(self) -> None:
        """Forget everything, after it was handled."""
        self.records = []
        self.size_bytes = 0
        self.opened_at = None


def committable(records: Sequence[Record]) -> dict[Partition, int]:
    """Return per partition the next offset once all these records are durable."""
    offsets: dict[Partition, int] = {}
    for record in records:
        offsets[record.partition] = max(offsets.get(record.partition, 0), record.next_offset)
    return offsets
