"""The trace of one record: W3C `traceparent`, carried as a record header and over HTTP, logged by every service.

A record made without a caller's trace gets its own: the trace id is its CloudEvents id, so the same record heard again
is byte for byte the same. The `sampled` flag decides whether services write a line for it when all goes well; what
goes wrong is logged with its trace in any case. Source: https://www.w3.org/TR/trace-context/#traceparent-header
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

HEADER: Final = "traceparent"
GREATEST_SHARE: Final = 1 << 32

_FORM: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII
)


class Trace(NamedTuple):
    """A trace id of 32 hexadecimal digits, the span it was handed on by (16), and whether it is to be logged."""

    id: str
    span: str
    sampled: bool

    def __str__(self) -> str:
        return f"00-{self.id}-{self.span}-{'01' if self.sampled else '00'}"


def parse_trace(text: str | bytes | None) -> Trace | None:
    """Return the trace a `traceparent` names; None when there is none or it is malformed, as the standard asks."""
    if text is None:
        return None
    plain = text.decode("ascii", "replace") if isinstance(text, bytes) else text
    found = _FORM.fullmatch(plain.strip())
    # Version 00 has exactly four parts; later ones may have more.
    if found is None or (found[4] and plain.strip().startswith("00")):
        return None
    return Trace(found[1], found[2], bool(int(found[3], 16) & 1))


def chosen(event: str, share: float) -> bool:
    """Tell whether a record is among the share that is logged; the same record always is or never is."""
    return int(event[:8], 16) < share * GREATEST_SHARE


class Tracing(NamedTuple):
    """How records get their traces: from a caller who gave one, else each its own, of which a share is logged."""

    parent: Trace | None = None
    share: float = 0.0

    def trace(self, event: str) -> Trace:
        """Return the trace of a record with a CloudEvents id of 32 hexadecimal digits."""
        if self.parent is not None:
            return Trace(self.parent.id, event[:16], self.parent.sampled)
        return Trace(event, event[:16], chosen(event, self.share))

    def header(self, event: str) -> tuple[str, bytes]:
        """Return the record header that carries the trace."""
        return HEADER, str(self.trace(event)).encode()


OWN: Final = Tracing()
"""Every record its own trace, none logged when all goes well."""


def trace_in(headers: Iterable[tuple[str, bytes]]) -> Trace | None:
    """Return the trace that record headers carry."""
    return next((parse_trace(value) for name, value in headers if name == HEADER), None)
