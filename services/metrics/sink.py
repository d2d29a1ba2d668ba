"""The two handlers of the metrics service: versions of activities into facts, Rejections into their table."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from services.metrics.core.ports import Facts, Rejections, Snapshots
from services.metrics.core.rows import (
    VERSION_COLUMNS,
    Row,
    VersionBatch,
    microseconds,
    rejection_row,
    unstorable,
    version_row,
)
from services.metrics.core.snapshots import snapshot_rows
from shared.clock import Clock
from shared.contracts.activity import ClassifiedActivity
from shared.contracts.codec import decode
from shared.contracts.rejection import Reason, Rejection, reject
from shared.service.telemetry import Telemetry
from shared.stream.ports import Partition, Record

LOOP: Final = "metrics"
RECEIVED: Final = VERSION_COLUMNS.index("received_at")
OCCURRED: Final = VERSION_COLUMNS.index("occurred_at")


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
        at = self.clock()
        rows: list[Row] = []
        seen: list[Row] = []
        rejected: list[Rejection] = []
        until = dict(self.counted_until)
        for record in records:
            activity = self._decoded(record, at)
            if isinstance(activity, Rejection):
                rejected.append(activity)
                continue
            rows.append(version_row(activity))
            seen += snapshot_rows(activity)
            known = until.get(record.partition)
            if known is None or activity.received_at > known:
                until[record.partition] = activity.received_at
        self.snapshots.keep(seen)
        self.facts.apply(VersionBatch(rows))
        self.counted_until = until
        self._time(rows)
        return rejected

    def _time(self, rows: Sequence[Row]) -> None:
        """Tell how long it took from where each activity was received, and from where it happened, to here."""
        now_us = microseconds(self.clock())
        for histogram, column in ((self.telemetry.delivery_seconds, RECEIVED), (self.telemetry.age_seconds, OCCURRED)):
            histogram.observe(
                LOOP,
                [(now_us - row[column]) / 1_000_000 for row in rows],  # type: ignore[operator]  # both columns hold microseconds
            )

    def _decoded(self, record: Record, at: datetime) -> ClassifiedActivity | Rejection:
        activity = decode(ClassifiedActivity, record.value, origin=record.origin, at=at)
        if isinstance(activity, Rejection):
            return activity
        return unstorable(activity, origin=record.origin, raw=record.value or b"", at=at) or activity


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
