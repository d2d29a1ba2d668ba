"""From a validated request to a Statement. Names come from closed lists; every outside value is a bound parameter."""

# ruff: noqa: S608  # the text is put together from closed lists only

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from services.metrics.core.calendar import (
    HOUR,
    MINUTE,
    Bucket,
    bucket_starts,
    ceil_to,
    floor_to,
    known_zone,
    previous_range,
)
from services.metrics.core.definitions import COUNTERS, DIMENSIONS
from services.metrics.core.groupings import grouping_number, is_usual
from services.metrics.core.ports import Parameter, Statement
from services.metrics.core.views import ENGAGEMENT, View
from shared.contracts.activity import Surface

__all__ = ["MAX_BUCKETS", "Bucket", "EngagementQuery", "ceil_to", "engagement", "floor_to", "series"]

MAX_BUCKETS: Final = 50_000

_SHORTEST: Final = {
    Bucket.MINUTE: MINUTE,
    Bucket.HOUR: HOUR,
    Bucket.DAY: timedelta(days=1),
    Bucket.WEEK: timedelta(days=7),
    Bucket.MONTH: timedelta(days=28),
}
_STARTS: Final = {
    Bucket.MINUTE: "toStartOfMinute({at}, 'UTC')",
    Bucket.HOUR: "toStartOfHour({at}, 'UTC')",
    Bucket.DAY: "toStartOfDay({at}, 'UTC')",
    Bucket.WEEK: "toDateTime(toMonday({at}, 'UTC'), 'UTC')",
    Bucket.MONTH: "toDateTime(toStartOfMonth({at}, 'UTC'), 'UTC')",
}


@dataclass(frozen=True)
class EngagementQuery:
    """A range [start, end), widened to whole minutes; a bucket at its edge holds only what lies in the range."""

    start: datetime
    end: datetime
    bucket: Bucket = Bucket.HOUR
    by: tuple[str, ...] = ()
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    internal: bool = False
    zone: str = "UTC"
    whole: bool = False
    """One bucket for the whole range, whatever `bucket` says."""

    def __post_init__(self) -> None:
        unknown = [name for name in (*self.by, *self.filters) if name not in DIMENSIONS]
        if unknown or len(set(self.by)) != len(self.by):
            raise ValueError(f"by and filters are distinct names of {', '.join(DIMENSIONS)}; found {self.by} {unknown}")

    def buckets(self) -> int:
        """Return how many buckets the range can hold at most."""
        return 1 if self.whole else -(-(self.end - self.start) // _SHORTEST[self.bucket])

    def span(self) -> tuple[datetime, datetime]:
        """Return the range in whole minutes."""
        return floor_to(self.start, MINUTE), ceil_to(self.end, MINUTE)

    def starts(self) -> list[datetime]:
        """Return where each bucket begins."""
        if self.whole:
            return [self.span()[0]]
        return bucket_starts(*self.span(), self.bucket, known_zone(self.zone))

    def previous(self) -> "EngagementQuery":
        """Return the same question about the period before."""
        start, end = previous_range(self.start, self.end, known_zone(self.zone))
        return replace(self, start=start, end=end)


def engagement(query: EngagementQuery) -> Statement:
    """Return the statement whose rows are the series: bucket, groups, then every metric."""
    return series(query, ENGAGEMENT)


def series(query: EngagementQuery, view: View) -> Statement:
    """Return the statement whose rows are the series of a view: bucket, groups, then its metrics."""
    parameters: dict[str, Parameter] = {}
    where = "".join(conditions(query, parameters))
    starts = starts_sql(query, parameters, "at")
    shown = "".join(f", nullIf({name}, '') AS `{name}`" for name in query.by)
    columns = ", ".join(
        f"{metric.sql} AS {metric.name}" if metric.sql != metric.name else metric.name for metric in view.metrics
    )
    if _stored_as_asked(query, view):
        rows = _stored(query, view, where, starts, parameters)
    else:
        rows = _summed(query, view, starts, _sources(query, where, parameters))
    sql = f"""
SELECT formatDateTime(starts, '%Y-%m-%dT%H:%i:%SZ', 'UTC') AS bucket{shown}, {columns}
FROM ({rows}) AS summed
ORDER BY starts{"".join(f", summed.{name}" for name in query.by)}"""
    return Statement(sql, parameters)


def _summed(query: EngagementQuery, view: View, starts: str, sources: str) -> str:
    """Return the statement that adds up rows of aggregates, whatever the grouping."""
    groups = "".join(f", {name}" for name in query.by)
    sums = {name: f"sum(source.{name})" for name in COUNTERS} | dict(view.sums)
    names = {metric.name for metric in view.metrics}
    if "people" in names:
        sums["people"] = "uniqExactMerge(source.people_state)"
    if "first_response_seconds_p50" in names:
        sums["first_response"] = "quantilesExactInclusiveMerge(0.5, 0.9)(source.first_response_state)"
    expressions = ", ".join(f"{expression} AS {name}" for name, expression in sums.items())
    return f"""
  SELECT {starts} AS starts{groups}, {expressions}
  FROM ({sources}) AS source
  GROUP BY starts{groups} HAVING {view.shown} > 0"""


def _stored_as_asked(query: EngagementQuery, view: View) -> bool:
    """Tell whether each row of the answer is one row of `cells`: whole hours of a usual grouping, nothing to add up."""
    pinned = all(name in query.by or len(set(values)) == 1 for name, values in query.filters.items())
    return (
        query.bucket is Bucket.HOUR
        and not query.whole
        and pinned
        and not view.sums
        and is_usual(_grouping(query))
        and _on_whole_hours(query)
    )


def _grouping(query: EngagementQuery) -> set[str]:
    """Return the dimensions that a question tells apart; who may not see internal posts tells surfaces apart."""
    return {*query.by, *query.filters, *(() if query.internal else ("surface",))}


def _stored(query: EngagementQuery, view: View, where: str, starts: str, parameters: dict[str, Parameter]) -> str:
    """Return the rows as they stand in `cells`; those of a part of an hour at the edges are added up from minutes."""
    start, end = query.span()
    first, last = ceil_to(start, HOUR), floor_to(end, HOUR)
    names = {metric.name for metric in view.metrics}
    kept = [*query.by, *COUNTERS, *(["people"] if "people" in names else [])]
    kept += ["first_response"] if "first_response_seconds_p50" in names else []
    columns = ", ".join(kept)
    found = []
    if first < last:
        parameters["grouping"] = grouping_number(_grouping(query))
        span = _span("start", (first, last), parameters)
        found.append(f"""
  SELECT start AS starts, {columns} FROM cells FINAL
  WHERE grain = 'hour' AND grouping = {{grouping:UInt16}} AND {span}{where} AND {view.shown} > 0""")
    if edges := _edges(query, where, parameters):
        summed = _summed(query, view, starts, " UNION ALL ".join(edges))
        found.append(f"SELECT starts, {columns} FROM ({summed})")
    return " UNION ALL ".join(found)


def starts_sql(query: EngagementQuery, parameters: dict[str, Parameter], at: str) -> str:
    """Return the expression for the bucket that holds `at`; outside UTC the instants come from the calendar."""
    if query.zone == "UTC" and not query.whole:
        return _STARTS[query.bucket].format(at=at)
    parameters["starts"] = [int(each.timestamp()) for each in query.starts()]
    return f"toDateTime(roundDown(toUnixTimestamp({at}), {{starts:Array(UInt32)}}), 'UTC')"


def conditions(query: EngagementQuery, parameters: dict[str, Parameter]) -> list[str]:
    """Return what every statement about this question asks of a row's dimensions, internal posts above all."""
    found = []
    for name, values in query.filters.items():
        parameters[f"only_{name}"] = list(values)
        found.append(f" AND {name} IN {{only_{name}:Array(String)}}")
    if not query.internal:
        found.append(f" AND surface != '{Surface.INTERNAL}'")
    return found


def _sources(query: EngagementQuery, where: str, parameters: dict[str, Parameter]) -> str:
    """Return the rows to sum: whole hours from `hours`, what is left at the edges from `minutes`."""
    start, end = query.span()
    if query.bucket is Bucket.MINUTE or not _on_whole_hours(query):
        return _slice("minutes", "minute", (start, end), where, parameters)
    first, last = ceil_to(start, HOUR), floor_to(end, HOUR)
    slices = [_slice("hours", "hour", (first, last), where, parameters)] if first < last else []
    return " UNION ALL ".join([*slices, *_edges(query, where, parameters)])


def _edges(query: EngagementQuery, where: str, parameters: dict[str, Parameter]) -> list[str]:
    """Return the rows of the minutes that no whole hour of the range holds."""
    start, end = query.span()
    first, last = ceil_to(start, HOUR), floor_to(end, HOUR)
    spans = ((start, first), (last, end)) if first < last else ((start, end),)
    return [
        _slice("minutes", "minute", span, where, parameters, at="toStartOfHour(minute)")
        for span in spans
        if span[0] < span[1]
    ]


def _on_whole_hours(query: EngagementQuery) -> bool:
    """Tell whether every bucket begins at a whole hour of UTC, so that hours can be summed (India's do not)."""
    return (query.zone == "UTC" and not query.whole) or all(floor_to(each, HOUR) == each for each in query.starts())


def _slice(
    table: str,
    column: str,
    span: tuple[datetime, datetime],
    where: str,
    parameters: dict[str, Parameter],
    *,
    at: str = "",
) -> str:
    states = "people_state, first_response_state"
    return (
        f"SELECT {at or column} AS at, {', '.join((*DIMENSIONS, *COUNTERS))}, {states} FROM {table} FINAL"
        f" WHERE {_span(column, span, parameters)}{where}"
    )


def _span(column: str, span: tuple[datetime, datetime], parameters: dict[str, Parameter]) -> str:
    low, high = (f"edge_{len(parameters) + offset}" for offset in (0, 1))
    parameters[low], parameters[high] = (int(each.timestamp()) for each in span)
    return f"{column} >= toDateTime({{{low}:UInt32}}, 'UTC') AND {column} < toDateTime({{{high}:UInt32}}, 'UTC')"
