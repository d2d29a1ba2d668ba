"""Activities as bytes: round trips, headers, and bad bytes as Rejections."""

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.activity import (
    Activity,
    Actor,
    ClassifiedActivity,
    Direction,
    Surface,
    Verb,
    version_order,
    wire_time,
)
from shared.contracts.codec import decode, encode_activity, encode_classified, event_id
from shared.contracts.rejection import Reason, Rejection, reject
from shared.contracts.topics import POSTS_RECEIVED, REACTIONS_RECEIVED
from tests.builders import NOON, an_activity, classified

texts = st.text(st.characters(codec="utf-8"), max_size=80)
names = st.none() | texts
instants = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
activities = st.builds(
    Activity,
    id=texts,
    verb=st.sampled_from(Verb),
    object_id=names,
    version=st.integers(0, 2**61),
    channel=st.just("web"),
    surface=st.sampled_from(Surface),
    direction=st.sampled_from(Direction),
    source=texts,
    occurred_at=instants,
    received_at=instants,
    actor=st.builds(Actor, id=texts, handle=names, name=names, followers=st.none() | st.integers(0, 10**9)),
    text=names,
    language=names,
    url=names,
    conversation_id=names,
    in_reply_to=names,
    quotes=names,
    mentions=st.lists(texts, max_size=3).map(tuple),
    account=names,
    department=names,
)


@given(activities)
def test_an_activity_survives_its_bytes(activity: Activity) -> None:
    outgoing = encode_activity(activity)
    assert decode(Activity, outgoing.value, origin="t/0/0", at=NOON) == activity
    assert outgoing.topic in {POSTS_RECEIVED.name, REACTIONS_RECEIVED.name}


@given(activities)
def test_a_classified_activity_survives_its_bytes(activity: Activity) -> None:
    post = classified(activity)
    assert decode(ClassifiedActivity, encode_classified(post, key=b"k").value, origin="t/0/0", at=NOON) == post


@given(st.binary(max_size=60))
def test_any_other_bytes_are_a_rejection_and_never_an_error(value: bytes) -> None:
    decoded = decode(Activity, value, origin="t/0/7", at=NOON)
    assert isinstance(decoded, Rejection)
    assert (decoded.reason, decoded.origin) == (Reason.INVALID_RECORD, "t/0/7")


def test_a_null_value_is_a_rejection() -> None:
    assert isinstance(decode(Activity, None, origin="t/0/0", at=NOON), Rejection)


def test_unknown_fields_are_ignored_so_that_records_may_gain_some() -> None:
    value = json.loads(encode_activity(an_activity()).value) | {"added_later": 1}
    assert decode(Activity, json.dumps(value).encode(), origin="", at=NOON) == an_activity()


def test_a_record_is_a_cloudevent_in_binary_mode_with_a_deterministic_id() -> None:
    headers = dict(encode_activity(an_activity()).headers)
    assert headers["ce_id"] == event_id(an_activity()).encode()
    assert headers["ce_specversion"] == b"1.0"
    assert headers["content-type"] == b"application/json"
    assert event_id(an_activity()) != event_id(an_activity(version=7))


def test_posts_are_keyed_by_conversation_and_reactions_by_object() -> None:
    assert encode_activity(an_activity("web:2", conversation_id="web:1")).key == b"web:1"
    assert encode_activity(an_activity("web:9", verb=Verb.LIKE, object_id="web:1")).key == b"web:1"


def test_of_equal_versions_a_removal_wins_then_an_edit() -> None:
    assert version_order(Verb.CREATE, 5) < version_order(Verb.UPDATE, 5) < version_order(Verb.DELETE, 5)
    assert version_order(Verb.DELETE, 5) < version_order(Verb.CREATE, 6)


def test_instants_are_written_in_utc_with_z() -> None:
    assert wire_time(NOON) == "2026-11-23T12:00:00.000Z"


@given(st.text(max_size=2_000))
def test_an_excerpt_is_bounded_and_always_encodable(raw: str) -> None:
    rejection = reject(Reason.TOO_LONG, "text", "too long", origin="http", raw=raw, at=NOON)
    assert len(rejection.excerpt) <= 200
    rejection.model_dump_json().encode()
