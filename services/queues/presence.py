"""Presence: who is looking at which item right now, as the database knows it, told as it changes."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from services.queues.core.ports import Lookers, PresenceStore
from services.queues.core.post import Facets

LASTS_US: Final = 90_000_000
KEPT: Final = 1_000


@dataclass(frozen=True)
class Looking:
    """Who looks at an item from a moment on; `number` orders moments, `facets` decide who may be told."""

    number: int
    item: str
    facets: Facets
    agents: Sequence[str]


class Presence:
    """Thread-safe. `announce` is called when who looks at an item has changed; replicas learn of each other by look."""

    def __init__(self, store: PresenceStore, announce: Callable[[], None]) -> None:
        self.number = 0
        self._store = store
        self._announce = announce
        self._now: dict[str, Looking] = {}
        self._told: deque[Looking] = deque(maxlen=KEPT)
        self._lock = threading.Lock()
        # Held while the database is asked: of two answers the later one must be taken last.
        self._asking = threading.Lock()

    def look(self, item: str, agent: str, now_us: int) -> Sequence[str]:
        """Note that an agent looks at an item, for 90 seconds unless repeated; return all who do.

        Raises:
            TransientError: The database is away.
        """
        self._store.look(item, agent, until_us=now_us + LASTS_US, now_us=now_us)
        self.refresh(now_us)
        with self._lock:
            known = self._now.get(item)
        return [] if known is None else known.agents

    def refresh(self, now_us: int) -> None:
        """Take in who looks now, on any replica. Raises TransientError."""
        with self._asking:
            found = {each.item: each for each in self._store.lookers(now_us)}
            with self._lock:
                changed = self._take(found)
        if changed:
            self._announce()

    def since(self, number: int) -> Sequence[Looking]:
        """Return what has changed after a number; everything when that is too long ago."""
        if number == self.number:
            return ()
        with self._lock:
            if number == 0 or (self._told and self._told[0].number > number + 1):
                return list(self._now.values())
            return [each for each in self._told if each.number > number]

    def _take(self, found: dict[str, Lookers]) -> bool:
        before = self.number
        for item, known in list(self._now.items()):
            if item not in found:
                self._tell(item, known.facets, [])
                del self._now[item]
        for item, lookers in found.items():
            seen = self._now.get(item)
            if seen is None or (seen.agents, seen.facets) != (lookers.agents, lookers.facets):
                self._now[item] = self._tell(item, lookers.facets, lookers.agents)
        return self.number > before

    def _tell(self, item: str, facets: Facets, agents: Sequence[str]) -> Looking:
        self.number += 1
        told = Looking(self.number, item, facets, agents)
        self._told.append(told)
        return told
