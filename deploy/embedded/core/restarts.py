"""When a child that ended is started again, and how that is told. Pure; time comes in as a number."""

import signal
from dataclasses import dataclass


@dataclass(frozen=True)
class RestartPolicy:
    """Back-off between restarts; a child that lived long enough starts again as if for the first time."""

    first_delay_seconds: float = 0.2
    factor: float = 2.0
    longest_delay_seconds: float = 10.0
    forgiven_after_seconds: float = 30.0

    def delay_seconds(self, in_a_row: int) -> float:
        """Return the pause before the next start after so many ends in a row."""
        exponent = min(max(in_a_row - 1, 0), 32)
        return float(min(self.longest_delay_seconds, self.first_delay_seconds * self.factor**exponent))


@dataclass(frozen=True)
class RestartRecord:
    """What happened to one child so far."""

    restarts: int = 0
    in_a_row: int = 0
    last_exit: int | None = None

    def after_exit(self, exit_code: int | None, lived_seconds: float, policy: RestartPolicy) -> "RestartRecord":
        """Return the record after an end that nobody asked for."""
        in_a_row = 1 if lived_seconds >= policy.forgiven_after_seconds else self.in_a_row + 1
        return RestartRecord(self.restarts + 1, in_a_row, exit_code)

    def told(self) -> str | None:
        """Return the record in words, e.g. "restarted 2 times, last exit -9 (SIGKILL)"; None when nothing happened."""
        if not self.restarts:
            return None
        times = "once" if self.restarts == 1 else f"{self.restarts} times"
        return f"restarted {times}, last exit {exit_in_words(self.last_exit)}"


def exit_in_words(exit_code: int | None) -> str:
    """Return an exit code for reading: a negative one is the signal that ended the process."""
    if exit_code is None:
        return "before it was up"
    if exit_code >= 0:
        return str(exit_code)
    names = {each.value: each.name for each in signal.Signals}
    return f"{exit_code} ({names.get(-exit_code, 'unknown signal')})"
