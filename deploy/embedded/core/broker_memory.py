"""When the memory broker is replaced because of its size: it forgets nothing by itself, it only ever grows. Pure."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

FEW_UNREAD: Final = 20_000
"""What is unread is published again into the fresh broker; while much is, a fresh one would be as great at once."""


class Verdict(Enum):
    """What to do with the broker."""

    FINE = auto()
    WAIT = auto()
    REPLACE = auto()


@dataclass(frozen=True)
class MemoryLimit:
    """How much memory the broker may take, and how long a fresh one is left alone."""

    mib: int
    rest_seconds: float

    def verdict(self, held_mib: float, unread: int, lived_seconds: float) -> Verdict:
        """Return what to do with a broker of that size and age, of which so many records are not processed yet."""
        if held_mib <= self.mib:
            return Verdict.FINE
        return Verdict.REPLACE if unread <= FEW_UNREAD and lived_seconds >= self.rest_seconds else Verdict.WAIT
