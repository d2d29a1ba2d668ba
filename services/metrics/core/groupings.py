"""The usual groupings, of which every hour's answer is stored as plain numbers (table `cells`), ADR 0015."""

from collections.abc import Iterable
from typing import Final

from services.metrics.core.definitions import DIMENSIONS

_USUAL: Final = (
    (),
    ("department",),
    ("owner_department",),
    ("channel",),
    ("channel_class",),
    ("account",),
    ("intent",),
    ("sentiment",),
    ("department", "channel"),
    ("department", "channel_class"),
    ("department", "intent"),
    ("department", "sentiment"),
)


def ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Return distinct dimensions in the order of the tables' keys."""
    return tuple(sorted(set(names), key=DIMENSIONS.index))


GROUPINGS: Final = tuple(ordered((*names, *surface)) for names in _USUAL for surface in ((), ("surface",)))
"""Each usual grouping over everything, and apart by surface: what is public alone has its own number of people."""

_KNOWN: Final = frozenset(GROUPINGS)


def is_usual(names: Iterable[str]) -> bool:
    """Tell whether the answers of a grouping are stored."""
    return ordered(names) in _KNOWN


def grouping_number(names: Iterable[str]) -> int:
    """Return a grouping's number as the engine's grouping() of all dimensions gives it: a bit for each left out."""
    chosen = set(names)
    return sum(1 << place for place, name in enumerate(reversed(DIMENSIONS)) if name not in chosen)
