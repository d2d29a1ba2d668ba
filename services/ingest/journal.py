"""The journal of the embedded system: what was acknowledged survives the memory broker, on this machine's disk.

Every record is on disk (SQLite, WAL, synchronous=FULL: one fsync per publish) before it goes to the broker, so a 202
means durable although Tansu keeps everything in memory (invariant 1). At start the journal is published again into what
may be a fresh broker: everything downstream is idempotent by activity id, so what was through is counted once. With an
external Kafka there is no journal: its replicas do this job.
"""

import sqlite3
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import orjson

from shared.contracts.codec import Outgoing
from shared.errors import TransientError
from shared.stream.ports import Publisher

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS batches (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, content BLOB NOT NULL)"""
"""One row per publish: a row per record would let go of the interpreter's lock, and wait for it, once per record."""


@dataclass(frozen=True)
class Entries:
    """A run of journal entries, written by one publish: the numbers `first` to `last`."""

    first: int
    last: int


@dataclass
class Journal:
    """One file, one process, any thread. A disk that fails is a TransientError: the caller answers 503."""

    path: Path
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _pending: set[Entries] = field(default_factory=set, init=False)
    _failed: set[Entries] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute(SCHEMA)
        self._last = self._held_through()

    def append(self, records: Sequence[Outgoing]) -> Entries:
        """Put records on disk; they are pending until `acknowledge` or `fail`. Raises TransientError."""
        content = _packed(records)
        with self._lock:
            entries = Entries(self._last + 1, self._last + len(records))
            try:
                self._connection.execute(
                    "INSERT INTO batches(first, last, content) VALUES (?, ?, ?)", (entries.first, entries.last, content)
                )
            except sqlite3.Error as error:
                message = f"the journal {self.path} cannot be written ({error}); check disk space and rights"
                raise TransientError(message, retry_after_seconds=5) from error
            self._last = entries.last
            self._pending.add(entries)
            return entries

    def acknowledge(self, entries: Entries) -> None:
        """Say that the broker holds them."""
        with self._lock:
            self._pending.discard(entries)
            self._failed.discard(entries)

    def fail(self, entries: Entries) -> None:
        """Say that the broker may or may not hold them; they stay pending until `acknowledge`."""
        with self._lock:
            self._failed.add(entries)

    def failed(self) -> list[Entries]:
        """Return what must be published again."""
        with self._lock:
            return sorted(self._failed, key=lambda entries: entries.first)

    def acknowledged_through(self) -> int:
        """Return the number up to which the broker holds everything; 0 when that is nothing."""
        with self._lock:
            if self._pending:
                return min(entries.first for entries in self._pending) - 1
            return self._held_through()

    def _held_through(self) -> int:
        return int(self._connection.execute("SELECT coalesce(max(last), 0) FROM batches").fetchone()[0])

    def trim(self, through: int) -> int:
        """Forget everything up to a number; return how many records that were."""
        with self._lock:
            before = self._count()
            self._connection.execute("DELETE FROM batches WHERE last <= ?", (through,))
            self._connection.execute("PRAGMA incremental_vacuum").fetchall()  # gives one page back per row fetched
            return before - self._count()

    def held(self) -> int:
        """Return how many records stand in the journal."""
        with self._lock:
            return self._count()

    def _count(self) -> int:
        return int(self._connection.execute("SELECT coalesce(sum(last - first + 1), 0) FROM batches").fetchone()[0])

    def records(self, entries: Entries | None = None) -> Iterator[list[Outgoing]]:
        """Yield the entries, or everything, in order, as they were published together."""
        first, last = (entries.first, entries.last) if entries else (0, sys.maxsize)
        while True:
            with self._lock:
                row = self._connection.execute(
                    "SELECT last, content FROM batches WHERE first >= ? AND last <= ? ORDER BY first LIMIT 1",
                    (first, last),
                ).fetchone()
            if row is None:
                return
            first = row[0] + 1
            yield _unpacked(row[1])

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()


@dataclass
class JournalledPublisher:
    """A Publisher whose records are on this machine's disk before they are on the broker."""

    publisher: Publisher
    journal: Journal

    def publish(self, records: Sequence[Outgoing]) -> None:
        """See Publisher.publish. What fails is in the journal and goes out later; the caller's resend is harmless."""
        if not records:
            return
        entries = self.journal.append(records)
        try:
            self.publisher.publish(records)
        except BaseException:
            self.journal.fail(entries)
            raise
        self.journal.acknowledge(entries)

    def replay(self) -> int:
        """Publish the whole journal again; return how many records. Raises TransientError."""
        count = 0
        for page in self.journal.records():
            self.publisher.publish(page)
            count += len(page)
        return count

    def repair(self) -> None:
        """Publish again what failed. Raises TransientError."""
        for entries in self.journal.failed():
            for page in self.journal.records(entries):
                self.publisher.publish(page)
            self.journal.acknowledge(entries)

    def close(self) -> None:
        """See Publisher.close."""
        self.publisher.close()
        self.journal.close()


def _packed(records: Sequence[Outgoing]) -> bytes:
    """Return records as one line of JSON (topics, lengths, headers), then all keys and values as they are."""
    index = [
        [each.topic, len(each.key), len(each.value), [[name, value.decode()] for name, value in each.headers]]
        for each in records
    ]
    return b"".join([orjson.dumps(index), b"\n", *(part for each in records for part in (each.key, each.value))])


def _unpacked(content: bytes) -> list[Outgoing]:
    line, _, rest = content.partition(b"\n")
    found: list[Outgoing] = []
    at = 0
    for topic, key_bytes, value_bytes, headers in orjson.loads(line):
        middle, end = at + key_bytes, at + key_bytes + value_bytes
        names = tuple((name, text.encode()) for name, text in headers)
        found.append(Outgoing(topic, rest[at:middle], rest[middle:end], names))
        at = end
    return found
