"""Replays a JSONL file of activities in the HTTP form, as fast as they happened or faster."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

import orjson

from services.ingest.core.addressing import Accounts
from services.ingest.core.lines import KEPT_BYTES, LINE_BYTES, Line
from services.ingest.core.pace import Pace
from services.ingest.core.submission import Reading
from services.ingest.core.submissions import read_lines
from services.ingest.core.times import declared_instant
from services.ingest.delivery import Delivery, Saving
from services.ingest.states import Phase, SourceState
from shared.contracts.configuration import ReplaySource
from shared.contracts.trace import OWN, Tracing
from shared.errors import PermanentError, TransientError

CHUNK_LINES: Final = 1_000
CHUNK_BYTES: Final = 2 << 20


@dataclass(frozen=True, slots=True)
class Placed:
    """A line and the byte after it, which is the cursor once the line is durable."""

    line: Line
    end: int


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise the file system's errors as ours: a file that is not there will not come by waiting."""
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise PermanentError(f"{path} cannot be read ({error.strerror}); correct the source's path.") from error
    except OSError as error:
        raise TransientError(f"{path}: {error.strerror}") from error


@dataclass
class ReplayConnector:
    """Implements Connector. Its cursor is a byte offset; bad lines become rejections."""

    source: ReplaySource
    path: Path
    state: SourceState
    accounts: Accounts
    delivery: Delivery
    monotonic: Callable[[], float] = time.monotonic
    tracing: Tracing = OWN
    _pace: Pace = field(init=False)

    def __post_init__(self) -> None:
        speed = self.source.speed
        self._pace = Pace(None if speed == "max" else max(0.001, float(speed)))

    async def run(self) -> None:
        """See Connector.run."""
        saved = await self.delivery.resume(self.state.name)
        with translated(self.path):
            size = self.path.stat().st_size
            offset = _offset(saved.cursor if saved else None, self.path, size)
            self._show(offset, size)
            self.state.live()
            with self.path.open("rb") as file:
                file.seek(offset)
                while chunk := await asyncio.to_thread(_read_chunk, file):
                    async for due in self._due(chunk):
                        await self._send(due, size)
        self._show(size, size)
        self.state.phase = Phase.FINISHED

    async def _due(self, chunk: Sequence[Placed]) -> AsyncIterator[Sequence[Placed]]:
        """Yield the lines of a chunk when they are due."""
        due: list[Placed] = []
        for placed in chunk:
            wait = self._pace.seconds_until(self._occurred_at(placed.line), self.monotonic())
            if wait > 0:
                if due:
                    yield due
                    due = []
                await asyncio.sleep(self._pace.seconds_until(self._occurred_at(placed.line), self.monotonic()))
            due.append(placed)
        if due:
            yield due

    def _occurred_at(self, line: Line) -> datetime | None:
        if self._pace.speed is None:
            return None
        try:
            item = orjson.loads(line.content)
        except orjson.JSONDecodeError:
            return None
        return declared_instant(item.get("occurred_at")) if isinstance(item, dict) else None

    async def _send(self, due: Sequence[Placed], size: int) -> None:
        name = self.state.name
        reading = Reading(self.accounts, name, f"replay/{name}", self.delivery.clock(), self.tracing)
        batch = await asyncio.to_thread(read_lines, [placed.line for placed in due], reading)
        await self.delivery.publish(self.state, batch.accepted, [each.rejection for each in batch.rejected])
        end = due[-1].end
        await self.delivery.save(self.state, Saving(_cursor(self.path, end), str(end), _cursor(self.path, 0)))
        self._show(end, size)

    def _show(self, offset: int, size: int) -> None:
        percent = round(100 * offset / size, 1) if size else 100.0
        self.state.progress = {"bytes": offset, "total_bytes": size, "percent": min(percent, 100.0)}


def _cursor(path: Path, offset: int) -> str:
    return orjson.dumps({"path": str(path), "offset": offset}).decode()


def _offset(cursor: str | None, path: Path, size: int) -> int:
    """Return where to go on: at the beginning of another file, or of one that was cut."""
    held = orjson.loads(cursor) if cursor else {}
    offset = int(held.get("offset", 0)) if held.get("path") == str(path) else 0
    return offset if offset <= size else 0


def _read_chunk(file: BinaryIO) -> list[Placed]:
    """Return the next lines that are not blank; empty at the end of the file."""
    found: list[Placed] = []
    begin = start = file.tell()
    while len(found) < CHUNK_LINES and start - begin < CHUNK_BYTES:
        raw = file.readline(LINE_BYTES + 1)
        if not raw:
            break
        whole = raw.endswith(b"\n") or len(raw) <= LINE_BYTES
        if not whole:
            raw = raw[:KEPT_BYTES]
            _skip_line(file)
        if not raw.isspace():
            found.append(Placed(Line(start, raw.rstrip(b"\r\n"), whole), file.tell()))
        start = file.tell()
    return found


def _skip_line(file: BinaryIO) -> None:
    while (more := file.readline(LINE_BYTES)) and not more.endswith(b"\n"):
        pass
