"""From a validated request to a Statement. Names come from closed lists; every outside value is a bound parameter."""

# ruff: noqa: S608  # the text is put together from closed lists only

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from services.metrics.core.definitions import COUNTERS, DIMENSIONS, METRICS
from services.metrics.core.ports import Parameter, Statement
from shared.contracts.activity import Surface

MAX_BUCKETS: Final = 50_000
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)


class Bucket(StrEnum):
    """How long one row of a series lasts; weeks begin on Monday, everything in UTC."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


_SHORTEST: Final = {
    Bucket.MINUTE: MINUTE,
    Bucket.HOUR: HOUR,
    Bucket.DAY: timedelta(days=1),
    Bucket.WEEK: timedelta(days=7),
    Bucket.MONTH: timedelta(days=28),
}
_STARTS: Final = {
    Bucket.MINUTE: "at",
    Bucket.HOUR: "at",
    Bucket.DAY: "toStartOfDay(at, 'UTC')",
    Bucket.WEEK: "toDateTime(toMonday(at, 'UTC'), 'UTC')",
    Bucket.MONTH: "toDateTime(toStartOfMonth(at, 'UTC'), 'UTC')",
}


def floor_to(at: datetime, step: timedelta) -> datetime:
    """Return the last whole step (minute or hour) at or before an instant."""
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    return at - since % step


def ceil_to(at: datetime, step: timedelta) -> datetime:
    """Return the first whole step at or after an instant."""
    floor = floor_to(at, step)
    return floor if floor == at else floor + step


@dataclass(frozen=True)
class EngagementQuery:
    """A range [start, end), widened to whole minutes; a bucket at its edge holds only what lies in the range."""

    start: datetime
    end: datetime
    bucket: Bucket = Bucket.HOUR
    by: tuple[str, ...] = ()
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    internal: bool = False

    def __post_init__(self) -> None:
        unknown = [name for name in (*self.by, *self.filters) if name not in DIMENSIONS]
        if unknown or len(set(self.by)) != len(self.by):
            raise ValueError(f"by and filters are distinct names of {', '.join(DIMENSIONS)}; found {self.by} {unknown}")

    def buckets(self) -> int:
        """Return how many buckets the range can hold at most."""
        return -(-(self.end - self.start) // _SHORTEST[self.bucket])


def engagement(query: EngagementQuery) -> Statement:
    """Return the statement whose rows are the series: bucket, groups, then every metric."""
    parameters: dict[str, Parameter] = {}
    where = "".join(_conditions(query, parameters))
    sources = _sources(query, where, parameters)
    groups = "".join(f", {name}" for name in query.by)
    shown = "".join(f", nullIf({name}, '') AS `{name}`" for name in query.by)
    sums = ", ".join(f"sum(source.{name}) AS {name}" for name in COUNTERS)
    anything = " + ".join(COUNTERS)
    columns = ", ".join(
        f"{metric.sql} AS {metric.name}" if metric.sql != metric.name else metric.name for metric in METRICS
    )
    sql = f"""
SELECT formatDateTime(starts, '%Y-%m-%dT%H:%i:%SZ', 'UTC') AS bucket{shown}, {columns}
FROM (
  SELECT {_STARTS[query.bucket]} AS starts{groups}, {sums}, uniqExactMerge(source.people_state) AS people,
    quantilesExactInclusiveMerge(0.5, 0.9)(source.first_response_state) AS first_response
  FROM ({sources}) AS source
  GROUP BY starts{groups} HAVING {anything} > 0
) AS summed
ORDER BY starts{"".join(f", summed.{name}" for name in query.by)}"""
    return Statement(sql, parameters)


def _conditions(query: EngagementQuery, parameters: dict[str, Parameter]) -> list[str]:
    found = []
    for name, values in query.filters.items():
        parameters[f"only_{name}"] = list(values)
        found.append(f" AND {name} IN {{only_{name}:Array(String)}}")
    if not query.internal:
        found.append(f" AND surface != '{Surface.INTERNAL}'")
    return found


def _sources(query: EngagementQuery, where: str, parameters: dict[str, Parameter]) -> str:
    """Return the rows to sum: whole hours from `hours`, what is left at the edges from `minutes`."""
    start, end = floor_to(query.start, MINUTE), ceil_to(query.end, MINUTE)
    if query.bucket is Bucket.MINUTE:
        return _slice("minutes", "minute", (start, end), where, parameters)
    first, last = ceil_to(start, HOUR), floor_to(end, HOUR)
    if first >= last:
        return _slice("minutes", "minute", (start, end), where, parameters, at="toStartOfHour(minute)")
    slices = [_slice("hours", "hour", (first, last), where, parameters)]
    slices += [
        _slice("minutes", "minute", edge, where, parameters, at="toStartOfHour(minute)")
        for edge in ((start, first), (last, end))
        if edge[0] < edge[1]
    ]
    return " UNION ALL ".join(slices)


def _slice(
    table: str,
    column: str,
    span: tuple[datetime, datetime],
    where: str,
    parameters: dict[str, Parameter],
    *,
    at: str = "",
) -> str:
    low, high = (f"edge_{len(parameters) + offset}" for offset in (0, 1))
    parameters[low], parameters[high] = (int(each.timestamp()) for each in span)
    states = "people_state, first_response_state"
    return (
        f"SELECT {at or column} AS at, {', '.join((*DIMENSIONS, *COUNTERS))}, {states} FROM {table} FINAL"
        f" WHERE {column} >= toDateTime({{{low}:UInt32}}, 'UTC')"
        f" AND {column} < toDateTime({{{high}:UInt32}}, 'UTC'){where}"
    )


def rejections(reason: str | None, limit: int, *, internal: bool) -> Statement:
    """Return the statement of the newest rejections; without `internal` the input's own words are left out."""
    parameters: dict[str, Parameter] = {"limit": limit}
    where = ""
    if reason is not None:
        parameters["reason"] = reason
        where = "WHERE reason = {reason:String}"
    excerpt = "excerpt" if internal else "NULL"
    sql = f"""
SELECT formatDateTime(received_at, '%Y-%m-%dT%H:%i:%S.%fZ', 'UTC') AS received_at, reason, field, detail, origin,
  {excerpt} AS excerpt
FROM rejections AS kept FINAL {where}
ORDER BY kept.received_at DESC, kept.digest LIMIT {{limit:UInt32}}"""
    return Statement(sql, parameters)
