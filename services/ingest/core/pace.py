"""When a line of a replayed file is due: as far apart as the activities were, divided by the speed."""

from dataclasses import dataclass
from datetime import datetime


@dataclass
class Pace:
    """`speed` 1 is as it happened, None is as fast as possible. The first timed line sets the clock."""

    speed: float | None
    _first_at: datetime | None = None
    _began: float = 0.0

    def seconds_until(self, occurred_at: datetime | None, now: float) -> float:
        """Return how long to wait for a line; `now` is monotonic seconds. What lies in the past is due at once."""
        if self.speed is None or occurred_at is None:
            return 0.0
        if self._first_at is None:
            self._first_at, self._began = occurred_at, now
        due = self._began + (occurred_at - self._first_at).total_seconds() / self.speed
        return max(0.0, due - now)
