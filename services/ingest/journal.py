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

PAGE_RECORDS: Final = 1_000
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS journal (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  topic TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, headers BLOB NOT NULL
)"""


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

    def append(self, records: Sequence[Outgoing]) -> Entries:
        """Put records on disk; they are pending until `acknowledge` or `fail`. Raises TransientError."""
        rows = [
            (each.topic, each.key, each.value, orjson.dumps([[name, value.decode()] for name, value in each.headers]))
            for each in records
        ]
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany(
                    "INSERT INTO journal(topic, key, value, headers) VALUES (?, ?, ?, ?)", rows
                )
                last = int(self._connection.execute("SELECT max(seq) FROM journal").fetchone()[0])
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                message = f"the journal {self.path} cannot be written ({error}); check disk space and rights"
                raise TransientError(message, retry_after_seconds=5) from error
            entries = Entries(last - len(rows) + 1, last)
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
            return int(self._connection.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()[0])

    def trim(self, through: int) -> int:
        """Forget everything up to a number; return how many records that were."""
        with self._lock:
            trimmed = self._connection.execute("DELETE FROM journal WHERE seq <= ?", (through,)).rowcount
            self._connection.execute("PRAGMA incremental_vacuum")
            return trimmed

    def held(self) -> int:
        """Return how many records stand in the journal."""
        with self._lock:
            return int(self._connection.execute("SELECT count(*) FROM journal").fetchone()[0])

    def records(self, entries: Entries | None = None) -> Iterator[list[Outgoing]]:
        """Yield the entries, or everything, in order and in pages one publish can carry."""
        seq, last = (entries.first - 1, entries.last) if entries else (0, sys.maxsize)
        while True:
            with self._lock:
                page = self._connection.execute(
                    "SELECT seq, topic, key, value, headers FROM journal WHERE seq > ? AND seq <= ? "
                    "ORDER BY seq LIMIT ?",
                    (seq, last, PAGE_RECORDS),
                ).fetchall()
            if not page:
                return
            seq = page[-1][0]
            yield [
                Outgoing(topic, key, value, tuple((name, text.encode()) for name, text in orjson.loads(headers)))
                for _, topic, key, value, headers in page
            ]

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
