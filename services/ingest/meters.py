"""Prometheus metrics of ingest beside those every process has."""

from collections.abc import Iterable

from prometheus_client import Counter

from shared.contracts.rejection import Rejection
from shared.service.telemetry import Telemetry


class Meters:
    """Counts what was heard, by source and outcome, gaps by source, and rejections by reason."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._rejections = telemetry.rejections
        self._inputs = Counter(
            "earshot_ingest_inputs_total",
            "Inputs heard, by source and outcome (accepted, ignored, rejected).",
            ["source", "outcome"],
            registry=telemetry.registry,
        )
        self._gaps = Counter(
            "earshot_ingest_gaps_total", "Times a source missed something.", ["source"], registry=telemetry.registry
        )

    def heard(self, source: str, *, accepted: int = 0, ignored: int = 0, rejected: Iterable[Rejection] = ()) -> None:
        """Count inputs whose outcome is durable."""
        self._count(source, "accepted", accepted)
        self._count(source, "ignored", ignored)
        for rejection in rejected:
            self._count(source, "rejected", 1)
            self._rejections.labels(rejection.reason.value).inc()

    def gap(self, source: str) -> None:
        """Count a gap."""
        self._gaps.labels(source).inc()

    def _count(self, source: str, outcome: str, number: int) -> None:
        if number:
            self._inputs.labels(source, outcome).inc(number)
