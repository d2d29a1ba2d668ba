"""What Prometheus is told of sources and the journal: read when it asks, so that nothing has to be kept up to date."""

from collections.abc import Callable, Sequence
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from services.ingest.states import Phase, SourceState
from shared.clock import Clock
from shared.errors import EarshotError


class SourceGauges(Collector):
    """The state of every source of this replica."""

    def __init__(self, states: Sequence[SourceState], clock: Clock, registry: CollectorRegistry) -> None:
        self._states = states
        self._clock = clock
        registry.register(self)

    def describe(self) -> list[GaugeMetricFamily]:
        """Return the families without values."""
        return [
            GaugeMetricFamily(
                "earshot_source_state",
                "1 for what a source is doing in this replica, 0 for the rest; standby: another replica runs it.",
                labels=["source", "state"],
            ),
            GaugeMetricFamily(
                "earshot_source_cursor_age_seconds",
                "How far the place a source would go on at lies back, by the platform's time where it tells it.",
                labels=["source"],
            ),
            GaugeMetricFamily(
                "earshot_source_silence_seconds", "Since the last input a source heard.", labels=["source"]
            ),
            GaugeMetricFamily("earshot_source_gaps", "Known gaps of a source, the latest 50.", labels=["source"]),
        ]

    def collect(self) -> list[GaugeMetricFamily]:
        """Return the families as things are now."""
        now = self._clock()
        phases, ages, silences, gaps = families = self.describe()
        for state in self._states:
            for phase in Phase:
                phases.add_metric([state.name, phase.value], float(state.phase is phase))
            if (age := state.cursor_age_seconds(now)) is not None:
                ages.add_metric([state.name], age)
            if state.last_activity_at is not None:
                silences.add_metric([state.name], (now - state.last_activity_at).total_seconds())
            gaps.add_metric([state.name], len(state.gaps))
        return families


class JournalSize(Protocol):
    """What can be asked of a journal."""

    def held(self) -> int:
        """Return how many records stand in it."""

    def waiting(self) -> int:
        """Return how many of them the broker has not acknowledged."""

    def size_bytes(self) -> int:
        """Return what it takes on disk."""


class JournalGauges(Collector):
    """How much the journal holds back; without one these series do not exist."""

    def __init__(self, journal: Callable[[], JournalSize | None], registry: CollectorRegistry) -> None:
        self._journal = journal
        registry.register(self)

    def describe(self) -> list[GaugeMetricFamily]:
        """Return the families without values."""
        return [
            GaugeMetricFamily(
                "earshot_journal_records", "Records in the journal: answered 202 and not yet stored by every sink."
            ),
            GaugeMetricFamily(
                "earshot_journal_unacknowledged_records", "Of these, not yet acknowledged by the broker."
            ),
            GaugeMetricFamily("earshot_journal_bytes", "Disk space the journal takes."),
        ]

    def collect(self) -> list[GaugeMetricFamily]:
        """Return the families as things are now; nothing when there is no journal or its disk fails."""
        journal = self._journal()
        if journal is None:
            return []
        families = self.describe()
        try:
            values = (journal.held(), journal.waiting(), journal.size_bytes())
        except (EarshotError, OSError):
            return []
        for family, value in zip(families, values, strict=True):
            family.add_metric([], value)
        return families
