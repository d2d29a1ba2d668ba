"""The journal (SQLite, WAL, synchronous=FULL) against an append-only segment file: a checksum and fdatasync per batch.

Prints, in the same run on the same disk, the median and 95th percentile of one append per batch size, and the ratio.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import crc32c

from services.ingest.journal import Journal, _packed
from shared.contracts.codec import Outgoing, encode_activity
from tests.builders import an_activity

SIZES = (1, 50, 1_000)
APPENDS = 120


def segment(path: Path) -> Callable[[Sequence[Outgoing]], None]:
    """Return the least that a segment file can do: length, checksum, bytes, one fdatasync."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def append(records: Sequence[Outgoing]) -> None:
        content = _packed(records)
        head = len(content).to_bytes(4, "big") + crc32c.crc32c(content).to_bytes(4, "big")
        os.write(descriptor, head + content)
        os.fdatasync(descriptor)

    return append


def journal(path: Path) -> Callable[[Sequence[Outgoing]], None]:
    held = Journal(path)

    def append(records: Sequence[Outgoing]) -> None:
        held.acknowledge(held.append(records))

    return append


def main() -> None:
    """Measure both in turns, so that what else the machine does meets both."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        appends = {
            "segment file": segment(Path(folder) / "segment"),
            "SQLite WAL": journal(Path(folder) / "journal.db"),
        }
        print(f"{'records':>8}  {'':<14} {'p50 ms':>8} {'p95 ms':>8}")
        for size in SIZES:
            records = [encode_activity(an_activity(f"web:{number}")) for number in range(size)]
            times: dict[str, list[float]] = {name: [] for name in appends}
            for _ in range(APPENDS):
                for name, append in appends.items():
                    began = time.perf_counter()
                    append(records)
                    times[name].append((time.perf_counter() - began) * 1_000)
            for name, taken in times.items():
                p95 = statistics.quantiles(taken, n=20)[-1]
                print(f"{size:>8}  {name:<14} {statistics.median(taken):>8.2f} {p95:>8.2f}")
            ratio = statistics.median(times["SQLite WAL"]) / statistics.median(times["segment file"])
            print(f"{'':>8}  SQLite takes {ratio:.2f} times as long")


if __name__ == "__main__":
    main()
