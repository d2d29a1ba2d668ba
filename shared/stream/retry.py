"""How long to wait before the next try: pure, jitter is a parameter."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential back-off between a first delay and a cap; retries never end, for nothing accepted is dropped."""

    first_seconds: float = 0.1
    factor: float = 2.0
    cap_seconds: float = 10.0

    def delay_seconds(self, attempt: int, *, jitter: float = 0.5) -> float:
        """Return the delay before try number `attempt` (1 = first retry); `jitter` in [0, 1] spreads it over +-25 %."""
        exponent = min(attempt - 1, 64)
        plain = min(self.cap_seconds, self.first_seconds * self.factor**exponent)
        return plain * (0.75 + 0.5 * jitter)
