"""TIDs, the timestamp identifiers of AT Protocol: 13 characters of base 32 that hold microseconds since 1970."""

import re
from typing import Final

ALPHABET: Final = "234567abcdefghijklmnopqrstuvwxyz"
_SHAPE = re.compile(r"[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}")
_VALUES: Final = {character: value for value, character in enumerate(ALPHABET)}
CLOCK_BITS: Final = 10


def tid_microseconds(tid: str) -> int | None:
    """Return the microseconds since 1970 in a TID; None when it is not one."""
    if _SHAPE.fullmatch(tid) is None:
        return None
    number = 0
    for character in tid:
        number = number << 5 | _VALUES[character]
    return number >> CLOCK_BITS
