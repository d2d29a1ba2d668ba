"""Snapshots of a submission: what is taken, what a missing time means, how each mistake is named."""

import pytest

from shared.contracts.activity import Activity
from tests.unit.ingest.test_submission import a_submission, accepted, rejected


def test_a_snapshot_without_a_time_is_of_the_time_of_the_act() -> None:
    sent = a_submission(
        channel="email",
        snapshots=[
            {"counter": "audience", "value": 12_000},
            {"counter": "opens", "value": 0, "observed_at": "2026-11-23T12:30:00+01:00", "approximate": True},
        ],
    )
    audience, opens = accepted(sent).snapshots
    assert (audience.counter, audience.value, audience.observed_at.isoformat()) == (
        "audience", 12_000, "2026-11-23T11:00:00+00:00",
    )  # fmt: skip
    assert (opens.value, opens.observed_at.isoformat()) == (0, "2026-11-23T11:30:00+00:00")
    again = accepted(sent | {"snapshots": [{"counter": "opens", "value": 9}]})
    assert (again.id, again.version) == (accepted(sent).id, accepted(sent).version)


def test_a_record_from_before_there_were_snapshots_is_read_as_one_without() -> None:
    old = accepted(a_submission()).model_dump(mode="json")
    del old["snapshots"]
    assert Activity.model_validate(old).snapshots == ()


@pytest.mark.parametrize(
    ("snapshots", "field", "reason"),
    [
        ({"counter": "opens", "value": 1}, "snapshots", "wrong_type"),
        (["opens"], "snapshots", "wrong_type"),
        ([None], "snapshots", "missing_field"),
        ([{"value": 1}], "snapshots.counter", "missing_field"),
        ([{"counter": "Opens!", "value": 1}], "snapshots.counter", "unknown_value"),
        ([{"counter": "opens"}], "snapshots.value", "missing_field"),
        ([{"counter": "opens", "value": -1}], "snapshots.value", "unknown_value"),
        ([{"counter": "opens", "value": 1.5}], "snapshots.value", "wrong_type"),
        ([{"counter": "opens", "value": True}], "snapshots.value", "wrong_type"),
        ([{"counter": "opens", "value": 1, "observed_at": "yesterday"}], "snapshots.observed_at", "invalid_timestamp"),
        ([{"counter": "opens", "value": 1, "observed_at": "2027-11-23T00:00:00Z"}], "snapshots.observed_at",
         "timestamp_out_of_range"),
        ([{"counter": "opens", "value": 1}] * 51, "snapshots", "too_many"),
    ],
)  # fmt: skip
def test_a_wrong_snapshot_is_named(snapshots: object, field: str, reason: str) -> None:
    found = rejected(a_submission(snapshots=snapshots))
    assert (found.field, found.reason) == (field, reason)


def test_a_like_has_no_counters() -> None:
    like = a_submission(verb="like", object_id="web:p2", snapshots=[{"counter": "opens", "value": 1}])
    assert (rejected(like).field, rejected(like).reason) == ("snapshots", "unknown_value")
