from datetime import UTC, datetime
from typing import Any

import pytest

from services.metrics.core.columns import VersionBatch
from services.metrics.core.rows import VERSION_COLUMNS, hash64, rejection_row, unstorable, version_row
from shared.contracts.activity import Actor, ClassifiedActivity, Direction, Verb
from shared.contracts.rejection import Reason, reject
from tests.builders import NOON, a_classification, an_activity, classified


def cells(activity: ClassifiedActivity) -> dict[str, Any]:
    return dict(zip(VERSION_COLUMNS, version_row(activity), strict=True))


def test_a_post_stands_under_its_desk_and_under_the_department_addressed() -> None:
    row = cells(classified(an_activity(department="support"), a_classification("billing")))
    assert (row["department"], row["owner_department"], row["department_label"]) == ("billing", "support", "billing")


def test_an_unsure_post_stands_under_triage_and_keeps_the_guess_beside() -> None:
    row = cells(classified(an_activity(), a_classification("billing", unsure=True)))
    assert (row["department"], row["department_label"], row["unsure"]) == ("triage", "billing", 1)


def test_what_we_say_stands_under_the_department_of_the_account() -> None:
    row = cells(classified(an_activity(direction=Direction.OUTBOUND, department="press"), a_classification("billing")))
    assert (row["department"], row["owner_department"]) == ("press", "press")


def test_a_reaction_and_a_removal_have_no_labels() -> None:
    like = cells(ClassifiedActivity.model_validate(an_activity(verb=Verb.LIKE).model_dump()))
    gone = cells(classified(an_activity(verb=Verb.DELETE)))
    assert (like["department"], like["intent"], like["removal"]) == ("support", "", 0)
    assert (gone["kind"], gone["sentiment"], gone["removal"]) == ("", "", 1)


def test_times_are_ticks_and_the_minute_holds_the_instant() -> None:
    at = datetime(2026, 11, 23, 12, 0, 59, 999_999, tzinfo=UTC)
    row = cells(classified(an_activity(occurred_at=at)))
    assert row["occurred_at"] == 1_795_435_259_999_999
    assert row["minute"] == int(NOON.timestamp())


def test_the_same_actor_is_the_same_on_one_channel_only() -> None:
    first, second = (cells(classified(an_activity(channel=name)))["actor_hash"] for name in ("web", "email"))
    assert first != second
    assert cells(classified(an_activity("web:2")))["actor_hash"] == first


def test_a_batch_names_every_activity_once() -> None:
    batch = VersionBatch.of_rows([version_row(classified(an_activity(each))) for each in ("web:1", "web:2", "web:1")])
    assert sorted(batch.touched) == sorted({hash64("web:1"), hash64("web:2")})
    assert (len(batch), batch.table.column_names) == (3, list(VERSION_COLUMNS))


@pytest.mark.parametrize(
    ("activity", "field"),
    [
        (an_activity(occurred_at=datetime(1969, 1, 1, tzinfo=UTC), version=1), "occurred_at"),
        (an_activity(received_at=datetime(9999, 1, 1, tzinfo=UTC)), "received_at"),
        (an_activity(version=2**63), "version"),
        (an_activity().model_copy(update={"actor": Actor(id="a", followers=-1)}), "actor.followers"),
        (an_activity().model_copy(update={"actor": Actor(id="a", followers=2**70)}), "actor.followers"),
    ],
)
def test_what_no_column_can_hold_is_rejected_by_field(activity: ClassifiedActivity, field: str) -> None:
    rejection = unstorable(activity, origin="t/0/1", raw=b"{}", at=NOON)
    assert rejection is not None
    assert (rejection.field, rejection.origin) == (field, "t/0/1")


def test_an_ordinary_activity_is_storable() -> None:
    assert unstorable(an_activity(), origin="t/0/1", raw=b"{}", at=NOON) is None


def test_the_same_rejection_has_the_same_row() -> None:
    one, two = (
        reject(Reason.TOO_LONG, "text", detail, origin="http", raw="x", at=NOON) for detail in ("long", "longer")
    )
    assert rejection_row(one) == rejection_row(one.model_copy())
    assert rejection_row(one) != rejection_row(two)
