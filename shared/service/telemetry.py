"""Prometheus metrics of every process: one list of names, so the docs and the code cannot drift apart."""

from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shared.service.collectors import BatchHistogram

SECONDS_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
DELIVERY_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1_800)
AGE_BUCKETS: Final = (1, 2, 5, 10, 30, 60, 300, 3_600, 86_400, 604_800, 2_592_000)


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
        self.effect_seconds = Histogram(
            "earshot_effect_seconds",
            "The effect of a batch, failed tries left out: scoring and publishing, inserting, or one transaction.",
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
            "earshot_lag_records",
            "Records on the topic that the group has not committed; each replica tells all of its group, take the max.",
            ["group", "topic", "partition"],
            registry=registry,
        )
        self.delivery_seconds = BatchHistogram(
            "earshot_delivery_seconds",
            "End to end: from a record being received by ingest to its effect being durable here.",
            "loop",
            buckets=DELIVERY_BUCKETS,
            registry=registry,
        )
        self.age_seconds = BatchHistogram(
            "earshot_age_seconds",
            "From the time an act happened, by its platform, to its effect being durable here; great after a replay.",
            "loop",
            buckets=AGE_BUCKETS,
            registry=registry,
        )
