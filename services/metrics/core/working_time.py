"""First response in business hours: the working time between two instants as a piecewise linear function in SQL."""

# ruff: noqa: S608  # the text is put together from closed lists only

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from services.metrics.core.calendar import DAY
from services.metrics.core.definitions import COUNTERS
from services.metrics.core.drill import facts_where
from services.metrics.core.ports import Parameter, Statement
from services.metrics.core.query import EngagementQuery, starts_sql
from shared.contracts.configuration import BusinessHours

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True)
class WorkingTime:
    """Instants at which work begins or ends (seconds since 1970), the seconds worked until then, whether it goes on."""

    edges: list[int]
    worked: list[int]
    going: list[int]


def working_time(hours: BusinessHours, start: datetime, end: datetime) -> WorkingTime:
    """Return the working time of a range, from a day before it to a day after it."""
    zone = ZoneInfo(hours.timezone)
    day, last = start.astimezone(zone).date() - DAY, end.astimezone(zone).date() + DAY
    found, total = WorkingTime([0], [0], [0]), 0
    while day <= last:
        if WEEKDAYS[day.weekday()] in hours.days:
            opens, closes = (_local(zone, day, minute) for minute in (hours.start, hours.end))
            found.edges.extend((opens, closes))
            found.worked.extend((total, total + closes - opens))
            found.going.extend((1, 0))
            total += closes - opens
        day += DAY
    return found


def _local(zone: ZoneInfo, day: date, minute: int) -> int:
    # Clock time, not midnight plus minutes: on the day the clocks change nine o'clock is still nine o'clock.
    at = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(minutes=minute)
    return int(at.astimezone(UTC).timestamp())


def business_responses(query: EngagementQuery, hours: BusinessHours, now: datetime) -> Statement:
    """Return the statement of the first response times in business hours, per bucket and group."""
    held = working_time(hours, query.start, max(query.end, now))
    parameters: dict[str, Parameter] = {"edges": held.edges, "worked": held.worked, "going": held.going}
    where = facts_where(query, parameters)
    starts = starts_sql(query, parameters, "minute")
    groups = "".join(f", {name}" for name in query.by)
    shown = "".join(f", nullIf({name}, '') AS `{name}`" for name in query.by)
    seconds = f"greatest(0, {_until('responded')} - {_until('occurred_at')})"
    sql = f"""
SELECT formatDateTime(starts, '%Y-%m-%dT%H:%i:%SZ', 'UTC') AS bucket{shown},
  round(seconds[1], 6) AS first_response_business_seconds_p50,
  round(seconds[2], 6) AS first_response_business_seconds_p90
FROM (
  SELECT {starts} AS starts{groups}, quantilesExactInclusive(0.5, 0.9)({seconds}) AS seconds
  FROM (SELECT minute{groups}, occurred_at, assumeNotNull(answered_at) AS responded
    FROM activities FINAL WHERE {where} AND {COUNTERS["answered"]})
  GROUP BY starts{groups}
)"""
    return Statement(sql, parameters)


def _until(at: str) -> str:
    """Return the expression for the seconds worked until an instant."""
    second = f"toUnixTimestamp64Micro({at}) / 1000000"
    edge = f"roundDown(toUInt32(toUnixTimestamp({at})), {{edges:Array(UInt32)}})"
    worked = f"transform({edge}, {{edges:Array(UInt32)}}, {{worked:Array(UInt32)}}, toUInt32(0))"
    going = f"transform({edge}, {{edges:Array(UInt32)}}, {{going:Array(UInt32)}}, toUInt32(0))"
    return f"({worked} + if({going} = 1, {second} - {edge}, 0))"
