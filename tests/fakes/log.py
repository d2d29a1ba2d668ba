"""An in-memory Kafka: topics with partitions and groups, members that can crash, a broker that can be away."""

import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.contracts.codec import Outgoing
from shared.errors import TransientError
from shared.stream.ports import Partition, Record


@dataclass
class FakeLog:
    """All topics of a broker; `away` makes every call fail as a lost broker would."""

    partitions: int = 2
    records: dict[Partition, list[Record]] = field(default_factory=lambda: defaultdict(list))
    committed: dict[str, dict[Partition, int]] = field(default_factory=lambda: defaultdict(dict))
    owners: dict[str, list["FakeSource"]] = field(default_factory=lambda: defaultdict(list))
    away: bool = False

    def append(self, outgoing: Outgoing) -> Record:
        partition = Partition(outgoing.topic, zlib.crc32(outgoing.key) % self.partitions)
        held = self.records[partition]
        record = Record(partition, len(held), outgoing.key, outgoing.value, outgoing.headers)
        held.append(record)
        return record

    def all(self, topic: str) -> list[Record]:
        return [each for partition, held in self.records.items() if partition.topic == topic for each in held]

    def check_reachable(self) -> None:
        if self.away:
            raise TransientError("the fake broker is away", retry_after_seconds=0)


@dataclass
class FakeSource:
    """A member of a group on a FakeLog. Partitions are shared out by member order, as a range assignor would."""

    log: FakeLog
    group: str
    topics: Sequence[str]
    callback: Callable[[frozenset[Partition]], None] = lambda _: None
    positions: dict[Partition, int] = field(default_factory=dict)
    paused: bool = False
    closed: bool = False
    is_member: bool = False
    revoking: frozenset[Partition] = frozenset()

    def _wanted(self) -> set[Partition]:
        members = self.log.owners[self.group]
        mine = members.index(self)
        return {
            Partition(topic, number)
            for topic in self.topics
            for number in range(self.log.partitions)
            if number % len(members) == mine
        }

    def poll(self, timeout_seconds: float, max_records: int) -> Sequence[Record]:
        self.log.check_reachable()
        if not self.is_member:
            self.is_member = True
            self.log.owners[self.group].append(self)
        wanted = self._wanted()
        if gone := frozenset(set(self.positions) - wanted):
            for partition in gone:
                del self.positions[partition]
            self.callback(gone)
        for partition in wanted - set(self.positions):
            self.positions[partition] = self.log.committed[self.group].get(partition, 0)
        if self.paused:
            return []
        polled: list[Record] = []
        for partition in sorted(self.positions):
            start = self.positions[partition]
            take = self.log.records[partition][start : start + max_records - len(polled)]
            self.positions[partition] = start + len(take)
            polled += take
        return polled

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        self.log.check_reachable()
        for partition, offset in offsets.items():
            if partition in self.positions:
                self.log.committed[self.group][partition] = offset

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def on_revoked(self, callback: Callable[[frozenset[Partition]], None]) -> None:
        self.callback = callback

    def joined(self) -> bool:
        return self.is_member

    def lag(self) -> Mapping[Partition, int]:
        return {each: len(self.log.records[each]) - at for each, at in self.positions.items()}

    def close(self) -> None:
        self.closed = True
        if self in self.log.owners[self.group]:
            self.log.owners[self.group].remove(self)


@dataclass
class FakeLookup:
    """Finds records of a FakeLog by their place."""

    log: FakeLog

    def find(self, partition: Partition, offset: int) -> Record | None:
        self.log.check_reachable()
        held = self.log.records.get(partition, [])
        return held[offset] if offset < len(held) else None

    def close(self) -> None:
        pass


@dataclass
class FakePublisher:
    """Appends to a FakeLog; `failures` publishes fail first, each after writing half, as a lost answer does."""

    log: FakeLog
    failures: int = 0

    def publish(self, records: Sequence[Outgoing]) -> None:
        self.log.check_reachable()
        if self.failures:
            self.failures -= 1
            for outgoing in records[: len(records) // 2]:
                self.log.append(outgoing)
            raise TransientError("the fake broker lost the connection", retry_after_seconds=0)
        for outgoing in records:
            self.log.append(outgoing)

    def close(self) -> None:
        pass
