"""The journal of the embedded system: what was acknowledged survives the memory broker, on this machine's disk.

Every record is on disk (SQLite, WAL, synchronous=FULL: one fsync per publish) before it goes to the broker, so a 202
means durable although Tansu keeps everything in memory (invariant 1). At start the journal is published again into what
may be a fresh broker: everything downstream is idempotent by activity id, so what was through is counted once. With an
external Kafka there is no journal: its replicas do this job.
"""

import contextlib
import sqlite3
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import crc32c
import orjson
import structlog

from shared.contracts.codec import Outgoing
from shared.errors import PermanentError, TransientError
from shared.stream.ports import Publisher

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS batches (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, content BLOB NOT NULL)"""
CHECKSUM_BYTES: Final = 4
PREPARATION: Final = (
    "PRAGMA auto_vacuum=INCREMENTAL", "PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", SCHEMA,
)  # fmt: skip
"""One row per publish: a row per record would let go of the interpreter's lock, and wait for it, once per record."""


@dataclass(frozen=True)
class Entries:
    """A run of journal entries, written by one publish: the numbers `first` to `last`."""

    first: int
    last: int


@dataclass
class Journal:
    """One file, one process, any thread. A disk that fails is a TransientError: the caller answers 503.

    A torn tail (power cut, full disk) is cut by SQLite, whose log has a checksum per page; what was acknowledged lies
    before it. A batch whose own checksum is wrong is reported and left out. Raises PermanentError for a file that is no
    journal.
    """

    path: Path
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _pending: set[Entries] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        try:
            for statement in PREPARATION:
                self._connection.execute(statement)
            self._last = self._held_through()
        except sqlite3.OperationalError as error:
            raise TransientError(f"the journal {self.path} cannot be opened ({error}); check disk space") from error
        except sqlite3.DatabaseError as error:
            raise PermanentError(
                f"{self.path} is damaged ({error}). It holds what was acknowledged and not yet stored: keep a copy, "
                "move it away and start again; sources hear the last minutes again, HTTP clients must resend theirs."
            ) from error

    def append(self, records: Sequence[Outgoing]) -> Entries:
        """Put records on disk; they are pending until `acknowledge` or `withdraw`. Raises TransientError."""
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

    def withdraw(self, entries: Entries) -> None:
        """Say that nobody was told they are safe: whoever sent them sends them again, so they need not be kept."""
        with self._lock:
            self._pending.discard(entries)
            # A disk that cannot even forget keeps them until they are trimmed; published once more they change nothing.
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("DELETE FROM batches WHERE first = ?", (entries.first,))

    def acknowledged_through(self) -> int:
        """Return the number up to which the broker holds everything; 0 when that is nothing."""
        with self._lock:
            if self._pending:
                return min(entries.first for entries in self._pending) - 1
            return self._held_through()

    def _held_through(self) -> int:
        return int(self._connection.execute("SELECT coalesce(max(last), 0) FROM batches").fetchone()[0])

    def trim(self, through: int) -> int:
        """Forget everything up to a number; return how many records that were. Raises TransientError."""
        with self._lock:
            before = self._count()
            try:
                self._connection.execute("DELETE FROM batches WHERE last <= ?", (through,))
                self._connection.execute("PRAGMA incremental_vacuum").fetchall()  # gives one page back per row fetched
            except sqlite3.Error as error:
                message = f"the journal {self.path} cannot be trimmed ({error}); check disk space"
                raise TransientError(message) from error
            return before - self._count()

    def held(self) -> int:
        """Return how many records stand in the journal."""
        with self._lock:
            return self._count()

    def waiting(self) -> int:
        """Return how many records the broker has not acknowledged yet."""
        with self._lock:
            return sum(entries.last - entries.first + 1 for entries in self._pending)

    def size_bytes(self) -> int:
        """Return what the journal takes on disk, its write-ahead log included."""
        files = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(each.stat().st_size for each in files if each.exists())

    def _count(self) -> int:
        return int(self._connection.execute("SELECT coalesce(sum(last - first + 1), 0) FROM batches").fetchone()[0])

    def records(self) -> Iterator[list[Outgoing]]:
        """Yield everything, in order, as it was published together."""
        first, last = 0, sys.maxsize
        while True:
            with self._lock:
                row = self._connection.execute(
                    "SELECT first, last, content FROM batches WHERE first >= ? AND last <= ? ORDER BY first LIMIT 1",
                    (first, last),
                ).fetchone()
            if row is None:
                return
            first = row[1] + 1
            if (found := _unpacked(row[2])) is None:
                structlog.get_logger(__name__).critical(
                    "a batch of the journal is damaged and is left out",
                    journal=str(self.path),
                    first=row[0],
                    last=row[1],
                )
                continue
            yield found

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
        """See Publisher.publish. While the broker is away every try of a source takes its own batch back again."""
        if not records:
            return
        entries = self.journal.append(records)
        try:
            self.publisher.publish(records)
        except BaseException:
            self.journal.withdraw(entries)
            raise
        self.journal.acknowledge(entries)

    def replay(self) -> int:
        """Publish the whole journal again; return how many records. Raises TransientError."""
        count = 0
        for page in self.journal.records():
            self.publisher.publish(page)
            count += len(page)
        return count

    def close(self) -> None:
        """See Publisher.close."""
        self.publisher.close()
        self.journal.close()


def _packed(records: Sequence[Outgoing]) -> bytes:
    """Return a checksum, one line of JSON (topics, lengths, headers), then all keys and values as they are."""
    index = [
        [each.topic, len(each.key), len(each.value), [[name, value.decode()] for name, value in each.headers]]
        for each in records
    ]
    packed = b"".join([orjson.dumps(index), b"\n", *(part for each in records for part in (each.key, each.value))])
    return crc32c.crc32c(packed).to_bytes(CHECKSUM_BYTES, "big") + packed


def _unpacked(content: bytes) -> list[Outgoing] | None:
    """Return the records, or None when their checksum is wrong."""
    packed = content[CHECKSUM_BYTES:]
    if crc32c.crc32c(packed) != int.from_bytes(content[:CHECKSUM_BYTES], "big"):
        return None
    line, _, rest = packed.partition(b"\n")
    found: list[Outgoing] = []
    at = 0
    for topic, key_bytes, value_bytes, headers in orjson.loads(line):
        middle, end = at + key_bytes, at + key_bytes + value_bytes
        names = tuple((name, text.encode()) for name, text in headers)
        found.append(Outgoing(topic, rest[at:middle], rest[middle:end], names))
        at = end
    return found
