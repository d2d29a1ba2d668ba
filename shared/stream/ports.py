"""What the loop knows of the world: a Source gives records, a Handler has the effect, a Publisher writes records."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from shared.contracts.codec import Headers, Outgoing
from shared.contracts.rejection import Rejection


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    number: int


class Record(NamedTuple):
    """Bytes and position as the broker gave them. `next_offset`, not `offset`, is what is committed."""

    partition: Partition
    offset: int
    key: bytes
    value: bytes | None
    headers: Headers = ()

    @property
    def next_offset(self) -> int:
        """The offset to commit once this record's effect is durable."""
        return self.offset + 1

    @property
    def origin(self) -> str:
        """Where the record stands, for a Rejection: topic/partition/offset."""
        return f"{self.partition.topic}/{self.partition.number}/{self.offset}"

    def header(self, name: str) -> bytes | None:
        """Return the first header of that name."""
        return next((value for key, value in self.headers if key == name), None)


class Source(Protocol):
    """A member of a consumer group. Every method may raise TransientError when the broker is away."""

    def poll(self, timeout_seconds: float, max_records: int) -> Sequence[Record]:
        """Return what has arrived, in order within each partition; empty after the timeout. Keeps membership alive."""

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Make `next_offset` per partition durable. Partitions that are no longer ours are ignored."""

    def pause(self) -> None:
        """Poll nothing until `resume`, but stay in the group."""

    def resume(self) -> None:
        """Poll again."""

    def on_revoked(self, callback: Callable[[frozenset[Partition]], None]) -> None:
        """Call back, within `poll`, with partitions that were taken away."""

    def joined(self) -> bool:
        """Tell whether the group has let this member in; it may own no partition all the same."""

    def lag(self) -> Mapping[Partition, int]:
        """Return per assigned partition how many records are not yet polled."""

    def close(self) -> None:
        """Leave the group. Commits nothing."""


class Publisher(Protocol):
    """Writes records so that they are durable when `publish` returns."""

    def publish(self, records: Sequence[Outgoing]) -> None:
        """Return once all in-sync replicas hold every record. Raises TransientError; some may then be written."""

    def close(self) -> None:
        """Flush and let go of the connection."""


class Lookup(Protocol):
    """Reads single records by their place, in no group."""

    def find(self, partition: Partition, offset: int) -> Record | None:
        """Return the record at an offset; None when the broker no longer has it. Raises TransientError."""

    def close(self) -> None:
        """Let go of the connection; the next call opens a new one."""


class Handler(Protocol):
    """The effect of a batch. Must be idempotent: after a crash the same records come again, cut differently."""

    def handle(self, records: Sequence[Record]) -> Sequence[Rejection]:
        """Return once the effect of all records is durable, with what could not be processed.

        Raises TransientError to be called again with the same records, PermanentError to stop the service.
        """
