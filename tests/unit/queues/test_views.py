from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.queues.core.event import Change, told
from services.queues.core.filters import Filter
from services.queues.core.fold import Fold
from services.queues.core.positions import Cursor, Ordering, Position, parse_cursor, parse_position
from services.queues.core.post import Facets, item_of
from tests.builders import an_activity, classified

PUBLIC = Facets("billing", "refund", "negative", "new", "public")
INTERNAL = PUBLIC._replace(surface="internal")
ELSEWHERE = PUBLIC._replace(department="support")
BILLING = Filter(internal=False, department=frozenset({"billing"}))
FIXED_FIELDS = {
    "item", "id", "state", "owner", "lease_until", "version", "department", "intent", "sentiment", "probability",
    "unsure", "text", "actor", "channel", "surface", "url", "occurred_at", "conversation_id",
}  # fmt: skip


def a_change(was: Facets | None, now: Facets | None, payload: str | None = "{}") -> Change:
    return Change("removed" if now is None else "item", "abc", "web:1", was, now, payload if now else None)


def test_an_item_has_every_field_of_the_contract() -> None:
    fold = Fold([], [])
    fold.apply(classified(an_activity()), 0)
    item = item_of(fold.changes()[0][1])
    assert set(item.model_dump()) >= FIXED_FIELDS
    assert '"occurred_at":"2026-11-23T12:00:00.000Z"' in item.model_dump_json()


def test_an_internal_item_passes_no_filter_without_the_scope() -> None:
    assert not Filter(internal=False).matches(INTERNAL)
    assert not Filter(internal=False, surface=frozenset({"internal"})).matches(INTERNAL)
    assert Filter(internal=True).matches(INTERNAL)


@pytest.mark.parametrize(
    ("was", "now", "kind"),
    [
        (None, PUBLIC, "item"),
        (PUBLIC, PUBLIC, "item"),
        (ELSEWHERE, PUBLIC, "item"),
        (PUBLIC, ELSEWHERE, "removed"),
        (PUBLIC, None, "removed"),
        (ELSEWHERE, None, None),
        (None, ELSEWHERE, None),
        (None, INTERNAL, None),
        (INTERNAL, None, None),
    ],
)
def test_a_subscriber_is_told_what_concerns_its_filter(
    was: Facets | None, now: Facets | None, kind: str | None
) -> None:
    assert told(a_change(was, now), BILLING) == kind


def test_a_blanked_change_is_told_as_a_removal() -> None:
    assert told(a_change(None, PUBLIC, None), BILLING) == "removed"


@given(st.integers(0, 2**63 - 1))
def test_a_position_is_read_as_it_was_written(sequence: int) -> None:
    assert parse_position(str(Position("0a1b2c3d", sequence))) == Position("0a1b2c3d", sequence)


@given(st.text(max_size=60))
def test_no_text_breaks_the_parsers(text: str) -> None:
    for parsed in (parse_position(text), parse_cursor(text)):
        assert parsed is None or str(parsed)


@pytest.mark.parametrize("text", ["", "5", "0a1b2c3d-", "0a1b2c3d--1", f"0a1b2c3d-{2**63}", "0a1b2c3d-٣"])
def test_a_foreign_position_is_none(text: str) -> None:
    assert parse_position(text) is None


@given(st.sampled_from(Ordering), st.integers(-(2**62), 2**62), st.integers(-100, 2**63 - 1))
def test_a_cursor_is_read_as_it_was_written(ordering: Ordering, at_us: int, rank: int) -> None:
    cursor = Cursor(ordering, at_us + 1, rank, at_us, "a" * 26)
    assert parse_cursor(str(cursor)) == cursor
    assert parse_cursor(str(replace(cursor, item="A" * 26))) is None
