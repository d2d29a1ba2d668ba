"""Filter: which items a caller asked for and may see."""

from dataclasses import dataclass

from services.queues.core.post import Facets
from shared.contracts.activity import Surface

ANY: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Filter:
    """An empty set lets everything pass; `internal` says whether internal posts may be seen at all (invariant 9)."""

    internal: bool
    department: frozenset[str] = ANY
    intent: frozenset[str] = ANY
    sentiment: frozenset[str] = ANY
    state: frozenset[str] = ANY
    surface: frozenset[str] = ANY

    def matches(self, facets: Facets | None) -> bool:
        """Tell whether an item with these facets passes; None is no item and never does."""
        if facets is None or (facets.surface == Surface.INTERNAL and not self.internal):
            return False
        return all(not wanted or facet in wanted for facet, wanted in self.wanted(facets))

    def wanted(self, facets: Facets) -> tuple[tuple[str, frozenset[str]], ...]:
        """Return each facet beside the set it has to be in."""
        return (
            (facets.department, self.department),
            (facets.intent, self.intent),
            (facets.sentiment, self.sentiment),
            (facets.state, self.state),
            (facets.surface, self.surface),
        )
