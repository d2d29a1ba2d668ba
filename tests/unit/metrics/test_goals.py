from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.metrics.app import refuse_unmeasurable
from services.metrics.core.goals import measurable, period_bounds, stand
from shared.contracts.configuration import Configuration, Goal
from shared.errors import ConfigurationError
from tests.builders import NOON

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        ("week", datetime(2026, 11, 22, 23, tzinfo=UTC), datetime(2026, 11, 29, 23, tzinfo=UTC)),
        ("month", datetime(2026, 10, 31, 23, tzinfo=UTC), datetime(2026, 11, 30, 23, tzinfo=UTC)),
        ("quarter", datetime(2026, 9, 30, 22, tzinfo=UTC), datetime(2026, 12, 31, 23, tzinfo=UTC)),
        ("year", datetime(2025, 12, 31, 23, tzinfo=UTC), datetime(2026, 12, 31, 23, tzinfo=UTC)),
    ],
)
def test_a_period_begins_and_ends_at_local_midnight(period: str, start: datetime, end: datetime) -> None:
    assert period_bounds(period, NOON, BERLIN) == (start, end)


def a_stand(metric: str, target: float, actual: float | None, passed: float) -> tuple[float | None, bool | None]:
    goal = Goal(department="support", metric=metric, target=target)
    start = NOON - timedelta(days=10)
    found = stand(goal, actual, start + timedelta(days=20) * passed, (start, start + timedelta(days=20)))
    return found.forecast, found.on_track


def test_a_count_is_extrapolated_and_a_ratio_keeps_its_level() -> None:
    assert a_stand("push", 10, 4, 0.5) == (8, False)
    assert a_stand("push", 10, 5, 0.5) == (10, True)
    assert a_stand("push", 10, None, 0) == (None, None)
    assert a_stand("response_rate", 0.9, 0.95, 0.1) == (0.95, True)
    assert a_stand("response_rate", 0.9, None, 0.1) == (None, None)


def test_of_times_and_complaints_less_is_better() -> None:
    assert a_stand("first_response_seconds_p50", 60, 59, 0.5) == (59, True)
    assert a_stand("negative", 10, 6, 0.5) == (12, False)


def test_a_goal_for_a_metric_that_does_not_exist_stops_the_start_with_its_place() -> None:
    assert measurable("social_share")
    goals = (Goal(department="support", metric="push", target=1), Goal(department="support", metric="fame", target=1))
    with pytest.raises(ConfigurationError, match=r"goals\[1\].metric: expected one of .*push.*; found 'fame'"):
        refuse_unmeasurable(Configuration(goals=goals))
