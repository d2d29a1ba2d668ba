"""The two handlers of the metrics service: versions of activities into facts, Rejections into their table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np

from services.metrics.core.columns import VersionBatch, read
from services.metrics.core.ports import Facts, Rejections, Snapshots
from services.metrics.core.rows import EPOCH, MICROSECOND, Row, microseconds, rejection_row, unstorable, version_row
from services.metrics.core.snapshots import snapshot_rows
from shared.clock import Clock
from shared.contracts.activity import ClassifiedActivity
from shared.contracts.codec import decode
from shared.contracts.rejection import Reason, Rejection, reject
from shared.service.telemetry import Telemetry
from shared.stream.ports import Partition, Record

LOOP: Final = "metrics"


@dataclass
class ActivitySink:
    """Implements shared.stream.ports.Handler for posts.classified.v1 and reactions.received.v1."""

    facts: Facts
    clock: Clock
    telemetry: Telemetry
    snapshots: Snapshots
    counted_until: dict[Partition, datetime] = field(default_factory=dict)
    """Per partition, the latest `received_at` that is durable here; replaced as a whole, read by freshness."""

    def handle(self, records: Sequence[Record]) -> Sequence[Rejection]:
        """See Handler.handle."""
        return self.prepare(records)()

    def prepare(self, records: Sequence[Record]) -> Callable[[], Sequence[Rejection]]:
        """Decode records and begin to store them; returns what completes that, to be called until it does not raise."""
        at = self.clock()
        batch, left = read([record.value for record in records])
        rejected: list[Rejection] = []
        rows: list[Row] = []
        positions: list[int] = []
        seen: list[Row] = []
        for position in left:
            activity = self._decoded(records[position], at)
            if isinstance(activity, Rejection):
                rejected.append(activity)
            else:
                rows.append(version_row(activity))
                positions.append(position)
                seen += snapshot_rows(activity)
        if rows:
            batch = VersionBatch.together(batch, VersionBatch.of_rows(rows, positions))
        until = latest_received(records, batch)
        complete = self.facts.begin(batch)

        def store() -> Sequence[Rejection]:
            self.snapshots.keep(seen)
            complete()
            known = self.counted_until
            self.counted_until = known | {each: max(found, known.get(each, found)) for each, found in until.items()}
            self._time(batch)
            return rejected

        return store

    def _time(self, batch: VersionBatch) -> None:
        """Tell how long it took from where each activity was received, and from where it happened, to here."""
        now_us = microseconds(self.clock())
        self.telemetry.delivery_seconds.observe(LOOP, ((now_us - batch.received_us) / 1_000_000).tolist())
        self.telemetry.age_seconds.observe(LOOP, ((now_us - batch.occurred_us) / 1_000_000).tolist())

    def _decoded(self, record: Record, at: datetime) -> ClassifiedActivity | Rejection:
        activity = decode(ClassifiedActivity, record.value, origin=record.origin, at=at)
        if isinstance(activity, Rejection):
            return activity
        return unstorable(activity, origin=record.origin, raw=record.value or b"", at=at) or activity


def latest_received(records: Sequence[Record], batch: VersionBatch) -> dict[Partition, datetime]:
    """Return per partition when the latest of a batch's versions was received."""
    numbers: dict[Partition, int] = {}
    partitions = np.array([numbers.setdefault(each.partition, len(numbers)) for each in records], dtype=np.int64)
    latest = np.full(len(numbers), -1, dtype=np.int64)
    np.maximum.at(latest, partitions[batch.positions], batch.received_us)
    return {each: EPOCH + int(latest[number]) * MICROSECOND for each, number in numbers.items() if latest[number] >= 0}


@dataclass
class RejectionSink:
    """Implements Handler for records.rejected.v1. Rejects nothing itself: that would feed its own topic for ever."""

    rejections: Rejections
    clock: Clock

    def handle(self, records: Sequence[Record]) -> Sequence[Rejection]:
        """See Handler.handle."""
        at = self.clock()
        self.rejections.keep([rejection_row(self._decoded(record, at)) for record in records])
        return ()

    def _decoded(self, record: Record, at: datetime) -> Rejection:
        try:
            return Rejection.model_validate_json(record.value or b"")
        except ValueError as error:
            return reject(
                Reason.INVALID_RECORD, "value", f"not a Rejection: {type(error).__name__}",
                origin=record.origin, raw=record.value or b"", at=at,
            )  # fmt: skip
