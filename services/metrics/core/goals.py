"""Goals: where a period stands against its target, what to expect at its end, and whether that is enough. Pure."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from services.metrics.core.calendar import DAY, add_months, midnight
from services.metrics.core.views import OBSERVED, metric_named
from shared.contracts.configuration import Goal

LESS_IS_BETTER: Final = frozenset({
    "first_response_seconds_p50", "first_response_seconds_p90", "first_response_business_seconds_p50",
    "first_response_business_seconds_p90", "negative", "misrouted", "legacy_push", "legacy_activities",
})  # fmt: skip
"""Metrics whose target is not to be exceeded; every other one is to be reached."""

UNMEASURABLE: Final = frozenset({"posts", "share"})
"""Metrics of a group of terms, not of a department."""


@dataclass(frozen=True)
class GoalStand:
    """One goal at an instant. `pace` is where a steady course would be now."""

    department: str
    metric: str
    period: str
    period_start: datetime
    period_end: datetime
    target: float
    actual: float | None
    pace: float
    forecast: float | None
    on_track: bool | None


def measurable(metric: str) -> bool:
    """Tell whether a goal may be set for a metric."""
    return metric_named(metric) is not None and metric not in UNMEASURABLE


def period_bounds(period: str, at: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the first instant of the week, month, quarter or year that holds `at`, and the first one after it."""
    day = at.astimezone(zone).date()
    if period == "week":
        monday = day - DAY * day.weekday()
        return midnight(monday, zone), midnight(monday + DAY * 7, zone)
    months = {"month": 1, "quarter": 3, "year": 12}[period]
    first = date(day.year, (day.month - 1) // months * months + 1, 1)
    return midnight(first, zone), midnight(add_months(first, months), zone)


def stand(goal: Goal, actual: float | None, at: datetime, bounds: tuple[datetime, datetime]) -> GoalStand:
    """Return how a goal stands at `at`: counts grow with time, everything else keeps its level."""
    metric = metric_named(goal.metric)
    grows = metric is not None and metric.unit in {"count", OBSERVED}
    start, end = bounds
    passed = min(1.0, max(0.0, (at - start) / (end - start)))
    if grows:
        actual = actual or 0
        pace = goal.target * passed
        forecast = actual / passed if passed else None
    else:
        pace, forecast = goal.target, actual
    on_track = None
    if forecast is not None:
        on_track = forecast <= goal.target if goal.metric in LESS_IS_BETTER else forecast >= goal.target
    return GoalStand(
        goal.department, goal.metric, goal.period, start, end, goal.target, actual, pace, forecast, on_track
    )
