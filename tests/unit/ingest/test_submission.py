"""Submissions in the HTTP form: what becomes of good ones, and how each bad one is named."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.core.addressing import Accounts
from services.ingest.core.lines import Line
from services.ingest.core.submission import Reading
from services.ingest.core.submissions import read_items, read_lines
from shared.contracts.activity import Activity, Direction, Surface, Verb
from shared.contracts.codec import encode_activity
from shared.contracts.configuration import Account
from shared.contracts.rejection import Rejection

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OURS = Accounts(
    [
        Account(channel="web", id="acme", handle="acme.example", department="support"),
        Account(channel="web", id="acme-sales", department="sales"),
        Account(channel="bluesky", id="did:plc:us", handle="us.example", department="marketing"),
    ]
)
READING = Reading(OURS, "http", "http/tests", NOW)


def a_submission(**changes: object) -> dict[str, Any]:
    given = {
        "channel": "web",
        "native_id": "p1",
        "occurred_at": "2026-11-23T11:00:00Z",
        "actor": {"id": "ann"},
        "text": "hello",
    } | changes
    return {key: value for key, value in given.items() if value is not ...}


def accepted(item: object) -> Activity:
    batch = read_items([item], 0, READING)
    assert not batch.rejected, batch.rejected
    return Activity.model_validate_json(batch.accepted[0].value)


def rejected(item: object) -> Rejection:
    batch = read_items([item], 0, READING)
    assert not batch.accepted
    return batch.rejected[0].rejection


def line(text: str | bytes) -> list[Line]:
    return [Line(0, text.encode() if isinstance(text, str) else text)]


def test_a_plain_post_gets_every_field_of_an_activity() -> None:
    activity = accepted(a_submission(actor={"id": "ann", "handle": "ann.example", "name": "Ann", "followers": 3}))
    assert activity.model_dump() == {
        "id": "web:p1",
        "verb": Verb.CREATE,
        "object_id": "web:p1",
        "version": 1_795_431_600_000_000,
        "channel": "web",
        "surface": Surface.PUBLIC,
        "direction": Direction.AMBIENT,
        "source": "http",
        "occurred_at": datetime(2026, 11, 23, 11, tzinfo=UTC),
        "received_at": NOW,
        "actor": {"id": "ann", "handle": "ann.example", "name": "Ann", "followers": 3},
        "text": "hello",
        "language": None,
        "url": None,
        "conversation_id": "web:p1",
        "in_reply_to": None,
        "quotes": None,
        "mentions": (),
        "account": None,
        "department": None,
        "snapshots": (),
    }


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"native_id": ...}, "id", "missing_field"),
        ({"native_id": "  "}, "id", "missing_field"),
        ({"native_id": 5}, "native_id", "wrong_type"),
        ({"native_id": "a\x00b"}, "native_id", "control_character"),
        ({"native_id": "a\nb"}, "native_id", "control_character"),
        ({"native_id": "x" * 513}, "native_id", "too_long"),
        ({"native_id": "\ud800"}, "native_id", "invalid_unicode"),
        ({"id": "p1"}, "id", "unknown_value"),
        ({"id": "web:"}, "id", "unknown_value"),
        ({"id": "mastodon:p1"}, "id", "unknown_value"),
        ({"channel": ...}, "channel", "missing_field"),
        ({"channel": "Web"}, "channel", "unknown_value"),
        ({"channel": "x" * 65}, "channel", "unknown_value"),
        ({"channel": True}, "channel", "wrong_type"),
        ({"verb": "shout"}, "verb", "unknown_value"),
        ({"verb": 1}, "verb", "wrong_type"),
        ({"verb": ["create"]}, "verb", "wrong_type"),
        ({"surface": "secret"}, "surface", "unknown_value"),
        ({"actor": ...}, "actor", "missing_field"),
        ({"actor": None}, "actor", "missing_field"),
        ({"actor": "ann"}, "actor", "wrong_type"),
        ({"actor": {}}, "actor.id", "missing_field"),
        ({"actor": {"id": ""}}, "actor.id", "missing_field"),
        ({"actor": {"id": 7}}, "actor.id", "wrong_type"),
        ({"actor": {"id": "a", "handle": "h" * 257}}, "actor.handle", "too_long"),
        ({"actor": {"id": "a", "name": "h" * 257}}, "actor.name", "too_long"),
        ({"actor": {"id": "a", "followers": True}}, "actor.followers", "wrong_type"),
        ({"actor": {"id": "a", "followers": 1.5}}, "actor.followers", "wrong_type"),
        ({"actor": {"id": "a", "followers": -1}}, "actor.followers", "unknown_value"),
        ({"text": ...}, "text", "missing_field"),
        ({"verb": "update", "text": None}, "text", "missing_field"),
        ({"text": 5}, "text", "wrong_type"),
        ({"text": "x" * 65_537}, "text", "too_long"),
        ({"text": "x" * (2 << 20)}, "text", "too_long"),
        ({"text": "broken \udc80 text"}, "text", "invalid_unicode"),
        ({"occurred_at": ...}, "occurred_at", "missing_field"),
        ({"occurred_at": 1_795_363_200}, "occurred_at", "wrong_type"),
        ({"occurred_at": "yesterday"}, "occurred_at", "invalid_timestamp"),
        ({"occurred_at": "2026-13-01T00:00:00Z"}, "occurred_at", "invalid_timestamp"),
        ({"occurred_at": "2" * 100_000}, "occurred_at", "invalid_timestamp"),
        ({"occurred_at": "2026-11-23T11:00:00"}, "occurred_at", "timestamp_without_zone"),
        ({"occurred_at": "2026-11-23"}, "occurred_at", "timestamp_without_zone"),
        ({"occurred_at": "9999-01-01T00:00:00Z"}, "occurred_at", "timestamp_out_of_range"),
        ({"occurred_at": "1970-01-01T00:00:00Z"}, "occurred_at", "timestamp_out_of_range"),
        ({"occurred_at": "0001-01-01T00:00:00+23:59"}, "occurred_at", "timestamp_out_of_range"),
        ({"occurred_at": "9999-12-31T23:59:59-23:59"}, "occurred_at", "timestamp_out_of_range"),
        ({"occurred_at": "2026-11-24T12:00:00.001Z"}, "occurred_at", "timestamp_out_of_range"),
        ({"version": True}, "version", "wrong_type"),
        ({"version": "1"}, "version", "wrong_type"),
        ({"version": -1}, "version", "unknown_value"),
        ({"version": 1 << 61}, "version", "unknown_value"),
        ({"mentions": "acme"}, "mentions", "wrong_type"),
        ({"mentions": [1]}, "mentions", "wrong_type"),
        ({"mentions": [None]}, "mentions", "missing_field"),
        ({"mentions": ["m"] * 1_001}, "mentions", "too_many"),
        ({"account": {}}, "account", "wrong_type"),
        ({"url": "javascript:alert(1)"}, "url", "unknown_value"),
        ({"language": "x" * 65}, "language", "too_long"),
        ({"in_reply_to": 1}, "in_reply_to", "wrong_type"),
    ],
)
def test_a_bad_field_is_named_with_its_reason(changes: dict[str, Any], field: str, reason: str) -> None:
    rejection = rejected(a_submission(**changes))
    assert (rejection.field, rejection.reason.value) == (field, reason)
    assert rejection.origin == "http/tests:0"
    assert len(rejection.excerpt) <= 200


@pytest.mark.parametrize("item", [1, "text", None, True, [], 1.5])
def test_what_is_no_object_is_rejected_as_such(item: object) -> None:
    assert rejected(item).reason.value == "not_an_object"


def test_limits_themselves_are_accepted() -> None:
    at_limit = a_submission(
        native_id="x" * 512, text="x" * 65_536, mentions=[f"m{number}" for number in range(1_000)],
        actor={"id": "a", "handle": "h" * 256}, occurred_at="2026-11-24T12:00:00Z",
    )  # fmt: skip
    assert len(accepted(at_limit).mentions) == 1_000


def test_control_characters_in_a_text_are_kept_visible_and_line_breaks_stay() -> None:
    activity = accepted(
        a_submission(text="nul \x00 bell \x07 tab \t line \n return \r", actor={"id": "a", "name": "A\x00"})
    )
    assert activity.text == "nul \ufffd bell \ufffd tab \t line \n return \r"
    assert activity.actor.name == "A\ufffd"


def test_right_to_left_marks_are_kept() -> None:
    text = "\u200fשלום\u202e abc\u202c 👩‍👩‍👧"
    assert accepted(a_submission(text=text, actor={"id": "a\u200fb"})).text == text


def test_two_hundred_mentions_work_and_the_first_of_ours_decides() -> None:
    activity = accepted(a_submission(mentions=[*(f"someone{n}" for n in range(199)), "@ACME.example"]))
    assert (activity.direction, activity.account, activity.department) == (Direction.INBOUND, "acme", "support")
    assert activity.mentions[-1] == "acme"


@pytest.mark.parametrize(
    ("changes", "direction", "account"),
    [
        ({"actor": {"id": "acme"}}, "outbound", "acme"),
        ({"actor": {"id": "acme"}, "surface": "internal"}, "outbound", "acme"),
        ({"actor": {"id": "acme"}, "channel": "press"}, "ambient", None),
        ({"actor": {"id": "x", "handle": "acme.example"}}, "ambient", None),
        ({"mentions": ["acme"]}, "inbound", "acme"),
        ({"mentions": ["@Acme"]}, "inbound", "acme"),
        ({"account": "acme-sales", "mentions": ["acme"]}, "inbound", "acme-sales"),
        ({"account": "stranger"}, "ambient", None),
        ({"account": "stranger", "mentions": ["acme"]}, "inbound", "acme"),
        ({"surface": "internal"}, "inbound", None),
        ({"surface": "internal", "mentions": ["acme"]}, "inbound", "acme"),
        ({"verb": "like", "object_id": "web:post-of-ours", "account": "acme"}, "inbound", "acme"),
        ({"verb": "follow", "object_id": "web:acme"}, "inbound", "acme"),
    ],
)
def test_direction_and_account_follow_from_our_accounts(
    changes: dict[str, Any], direction: str, account: str | None
) -> None:
    activity = accepted(a_submission(**changes))
    assert (activity.direction.value, activity.account) == (direction, account)
    assert (activity.department is None) == (account is None)


def test_a_reply_to_a_bluesky_post_of_ours_is_inbound_before_any_mention_counts() -> None:
    post = a_submission(channel="bluesky", in_reply_to="bluesky:at://did:plc:us/app.bsky.feed.post/3k")
    assert accepted(post).account == "did:plc:us"
    assert accepted(post | {"channel": "web"}).account is None


@pytest.mark.parametrize(
    ("changes", "conversation"),
    [
        ({}, "web:p1"),
        ({"in_reply_to": "web:p0"}, "web:p0"),
        ({"in_reply_to": "web:p0", "conversation_id": "web:root"}, "web:root"),
        ({"verb": "delete", "text": ...}, "web:p1"),
        ({"verb": "like", "object_id": "web:p0", "text": ...}, None),
    ],
)
def test_a_conversation_is_as_given_or_the_post_replied_to_or_the_post_itself(
    changes: dict[str, Any], conversation: str | None
) -> None:
    assert accepted(a_submission(**changes)).conversation_id == conversation


def test_a_delete_names_the_native_id_and_carries_no_text() -> None:
    activity = accepted(a_submission(verb="delete"))
    assert (activity.id, activity.object_id, activity.text) == ("web:p1", "web:p1", None)


def test_an_object_in_another_zone_is_written_in_utc_with_its_microseconds_as_version() -> None:
    activity = accepted(a_submission(occurred_at="2026-11-23T12:30:00.000001+05:30"))
    assert activity.occurred_at == datetime(2026, 11, 23, 7, 0, 0, 1, tzinfo=UTC)
    assert activity.version == 1_795_417_200_000_001


def test_a_given_version_wins_over_the_time() -> None:
    assert accepted(a_submission(version=17)).version == 17


def test_clients_cannot_set_what_ingest_decides() -> None:
    activity = accepted(
        a_submission(direction="outbound", department="ceo", source="x", received_at="2000-01-01T00:00Z")
    )
    assert (activity.direction.value, activity.department, activity.source) == ("ambient", None, "http")
    assert activity.received_at == NOW


def test_a_record_too_great_for_the_broker_is_rejected() -> None:
    rejection = rejected(a_submission(mentions=[f"{number}{'ü' * 508}" for number in range(1_000)]))
    assert (rejection.field, rejection.reason.value) == ("", "too_long")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "invalid_json"),
        ("not json", "invalid_json"),
        ('{"a": NaN}', "invalid_json"),
        ("[" * 100_000, "invalid_json"),
        ("9" * 10_000, "invalid_json"),
        ("[1]", "not_an_object"),
        (b'{"channel":"web","native_id":"\xff"}', "invalid_unicode"),
    ],
)
def test_a_broken_line_is_rejected_and_never_raises(text: str | bytes, reason: str) -> None:
    assert read_lines(line(text), READING).rejected[0].rejection.reason.value == reason


def test_a_lone_surrogate_escape_is_invalid_unicode_only_where_it_stands() -> None:
    content = json.dumps(a_submission(text="x")).replace('"x"', '"\\ud83d"')
    assert read_lines(line(content), READING).rejected[0].rejection.reason.value == "invalid_unicode"
    elsewhere = json.dumps(a_submission(note="x")).replace('"x"', '"\\ud83d"')
    assert len(read_lines(line(elsewhere), READING).accepted) == 1


def test_broken_utf_8_in_a_text_is_invalid_unicode() -> None:
    content = json.dumps(a_submission(text="x")).encode().replace(b'"x"', b'"\xff\xfe"')
    assert read_lines(line(content), READING).rejected[0].rejection.reason.value == "invalid_unicode"


def test_a_byte_order_mark_before_a_line_is_forgiven() -> None:
    assert len(read_lines(line(b"\xef\xbb\xbf" + json.dumps(a_submission()).encode()), READING).accepted) == 1


def test_the_line_number_is_the_index_of_a_rejection() -> None:
    lines = [Line(0, b"{"), Line(4, json.dumps(a_submission()).encode()), Line(5, b"", whole=False)]
    batch = read_lines(lines, READING)
    assert [(each.number, each.rejection.reason.value) for each in batch.rejected] == [
        (0, "invalid_json"), (5, "too_long"),
    ]  # fmt: skip


identifiers = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40).filter(str.strip)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
instants = st.datetimes(datetime(2000, 1, 1), datetime(2026, 11, 24), timezones=st.timezones()).filter(  # noqa: DTZ001
    lambda at: datetime(2000, 1, 1, tzinfo=UTC) <= at <= NOW + timedelta(days=1)
)
submissions = st.fixed_dictionaries(
    {
        "channel": st.just("web"),
        "native_id": identifiers,
        "occurred_at": instants.map(datetime.isoformat),
        "actor": st.fixed_dictionaries(
            {"id": identifiers},
            optional={"name": texts, "handle": identifiers, "followers": st.integers(0, 1 << 53 - 1)},
        ),
        "text": texts,
    },
    optional={
        "verb": st.sampled_from([verb.value for verb in Verb]),
        "surface": st.sampled_from(["public", "internal"]),
        "version": st.integers(0, (1 << 61) - 1),
        "in_reply_to": identifiers,
        "quotes": identifiers,
        "object_id": identifiers,
        "conversation_id": identifiers,
        "mentions": st.lists(identifiers | st.just("acme"), max_size=5),
        "account": st.sampled_from(["acme", "nobody", "@acme"]),
        "language": st.just("en"),
        "url": st.just("https://example.org/1"),
    },
)


@given(submissions)
def test_the_record_is_byte_for_byte_what_the_shared_codec_writes(item: dict[str, Any]) -> None:
    batch = read_lines(line(json.dumps(item)), READING)
    assert not batch.rejected
    record = batch.accepted[0]
    assert encode_activity(Activity.model_validate_json(record.value)) == record


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


fields = st.sampled_from(
    [
        "id",
        "verb",
        "actor",
        "text",
        "mentions",
        "version",
        "occurred_at",
        "native_id",
        "channel",
        "surface",
        "url",
        "quotes",
    ]
)


@given(submissions, st.dictionaries(fields, json_values, max_size=3))
def test_whatever_a_client_sends_is_an_activity_or_a_rejection(item: dict[str, Any], noise: dict[str, Any]) -> None:
    batch = read_items([item | noise], 0, READING)
    assert len(batch.accepted) + len(batch.rejected) == 1
    for record in batch.accepted:
        Activity.model_validate_json(record.value)
    for each in batch.rejected:
        each.rejection.model_dump_json()


@given(st.binary(max_size=200))
def test_whatever_stands_in_a_line_is_an_activity_or_a_rejection(content: bytes) -> None:
    batch = read_lines(line(content), READING)
    assert len(batch.rejected) == 1
