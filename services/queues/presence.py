"""Presence: who is looking at which item right now; in the memory of this process, so a restart forgets it."""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from services.queues.core.post import Facets

LASTS_US: Final = 90_000_000
MOST_AGENTS: Final = 20
MOST_ITEMS: Final = 5_000
KEPT: Final = 1_000


@dataclass(frozen=True)
class Looking:
    """Who looks at an item from a moment on; `number` orders moments, `facets` decide who may be told."""

    number: int
    item: str
    facets: Facets
    agents: Sequence[str]


class Presence:
    """Thread-safe. `announce` is called when who looks at an item has changed."""

    def __init__(self, announce: Callable[[], None]) -> None:
        self.number = 0
        self._announce = announce
        self._until: dict[str, dict[str, int]] = {}
        self._now: dict[str, Looking] = {}
        self._told: deque[Looking] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def look(self, item: str, facets: Facets, agent: str, now_us: int) -> Sequence[str]:
        """Note that an agent looks at an item, for 90 seconds unless repeated; return all who do."""
        with self._lock:
            agents = self._until.get(item, {})
            has_room = len(agents) < MOST_AGENTS if agents else len(self._until) < MOST_ITEMS
            if agent in agents or has_room:
                agents[agent] = now_us + LASTS_US
                self._until[item] = agents
            changed = self._tell(item, facets, agents)
        if changed:
            self._announce()
        return sorted(agents)

    def sweep(self, now_us: int) -> None:
        """Forget who has not been seen for 90 seconds."""
        with self._lock:
            changed = False
            for item, agents in list(self._until.items()):
                left = {agent: until_us for agent, until_us in agents.items() if until_us > now_us}
                if len(left) < len(agents):
                    self._until[item] = left
                    changed |= self._tell(item, self._now[item].facets, left)
                if not left:
                    del self._until[item], self._now[item]
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

    def _tell(self, item: str, facets: Facets, agents: Mapping[str, int]) -> bool:
        names = sorted(agents)
        known = self._now.get(item)
        if known is not None and known.agents == names and known.facets.surface == facets.surface:
            return False
        self.number += 1
        self._now[item] = Looking(self.number, item, facets, names)
        self._told.append(self._now[item])
        return True
