"""Where a Jetstream source stands, and the cursor to ask a server for so that nothing between is missed."""

from dataclasses import asdict, dataclass, replace
from typing import Final

import orjson

from services.ingest.core.jetstream import Event, Wire

CLAMPED_AFTER_US: Final = 60_000_000
"""A first event so much later than the cursor means that the server no longer had what lay between."""


@dataclass(frozen=True)
class Position:
    """The newest event handled: sequence numbers hold on one v2 host only, times hold everywhere."""

    host: str
    wire: Wire
    time_us: int
    seq: int | None = None

    def after(self, event: Event) -> "Position":
        """Return the position once an event is handled; a server that starts over does not move it back."""
        seqs = [each for each in (self.seq, event.seq) if each is not None]
        return replace(self, time_us=max(self.time_us, event.time_us), seq=max(seqs, default=None))

    def dump(self) -> str:
        """Return the position as it is stored."""
        return orjson.dumps(asdict(self)).decode()


def load_position(stored: str) -> Position | None:
    """Return a stored position; None when this version cannot read it."""
    try:
        held = orjson.loads(stored)
        return Position(str(held["host"]), "v2" if held["wire"] == "v2" else "v1", int(held["time_us"]), held["seq"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None


def cursor_for(position: Position, host: str, wire: Wire, rewind_seconds: float) -> int:
    """Return the cursor to ask for: the sequence number where it was given, else the time, a little earlier."""
    if wire == "v2" and (position.host, position.wire) == (host, wire) and position.seq is not None:
        return position.seq
    return max(1, position.time_us - int(rewind_seconds * 1_000_000))


def was_clamped(asked_us: int, first_us: int) -> bool:
    """Tell whether a server that was asked for a time began so much later that something is missing."""
    return first_us - asked_us > CLAMPED_AFTER_US
