"""Promises, business hours and priority: hand-computed, also on days of 23 and 25 hours."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.queues.core.business_hours import Calendar
from services.queues.core.fold import Fold
from services.queues.core.post import Post, State, microseconds
from services.queues.core.priority import Ranking, span
from shared.contracts.configuration import MOST_PROMISED_WEEKS, BusinessHours, Queues, ServiceLevel
from tests.builders import NOON, a_classification, an_activity, classified

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
OFFICE = BusinessHours(timezone="Europe/Berlin")
ALL_DAY = BusinessHours(
    timezone="Europe/Berlin", days=("mon", "tue", "wed", "thu", "fri", "sat", "sun"), start=0, end=1_440
)
PROMISE = Queues(
    sla=(
        ServiceLevel(first_response_minutes=600),
        ServiceLevel(department="support", first_response_minutes=200),
        ServiceLevel(department="support", intent="outage", first_response_minutes=100),
    )
)


def at(text: str) -> int:
    return microseconds(datetime.fromisoformat(text).astimezone(UTC))


def an_item(department: str = "support", intent: str = "outage", minutes: int = 0) -> Post:
    fold = Fold([], [])
    made = NOON + timedelta(minutes=minutes)
    fold.apply(classified(an_activity(occurred_at=made), a_classification(department, intent)), 0)
    return fold.changes()[0][1]


@pytest.mark.parametrize(
    ("department", "intent", "minutes"),
    [("support", "outage", 100), ("support", "praise", 200), ("billing", "outage", 600)],
)
def test_the_promise_that_names_more_of_a_post_wins(department: str, intent: str, minutes: int) -> None:
    assert Ranking(PROMISE).target_us(an_item(department, intent)) == minutes * MINUTE_US
    assert Ranking().target_us(an_item(department, intent)) is None


def test_an_item_is_at_risk_in_the_last_fifth_of_its_time_and_overdue_after_it() -> None:
    ranking = Ranking(PROMISE)
    post = ranking.ranked(an_item())
    start_us = microseconds(NOON)
    assert post.due_us == start_us + 100 * MINUTE_US
    early, late, over = (ranking.standing(post, start_us + minutes * MINUTE_US) for minutes in (79, 80, 101))
    assert (early.at_risk, early.seconds_left) == (False, 21 * 60)
    assert (late.at_risk, late.seconds_left) == (True, 20 * 60)
    assert (over.at_risk, over.seconds_left) == (True, -60)
    assert {"first response is overdue": 25}.items() <= {
        each.reason: each.points for each in over.priority_reasons
    }.items()
    assert {each.reason: each.points for each in late.priority_reasons}["first response is due soon"] == 15


def test_without_a_promise_an_item_is_at_risk_after_the_configured_wait() -> None:
    ranking = Ranking(at_risk_us=HOUR_US)
    post = ranking.ranked(an_item())
    assert not ranking.standing(post, microseconds(NOON) + HOUR_US - 1).at_risk
    risky = ranking.standing(post, microseconds(NOON) + HOUR_US)
    assert (risky.at_risk, risky.due_at, risky.seconds_left) == (True, None, None)


def test_the_priority_is_the_sum_of_its_reasons_in_words_and_at_most_100() -> None:
    ranking = Ranking(PROMISE)
    post = replace(an_item(), actor='{"id": "ann", "followers": 100000}')
    standing = ranking.standing(ranking.ranked(post), microseconds(NOON) + 24 * HOUR_US)
    assert [(each.reason, each.points) for each in standing.priority_reasons] == [
        ("intent outage", 30),
        ("first response is overdue", 25),
        ("negative feeling", 15),
        ("100,000 followers", 15),
        ("waits for 1 day", 15),
    ]
    assert standing.priority == 100
    assert ranking.standing(replace(post, state=State.RESOLVED), 0).priority == 0


def test_working_time_passes_only_in_business_hours() -> None:
    calendar = Calendar(OFFICE)
    friday = at("2026-11-20T16:30:00+01:00")
    assert calendar.after(friday, HOUR_US) == at("2026-11-23T09:30:00+01:00")
    assert calendar.after(at("2026-11-21T12:00:00+01:00"), HOUR_US) == at("2026-11-23T10:00:00+01:00")
    assert calendar.between(friday, at("2026-11-23T09:30:00+01:00")) == HOUR_US
    assert calendar.between(at("2026-11-23T09:30:00+01:00"), friday) == -HOUR_US


@pytest.mark.parametrize(
    ("start", "after_24_hours"),
    [
        ("2026-03-28T12:00:00+01:00", "2026-03-29T13:00:00+02:00"),  # a day of 23 hours
        ("2026-10-24T12:00:00+02:00", "2026-10-25T11:00:00+01:00"),  # a day of 25 hours
    ],
)
def test_days_of_23_and_25_hours_are_as_long_as_they_are(start: str, after_24_hours: str) -> None:
    for hours in (ALL_DAY, None):
        assert Calendar(hours).after(at(start), 24 * HOUR_US) == at(after_24_hours)
        assert Calendar(hours).between(at(start), at(after_24_hours)) == 24 * HOUR_US


def test_office_hours_are_clock_time_on_the_days_the_clocks_change() -> None:
    sundays = BusinessHours(timezone="Europe/Berlin", days=("sun",), start=0, end=360)
    for day, hours in (("2026-03-29", 5), ("2026-10-25", 7), ("2026-06-07", 6)):
        noon = datetime.fromisoformat(f"{day}T12:00:00+00:00")
        around = (microseconds(noon - timedelta(days=1)), microseconds(noon))
        assert Calendar(sundays).between(*around) == hours * HOUR_US


@given(st.integers(0, 40 * 24 * 60), st.integers(0, 5 * 24 * 60))
def test_between_takes_back_what_after_adds(start_minutes: int, working_minutes: int) -> None:
    calendar = Calendar(OFFICE)
    start_us = at("2026-10-01T00:00:00+02:00") + start_minutes * MINUTE_US
    end_us = calendar.after(start_us, working_minutes * MINUTE_US)
    assert calendar.between(start_us, end_us) == working_minutes * MINUTE_US


@given(st.integers(0, 12 * 366), st.integers(0, 12 * 366))
def test_years_counted_at_once_are_as_long_as_their_days(start_days: int, length_days: int) -> None:
    start = datetime(2014, 1, 1, 10, 30, tzinfo=UTC) + timedelta(days=start_days)
    end = start + timedelta(days=length_days)
    years, days = Calendar(OFFICE), 0
    step = timedelta(days=17)
    while start < end:
        days += years.between(microseconds(start), microseconds(min(end, start + step)))
        start += step
    assert years.between(microseconds(end - timedelta(days=length_days)), microseconds(end)) == days


def test_the_longest_promise_that_is_accepted_has_an_end() -> None:
    hours = BusinessHours(timezone="Europe/Berlin", days=("sun",), start=120, end=180)
    working_us = MOST_PROMISED_WEEKS * hours.minutes_a_week * MINUTE_US
    start = at("2026-03-01T00:00:00+01:00")
    end = Calendar(hours).after(start, working_us)
    assert Calendar(hours).between(start, end) == working_us


@pytest.mark.parametrize(
    ("length_us", "words"),
    [(0, "less than a minute"), (MINUTE_US, "1 minute"), (HOUR_US - 1, "59 minutes"), (49 * HOUR_US, "2 days")],
)
def test_a_wait_is_told_in_words(length_us: int, words: str) -> None:
    assert span(length_us) == words
