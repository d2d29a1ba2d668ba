"""Opaque texts that mark a place: the stream's position and the cursor of a page of items."""

import base64
import binascii
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_NUMBER: Final = 2**63 - 1
POSITION: Final = re.compile(r"([0-9a-f]{8})-([0-9]{1,19})")
CURSOR: Final = re.compile(r"([a-z_]{1,16})\.(-?[0-9]{1,19})\.(-?[0-9]{1,19})\.(-?[0-9]{1,19})\.([a-z2-7]{26})")


class Ordering(StrEnum):
    """Which items come first."""

    NEWEST = "newest"
    OLDEST = "oldest"
    PRIORITY = "priority"
    AT_RISK = "at_risk"


@dataclass(frozen=True)
class Position:
    """A place in the feed of one database; `epoch` tells databases apart, so a fresh one never continues an old one."""

    epoch: str
    sequence: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.sequence}"


def parse_position(text: str) -> Position | None:
    """Return the position a client sent, or None when it is not one of ours."""
    found = POSITION.fullmatch(text)
    if found is None or int(found[2]) > MAX_NUMBER:
        return None
    return Position(found[1], int(found[2]))


@dataclass(frozen=True)
class Cursor:
    """The last item of a page. `now_us` is when the first page was made: every page ranks items as of then.

    `rank` is what the ordering sorts by before the time of the post, smallest first.
    """

    ordering: Ordering
    now_us: int
    rank: int
    occurred_at_us: int
    item: str

    def __str__(self) -> str:
        plain = f"{self.ordering}.{self.now_us}.{self.rank}.{self.occurred_at_us}.{self.item}"
        return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def parse_cursor(text: str) -> Cursor | None:
    """Return the cursor a client sent, or None when it is not one of ours."""
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    found = CURSOR.fullmatch(plain)
    if found is None or found[1] not in set(Ordering):
        return None
    numbers = [int(found[place]) for place in (2, 3, 4)]
    if any(abs(number) > MAX_NUMBER for number in numbers):
        return None
    return Cursor(Ordering(found[1]), numbers[0], numbers[1], numbers[2], found[5])
