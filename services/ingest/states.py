"""What is known of every source at this moment, for GET /v1/sources and for health. Plain values; no I/O."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from services.ingest.cursors import GAPS_SHOWN, Gap
from services.ingest.meters import Meters
from shared.clock import Clock
from shared.contracts.rejection import Rejection


class Phase(StrEnum):
    """What a source is doing."""

    CONNECTING = "connecting"
    LIVE = "live"
    BACKING_OFF = "backing_off"
    IDLE = "idle"
    FINISHED = "finished"
    FAILED = "failed"
    WAITING = "waiting"
    STANDBY = "standby"


@dataclass
class Counts:
    """Inputs of this source since the process started."""

    received: int = 0
    accepted: int = 0
    ignored: int = 0
    rejected: int = 0


@dataclass
class SourceState:
    """One source: phase, last activity, cursor, counts, gaps, last error. Changed by its connector and the runner."""

    name: str
    kind: str
    clock: Clock
    meters: Meters
    phase: Phase = Phase.CONNECTING
    last_activity_at: datetime | None = None
    cursor: str | None = None
    cursor_saved_at: datetime | None = None
    cursor_at: datetime | None = None
    counts: Counts = field(default_factory=Counts)
    gaps: list[Gap] = field(default_factory=list)
    last_error: str | None = None
    last_error_at: datetime | None = None
    progress: dict[str, object] = field(default_factory=dict)
    retries: int = 0

    def live(self) -> None:
        """Note that the source is connected and hears."""
        self.phase = Phase.LIVE

    def heard(self, *, accepted: int = 0, ignored: int = 0, rejected: Sequence[Rejection] = ()) -> None:
        """Note inputs whose outcome is durable."""
        self.counts.received += accepted + ignored + len(rejected)
        self.counts.accepted += accepted
        self.counts.ignored += ignored
        self.counts.rejected += len(rejected)
        self.last_activity_at = self.clock()
        self.meters.heard(self.name, accepted=accepted, ignored=ignored, rejected=rejected)

    def stands_at(self, cursor: str, *, saved_at: datetime, at: datetime | None) -> None:
        """Note a saved cursor; `at` is the platform's time it stands for, when it stands for one."""
        self.cursor = cursor
        self.cursor_saved_at = saved_at
        self.cursor_at = at

    def cursor_age_seconds(self, now: datetime) -> float | None:
        """Return how far the saved cursor lies back, by platform time where it tells it; None without a cursor."""
        stands_for = self.cursor_at or self.cursor_saved_at
        return None if stands_for is None else max(0.0, (now - stands_for).total_seconds())

    def missed(self, gap: Gap) -> None:
        """Note a gap; one that begins like another replaces it, for its end was only a guess."""
        others = [each for each in self.gaps if (each.began_at, each.reason) != (gap.began_at, gap.reason)]
        if len(others) == len(self.gaps):
            self.meters.gap(self.name)
        self.gaps = [*others, gap][-GAPS_SHOWN:]

    def failed(self, error: BaseException, *, phase: Phase) -> None:
        """Note what went wrong and what the source does now."""
        self.phase = phase
        # What a server said may hold half a surrogate pair, which no answer could carry.
        self.last_error = str(error)[:500].encode("utf-8", "replace").decode() or type(error).__name__
        self.last_error_at = self.clock()
