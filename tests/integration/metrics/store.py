"""A store as tests use it: activities in, series out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from services.metrics.core.columns import VersionBatch
from services.metrics.core.query import Bucket, EngagementQuery, engagement
from services.metrics.core.rows import version_row
from services.metrics.core.snapshots import snapshot_rows
from services.metrics.store.reader import ClickHouseReader
from services.metrics.store.snapshots import ClickHouseSnapshots
from services.metrics.store.writer import ClickHouseFacts
from shared.contracts.activity import Activity, ClassifiedActivity
from tests.builders import NOON

SeriesRows = list[dict[str, Any]]


def unclassified(activity: Activity) -> ClassifiedActivity:
    """Return a reaction as reactions.received.v1 carries it."""
    return ClassifiedActivity.model_validate(activity.model_dump())


@dataclass
class Store:
    """Facts and a reader on one database."""

    facts: ClickHouseFacts
    reader: ClickHouseReader
    snapshots: ClickHouseSnapshots

    def hear(self, *activities: ClassifiedActivity) -> None:
        """Apply the activities as one batch."""
        self.snapshots.keep([row for each in activities for row in snapshot_rows(each)])
        self.facts.apply(VersionBatch.of_rows([version_row(each) for each in activities]))

    def series(
        self,
        by: Sequence[str] = (),
        *,
        bucket: Bucket = Bucket.DAY,
        start: datetime = NOON - timedelta(days=40),
        end: datetime = NOON + timedelta(days=40),
        internal: bool = True,
        filters: dict[str, tuple[str, ...]] | None = None,
    ) -> SeriesRows:
        """Return the rows of an engagement answer."""
        query = EngagementQuery(start, end, bucket, tuple(by), filters or {}, internal)
        rows: SeriesRows = orjson.loads(self.reader.fetch(engagement(query), "JSONEachRow") or b"[]")
        return rows

    def total(self) -> dict[str, Any]:
        """Return the one row of everything, or an empty one."""
        rows = self.series(bucket=Bucket.MONTH, start=NOON - timedelta(days=22), end=NOON + timedelta(days=7))
        return rows[0] if rows else {}
