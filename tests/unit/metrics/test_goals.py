import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.metrics.core.goals import measurable, period_bounds, stand
from services.metrics.core.views import DOCUMENTED
from shared.contracts.configuration import Goal
from shared.contracts.vocabulary import GOAL_METRICS, SHIPPED_DEPARTMENTS
from shared.errors import ConfigurationError
from shared.service.configuration import parse_configuration
from tests.builders import NOON
from tests.conftest import ROOT

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


def test_what_tools_report_grows_like_a_count() -> None:
    assert a_stand("legacy_audience", 1_000, 400, 0.5) == (800, False)


def test_the_names_of_goals_are_those_of_the_definitions() -> None:
    assert list(GOAL_METRICS) == [metric.name for metric in DOCUMENTED if measurable(metric.name)]


def test_the_departments_of_goals_are_those_of_the_shipped_model() -> None:
    manifest = json.loads((ROOT / "services/classify/artefact/manifest.json").read_text(encoding="utf-8"))
    assert set(manifest["heads"]["department"]["labels"]) == SHIPPED_DEPARTMENTS


def test_a_goal_nobody_can_measure_stops_the_start_with_path_and_line() -> None:
    text = """organisation:
  accounts: [{channel: web, id: acme, department: workshop}]
goals:
  - {department: workshop, metric: push, target: 1}
  - department: support
    metric: fame
    target: 1
  - {department: supprot, metric: response_rate, target: 0.9, period: year}
"""
    with pytest.raises(ConfigurationError) as caught:
        parse_configuration(text, name="earshot.yaml")
    metric, department = caught.value.problems
    assert (metric.where, department.where) == ("earshot.yaml:6", "earshot.yaml:8")
    assert metric.message.startswith("goals.1.metric: expected one of push, ")
    assert metric.message.endswith("found 'fame'")
    assert "(billing, " in department.message
    assert department.message.endswith("found 'supprot'")
