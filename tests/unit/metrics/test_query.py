from datetime import timedelta

import pytest

from services.metrics.core.definitions import COUNTERS, DIMENSIONS, METRICS
from services.metrics.core.query import Bucket, EngagementQuery, engagement
from services.metrics.core.rejections import Place, RejectionQuery, rejections
from tests.builders import NOON

DAY = timedelta(days=1)


def test_no_outside_value_is_ever_in_the_text() -> None:
    hostile = "x') OR 1=1 --"
    query = EngagementQuery(NOON, NOON + DAY, Bucket.HOUR, DIMENSIONS, dict.fromkeys(DIMENSIONS, (hostile,)))
    statement = engagement(query)
    assert hostile not in statement.sql
    assert [value for value in statement.parameters.values() if value == [hostile]] == [[hostile]] * len(DIMENSIONS)


def test_a_name_that_is_no_dimension_cannot_reach_the_text() -> None:
    with pytest.raises(ValueError, match="department; DROP TABLE"):
        EngagementQuery(NOON, NOON + DAY, by=("department; DROP TABLE hours",))
    with pytest.raises(ValueError, match="distinct"):
        EngagementQuery(NOON, NOON + DAY, by=("channel", "channel"))


def test_internal_posts_are_left_out_unless_asked_for_with_the_right() -> None:
    without = engagement(EngagementQuery(NOON, NOON + DAY, filters={"surface": ("internal",)}))
    with_right = engagement(EngagementQuery(NOON, NOON + DAY, internal=True))
    assert "surface != 'internal'" in without.sql
    assert "surface != 'internal'" not in with_right.sql


def test_whole_hours_are_read_from_hours_and_only_the_edges_from_minutes() -> None:
    aligned = engagement(EngagementQuery(NOON, NOON + DAY, Bucket.DAY)).sql
    edged = engagement(EngagementQuery(NOON + timedelta(minutes=5), NOON + DAY + timedelta(minutes=5), Bucket.DAY)).sql
    short = engagement(EngagementQuery(NOON, NOON + timedelta(minutes=5), Bucket.MONTH)).sql
    assert (aligned.count("FROM hours"), aligned.count("FROM minutes")) == (1, 0)
    assert (edged.count("FROM hours"), edged.count("FROM minutes")) == (1, 2)
    assert (short.count("FROM hours"), short.count("FROM minutes")) == (0, 1)


def test_a_range_is_widened_to_whole_minutes() -> None:
    statement = engagement(EngagementQuery(NOON + timedelta(seconds=59), NOON + timedelta(seconds=61), Bucket.MINUTE))
    assert sorted(statement.parameters.values(), key=str) == [NOON.timestamp(), NOON.timestamp() + 120]


def test_the_number_of_buckets_is_counted_upwards() -> None:
    assert EngagementQuery(NOON, NOON + timedelta(seconds=61), Bucket.MINUTE).buckets() == 2
    assert EngagementQuery(NOON, NOON + timedelta(days=28), Bucket.MONTH).buckets() == 1


def test_every_counter_is_shown_or_part_of_a_formula() -> None:
    formulas = " ".join(metric.sql for metric in METRICS)
    assert [name for name in COUNTERS if name not in formulas] == []


def test_the_words_of_a_rejection_need_the_right_to_internal_posts() -> None:
    assert "NULL AS excerpt" in rejections(RejectionQuery(10), internal=False).sql
    assert "excerpt AS excerpt" in rejections(RejectionQuery(10, "too_long"), internal=True).sql


@pytest.mark.parametrize(
    "identity", ["", "1", "1-2", "1-00000000000000zz", "1-0000000000000000 OR 1=1", "-1-0000000000000000"]
)
def test_an_id_of_a_rejection_is_two_numbers_or_refused(identity: str) -> None:
    assert Place.of("1795363200000000-00f3a0c19b2d4e57") == Place(1_795_363_200_000_000, 0xF3A0C19B2D4E57)
    with pytest.raises(ValueError, match="expected the id"):
        Place.of(identity)
