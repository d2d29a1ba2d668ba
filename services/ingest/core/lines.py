"""Cuts a byte stream into NDJSON lines while holding no more than one line of it."""

from dataclasses import dataclass, field

LINE_BYTES = 1 << 20
KEPT_BYTES = 1_000


@dataclass(slots=True)
class Line:
    """One line that is not blank, by its zero-based number in the stream; beyond the limit only its beginning."""

    number: int
    content: bytes
    whole: bool = True


@dataclass
class LineSplitter:
    """Feed it chunks as they arrive, then call `finish` once."""

    limit_bytes: int = LINE_BYTES
    _tail: bytes = b""
    _kept: bytes | None = None
    _number: int = 0
    _found: list[Line] = field(default_factory=list)

    def feed(self, chunk: bytes) -> list[Line]:
        """Return the lines that end in this chunk."""
        first, *others = chunk.split(b"\n")
        self._extend(first)
        for part in others:
            self._end_line()
            self._extend(part)
        return self._take()

    def finish(self) -> list[Line]:
        """Return the last line when the stream did not end with a newline."""
        self._end_line()
        return self._take()

    def _extend(self, part: bytes) -> None:
        if self._kept is not None:
            return
        self._tail = self._tail + part if self._tail else part
        if len(self._tail) > self.limit_bytes:
            self._kept = self._tail[:KEPT_BYTES]
            self._tail = b""

    def _end_line(self) -> None:
        if self._kept is not None:
            self._found.append(Line(self._number, self._kept, whole=False))
        elif self._tail and not self._tail.isspace():
            self._found.append(Line(self._number, self._tail))
        self._tail = b""
        self._kept = None
        self._number += 1

    def _take(self) -> list[Line]:
        found, self._found = self._found, []
        return found
