"""What a consumer loop tells the outside: Prometheus metrics, and log lines that carry record ids and trace ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import orjson
import structlog

from shared.contracts.rejection import Rejection
from shared.contracts.trace import HEADER, Trace, parse_trace
from shared.errors import TransientError
from shared.service.telemetry import Telemetry
from shared.stream.ports import Record

LINES_PER_BATCH: Final = 20
"""Lines of one kind that one batch may write; the rest is told by its number."""
_SAMPLED: Final = b"-01"


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
        traces = {record.origin: record for record in records} if rejected else {}
        for rejection in rejected:
            self.telemetry.rejections.labels(rejection.reason.value).inc()
        log_rejections(self.loop, rejected, {name: trace_of_record(each) for name, each in traces.items()})
        self._follow(records)

    def retrying(self, error: TransientError, attempt: int, records: Sequence[Record]) -> None:
        """See LoopWatcher."""
        self.telemetry.retries.labels(self.loop).inc()
        log = structlog.get_logger(__name__)
        log.warning("effect is tried again", loop=self.loop, attempt=attempt, error=str(error), **span_of(records))

    def dropped(self, records: Sequence[Record]) -> None:
        """See LoopWatcher."""
        self.telemetry.dropped.labels(self.loop).inc(len(records))
        structlog.get_logger(__name__).info("records left to a new owner", loop=self.loop, **span_of(records))

    def _follow(self, records: Sequence[Record]) -> None:
        """Write a line for each record whose trace is to be followed."""
        # Written out: this runs once per record, also where fifty thousand come in a second.
        sampled = [
            record
            for record in records
            for name, value in record.headers
            if name == HEADER and value.endswith(_SAMPLED)
        ]
        log = structlog.get_logger(__name__)
        for record in sampled[:LINES_PER_BATCH]:
            ids = {"trace_id": _trace_id(record), "record": record.origin, "activity": activity_id(record)}
            log.info("record handled", loop=self.loop, **{name: each for name, each in ids.items() if each})
        if len(sampled) > LINES_PER_BATCH:
            log.info("more records handled", loop=self.loop, records=len(sampled) - LINES_PER_BATCH)


def trace_of_record(record: Record) -> Trace | None:
    """Return the trace a record carries."""
    return parse_trace(record.header(HEADER))


def _trace_id(record: Record) -> str | None:
    trace = trace_of_record(record)
    return None if trace is None else trace.id


def activity_id(record: Record) -> str | None:
    """Return the id in a record's value; None when it holds none."""
    try:
        held = orjson.loads(record.value or b"")
    except orjson.JSONDecodeError:
        return None
    found = held.get("id") if isinstance(held, dict) else None
    return found[:200] if isinstance(found, str) else None


def span_of(records: Sequence[Record]) -> dict[str, Any]:
    """Return what tells an operator which records a log line is about: how many, the first, the last, some traces."""
    if not records:
        return {}
    traces = dict.fromkeys(filter(None, map(_trace_id, islice(records, LINES_PER_BATCH))))
    return {
        "records": len(records),
        "first_record": records[0].origin,
        "last_record": records[-1].origin,
        "trace_ids": list(traces)[:3],
    }


def log_rejections(where: str, rejected: Sequence[Rejection], traces: dict[str, Trace | None]) -> None:
    """Write a line per rejection with its origin; what the input said is not in it, `earshot rejected` shows that."""
    log = structlog.get_logger(__name__)
    for each in rejected[:LINES_PER_BATCH]:
        trace = traces.get(each.origin)
        ids = {} if trace is None else {"trace_id": trace.id}
        log.warning(
            "input rejected", loop=where, reason=each.reason.value, field=each.field[:100], record=each.origin, **ids
        )
    if len(rejected) > LINES_PER_BATCH:
        log.warning("more inputs rejected", loop=where, records=len(rejected) - LINES_PER_BATCH)
