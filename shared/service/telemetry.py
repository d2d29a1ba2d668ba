"""Prometheus metrics of every process: one list of names, so the docs and the code cannot drift apart."""

from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shared.errors import TransientError

SECONDS_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


@dataclass
class Telemetry:
    """The metrics of one process, in a registry of its own."""

    service: str
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        registry = self.registry
        self.records = Counter(
            "earshot_records_total", "Records handled, durable and committed.", ["loop"], registry=registry
        )
        self.rejections = Counter(
            "earshot_rejections_total", "Inputs rejected, by reason.", ["reason"], registry=registry
        )
        self.retries = Counter(
            "earshot_retries_total", "Effects that failed and were kept for another try.", ["loop"], registry=registry
        )
        self.dropped = Counter(
            "earshot_revoked_records_total", "Polled records left to a new owner.", ["loop"], registry=registry
        )
        self.batch_seconds = Histogram(
            "earshot_batch_seconds",
            "From a batch being due to its commit.",
            ["loop"],
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )
        self.batch_records = Histogram(
            "earshot_batch_records",
            "Records per batch.",
            ["loop"],
            buckets=(1, 10, 100, 1_000, 10_000, 50_000),
            registry=registry,
        )
        self.requests = Counter(
            "earshot_http_requests_total", "Answers by route and status.", ["route", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "earshot_http_request_seconds",
            "Time to the answer's head.",
            ["route"],
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )
        self.lag = Gauge(
            "earshot_lag_records", "Records on the topic that are not yet handled.", ["loop"], registry=registry
        )

    def watch(self, loop: str) -> "LoopTelemetry":
        """Return a LoopWatcher that counts under a loop's name."""
        return LoopTelemetry(self, loop)


@dataclass(frozen=True)
class LoopTelemetry:
    """Implements shared.stream.loop.LoopWatcher."""

    telemetry: Telemetry
    loop: str

    def handled(self, records: int, rejected: int, seconds: float) -> None:
        """See LoopWatcher."""
        del rejected  # counted by reason where the reason is known
        self.telemetry.records.labels(self.loop).inc(records)
        self.telemetry.batch_records.labels(self.loop).observe(records)
        self.telemetry.batch_seconds.labels(self.loop).observe(seconds)

    def retrying(self, error: TransientError, attempt: int) -> None:
        """See LoopWatcher."""
        del error, attempt
        self.telemetry.retries.labels(self.loop).inc()

    def dropped(self, records: int) -> None:
        """See LoopWatcher."""
        self.telemetry.dropped.labels(self.loop).inc(records)
