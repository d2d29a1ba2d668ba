from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from services.metrics.api.schemas import EngagementParameters
from services.metrics.core.query import Bucket
from tests.builders import NOON


def test_without_a_range_the_last_24_hours_are_asked_by_hour() -> None:
    query = EngagementParameters().query(NOON, internal=False)
    assert (query.start, query.end, query.bucket) == (NOON - timedelta(hours=24), NOON, Bucket.HOUR)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T12:00:00Z", NOON),
        ("2026-11-23T13:00:00+01:00", NOON),
        ("2026-11-23T13:00:00 01:00", NOON),
        ("2026-11-23T12:00:00.250Z", NOON + timedelta(milliseconds=250)),
        ("2026-11-23 12:00:00Z", NOON),
    ],
)
def test_an_instant_is_understood_in_any_zone(text: str, expected: datetime) -> None:
    assert EngagementParameters.model_validate({"from": text}).start == expected


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"from": "yesterday"}, "expected ISO 8601"),
        ({"from": "2026-11-23T12:00:00"}, "expected a zone"),
        ({"from": "1795435200"}, "expected"),
        ({"to": "9999-12-31T23:59:59-14:00"}, "calendar"),
        ({"to": "1970-01-01T00:00:00Z"}, "from 2000 to 2100"),
        ({"from": "2026-11-23T12:00:00Z", "to": "2026-11-23T12:00:00Z"}, "must be before"),
        ({"bucket": "decade"}, "minute"),
        ({"by": ["channel,colour"]}, "found colour"),
        ({"format": "xml"}, "expected json or csv or parquet"),
        ({"tz": "Nowhere"}, "expected an IANA time zone"),
        ({"fill": "one"}, "zero"),
        ({"departement": ["billing"]}, "Extra inputs"),
    ],
)
def test_a_parameter_that_does_not_fit_is_named_with_what_was_expected(
    parameters: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        EngagementParameters.model_validate(parameters)


def test_lists_may_be_repeated_or_separated_by_commas() -> None:
    parameters = EngagementParameters.model_validate({"by": ["channel,intent", "channel"], "department": ["a,b", ""]})
    query = parameters.query(NOON, internal=False)
    assert query.by == ("channel", "intent")
    assert query.filters == {"department": ("a", "b", "")}


def test_too_many_buckets_are_refused_with_the_limit() -> None:
    start = datetime(2020, 1, 1, tzinfo=UTC)
    parameters = EngagementParameters.model_validate({"from": start.isoformat(), "bucket": "minute"})
    with pytest.raises(ValueError, match="more than 50000"):
        parameters.query(NOON, internal=False)


def test_a_range_that_begins_in_the_future_is_refused() -> None:
    parameters = EngagementParameters.model_validate({"from": (NOON + timedelta(hours=1)).isoformat()})
    with pytest.raises(ValueError, match="must be before"):
        parameters.query(NOON, internal=False)
