"""What a consumer loop tells the outside: Prometheus metrics, and log lines that carry record ids and trace ids."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from shared.contracts.rejection import Rejection
from shared.contracts.trace import trace_in
from shared.errors import TransientError
from shared.service.following import follow, log_rejections, span_of
from shared.service.telemetry import Telemetry
from shared.stream.ports import Record


@dataclass(frozen=True)
class LoopWatch:
    """Implements shared.stream.loop.LoopWatcher for one loop of a process."""

    telemetry: Telemetry
    loop: str

    def effect(self, seconds: float) -> None:
        """See LoopWatcher."""
        self.telemetry.effect_seconds.labels(self.loop).observe(seconds)

    def handled(self, records: Sequence[Record], rejected: Sequence[Rejection], seconds: float) -> None:
        """See LoopWatcher."""
        self.telemetry.records.labels(self.loop).inc(len(records))
        self.telemetry.batch_records.labels(self.loop).observe(len(records))
        self.telemetry.batch_seconds.labels(self.loop).observe(seconds)
        for rejection in rejected:
            self.telemetry.rejections.labels(rejection.reason.value).inc()
        if rejected:
            log_rejections(self.loop, rejected, {record.origin: trace_in(record.headers) for record in records})
        follow("record handled", records, loop=self.loop)

    def retrying(self, error: TransientError, attempt: int, records: Sequence[Record]) -> None:
        """See LoopWatcher."""
        self.telemetry.retries.labels(self.loop).inc()
        log = structlog.get_logger(__name__)
        log.warning("effect is tried again", loop=self.loop, attempt=attempt, error=str(error), **span_of(records))

    def dropped(self, records: Sequence[Record]) -> None:
        """See LoopWatcher."""
        self.telemetry.dropped.labels(self.loop).inc(len(records))
        structlog.get_logger(__name__).info("records left to a new owner", loop=self.loop, **span_of(records))
