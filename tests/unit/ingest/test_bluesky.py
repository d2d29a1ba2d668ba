"""Jetstream frames, both wires, to activities: who is heard, with which ids, versions and times."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.connectors.bluesky_batch import BatchReader, Heard
from services.ingest.core.addressing import Accounts
from services.ingest.core.bluesky import Ears
from shared.contracts.activity import Activity
from shared.contracts.configuration import Account
from tests.unit.ingest.platforms import (
    ANN,
    BEN,
    FOLLOW,
    LIKE,
    NOON,
    NOON_US,
    REPOST,
    US,
    FakeIndex,
    a_commit,
    a_delete,
    a_follow,
    a_like,
    a_post,
    a_tid,
    an_account_event,
    as_v2,
    ears,
    encoded,
    mention_of,
    reply_to,
    uri,
)


def a_reader(listening: Ears | None = None, index: FakeIndex | None = None, wire: str = "v1") -> BatchReader:
    return BatchReader(
        listening or ears(), "v2" if wire == "v2" else "v1", FakeIndex() if index is None else index, lambda: NOON
    )


def activities(heard: Heard) -> list[Activity]:
    assert not heard.rejected, heard.rejected
    return [Activity.model_validate_json(record.value) for record in heard.accepted]


def hear(*frames: dict[str, Any], reader: BatchReader | None = None) -> list[Activity]:
    return activities((reader or a_reader()).read(encoded(*frames)))


def only(*frames: dict[str, Any], reader: BatchReader | None = None) -> Activity:
    found = hear(*frames, reader=reader)
    assert len(found) == 1, found
    return found[0]


def test_a_post_of_ours_is_outbound_with_the_id_of_its_record() -> None:
    activity = only(a_post(US, "3k", "our news"))
    assert activity.model_dump(mode="json") == {
        "id": "bluesky:at://did:plc:us/app.bsky.feed.post/3k",
        "verb": "create",
        "object_id": "bluesky:at://did:plc:us/app.bsky.feed.post/3k",
        "version": NOON_US,
        "channel": "bluesky",
        "surface": "public",
        "direction": "outbound",
        "source": "bsky",
        "occurred_at": "2026-11-23T11:59:59.500Z",
        "received_at": "2026-11-23T12:00:00.000Z",
        "actor": {"id": US, "handle": None, "name": None, "followers": None},
        "text": "our news",
        "language": "en",
        "url": "https://bsky.app/profile/did:plc:us/post/3k",
        "conversation_id": "bluesky:at://did:plc:us/app.bsky.feed.post/3k",
        "in_reply_to": None,
        "quotes": None,
        "mentions": [],
        "account": US,
        "department": "marketing",
        "snapshots": [],
    }


def test_a_reply_to_us_is_inbound_in_its_root_conversation() -> None:
    activity = only(a_post(ANN, "r", "why?", record=reply_to(US, "2", root=(BEN, "1"))))
    assert (activity.direction.value, activity.account, activity.department) == ("inbound", US, "marketing")
    assert activity.in_reply_to == f"bluesky:{uri(US, '2')}"
    assert activity.conversation_id == f"bluesky:{uri(BEN, '1')}"


@pytest.mark.parametrize(
    "embed",
    [
        {"$type": "app.bsky.embed.record", "record": {"uri": uri(US, "1"), "cid": "c"}},
        {"$type": "app.bsky.embed.recordWithMedia", "record": {"record": {"uri": uri(US, "1"), "cid": "c"}}},
    ],
)
def test_a_quote_of_us_is_inbound(embed: dict[str, Any]) -> None:
    activity = only(a_post(ANN, "q", "look", record={"embed": embed}))
    assert (activity.quotes, activity.direction.value) == (f"bluesky:{uri(US, '1')}", "inbound")


def test_a_mention_of_us_is_inbound_and_all_mentions_are_kept() -> None:
    activity = only(a_post(ANN, "m", "@ben @us", record=mention_of(BEN, US, BEN)))
    assert (activity.mentions, activity.account) == ((BEN, US), US)


def test_what_concerns_nobody_we_listen_for_is_ignored() -> None:
    heard = a_reader().read(
        encoded(
            a_post(ANN, "1", "weather"),
            a_post(ANN, "2", "hi", record=reply_to(BEN, "1", root=(US, "1"))),
            a_like(ANN, "3", uri(BEN, "1")),
            a_follow(ANN, "4", BEN),
            a_commit(US, "5", {"x": 1}, collection="app.bsky.graph.block"),
            a_delete(ANN, "6"),
            {"did": US, "time_us": NOON_US, "kind": "identity", "identity": {"did": US}},
        )
    )
    assert (heard.accepted, heard.rejected, heard.ignored) == ([], [], 7)


def test_a_tracked_term_makes_a_post_ambient_but_not_a_like() -> None:
    reader = a_reader(ears("acme"))
    found = hear(a_post(ANN, "1", "ACME rocks"), a_like(ANN, "2", uri(BEN, "1")), reader=reader)
    assert [(each.direction.value, each.account, each.department) for each in found] == [("ambient", None, None)]


@pytest.mark.parametrize(("collection", "verb"), [(LIKE, "like"), (REPOST, "announce")])
def test_reactions_to_our_posts_are_inbound_on_the_post(collection: str, verb: str) -> None:
    activity = only(a_like(ANN, "l", uri(US, "1"), collection=collection))
    assert (activity.verb.value, activity.object_id) == (verb, f"bluesky:{uri(US, '1')}")
    assert (activity.id, activity.direction.value) == (f"bluesky:{uri(ANN, 'l', collection)}", "inbound")


def test_a_follow_of_us_is_inbound_on_the_account() -> None:
    activity = only(a_follow(ANN, "f", US))
    assert (activity.verb.value, activity.object_id, activity.account) == ("follow", f"bluesky:{US}", US)


def test_a_like_by_us_is_outbound() -> None:
    assert only(a_like(US, "l", uri(BEN, "1"))).direction.value == "outbound"


def test_an_unlike_is_an_undo_on_the_subject_that_was_remembered() -> None:
    reader = a_reader()
    like = only(a_like(ANN, "l", uri(US, "1")), reader=reader)
    undo = only(a_delete(ANN, "l", LIKE), reader=reader)
    assert (undo.verb.value, undo.id, undo.object_id) == ("undo", like.id, like.object_id)
    assert (undo.direction, undo.account, undo.version) == (like.direction, like.account, NOON_US + 5_000_000)
    assert undo.occurred_at == datetime(2026, 11, 23, 12, 0, 5, tzinfo=UTC)


def test_an_unlike_in_the_same_batch_as_its_like_is_understood() -> None:
    found = hear(a_like(ANN, "l", uri(US, "1")), a_delete(ANN, "l", LIKE))
    assert [each.verb.value for each in found] == ["like", "undo"]


def test_a_delete_of_a_remembered_post_keeps_its_conversation() -> None:
    reader = a_reader()
    reply = only(a_post(ANN, "r", "why?", record=reply_to(US, "2", root=(BEN, "1"))), reader=reader)
    delete = only(a_delete(ANN, "r"), reader=reader)
    assert (delete.verb.value, delete.id, delete.text) == ("delete", reply.id, None)
    assert delete.conversation_id == reply.conversation_id


def test_what_our_own_account_takes_back_is_heard_without_memory() -> None:
    found = hear(a_delete(US, "1"), a_delete(US, "2", LIKE), a_delete(US, "3", FOLLOW))
    assert [(each.verb.value, each.object_id, each.direction.value) for each in found] == [
        ("delete", f"bluesky:{uri(US, '1')}", "outbound"),
        ("undo", None, "outbound"),
        ("undo", None, "outbound"),
    ]


def test_an_edit_that_no_longer_names_us_still_replaces_the_old_words() -> None:
    reader = a_reader()
    hear(a_post(ANN, "m", "@us", record=mention_of(US)), reader=reader)
    edit = only(a_post(ANN, "m", "nothing", operation="update", at_us=NOON_US + 9), reader=reader)
    assert (edit.verb.value, edit.text, edit.account, edit.version) == ("update", "nothing", US, NOON_US + 9)
    assert edit.occurred_at == datetime(2026, 11, 23, 12, 0, 0, 9, tzinfo=UTC)


def test_an_edit_of_an_unknown_post_is_heard_only_when_it_now_concerns_us() -> None:
    reader = a_reader(ears("acme"))
    assert hear(a_post(ANN, "x", "weather", operation="update"), reader=reader) == []
    assert only(a_post(ANN, "x", "acme", operation="update"), reader=reader).verb.value == "update"
    assert only(a_delete(ANN, "x"), reader=reader).verb.value == "delete"


@pytest.mark.parametrize("status", ["deleted", "takendown", "suspended"])
def test_an_account_that_is_gone_takes_back_everything_it_did(status: str) -> None:
    reader = a_reader()
    hear(a_post(ANN, "p", "@us", record=mention_of(US)), a_like(BEN, "l", uri(US, "1")), reader=reader)
    frames = [a_like(ANN, "l", uri(US, "1")), an_account_event(ANN, status)]
    found = hear(*frames, reader=reader)[1:]
    assert sorted((each.verb.value, each.id) for each in found) == [
        ("delete", f"bluesky:{uri(ANN, 'p')}"),
        ("undo", f"bluesky:{uri(ANN, 'l', LIKE)}"),
    ]
    assert {each.version for each in found} == {NOON_US + 60_000_000}


@pytest.mark.parametrize(
    ("status", "active"), [("deactivated", False), ("throttled", False), (None, True), ("deleted", True)]
)
def test_an_account_that_may_come_back_takes_nothing_back(status: str | None, *, active: bool) -> None:
    reader = a_reader()
    hear(a_like(ANN, "l", uri(US, "1")), reader=reader)
    assert hear(an_account_event(ANN, status, active=active), reader=reader) == []


@pytest.mark.parametrize(
    ("said", "occurred_at"),
    [
        ("2026-11-23T11:00:00Z", datetime(2026, 11, 23, 11, tzinfo=UTC)),
        ("2026-11-23T12:04:59Z", datetime(2026, 11, 23, 12, 4, 59, tzinfo=UTC)),
        ("2026-11-23T12:05:01Z", NOON),
        ("2999-01-01T00:00:00Z", NOON),
        ("1999-12-31T23:59:59Z", NOON),
        ("2026-11-23T11:00:00", NOON),
        ("soon", NOON),
        (17, NOON),
        (None, NOON),
    ],
)
def test_an_author_s_clock_is_believed_only_within_reason(said: object, occurred_at: datetime) -> None:
    assert only(a_post(US, "3k", "x", record={"createdAt": said})).occurred_at == occurred_at


@pytest.mark.parametrize("rev", ["", "nonsense", a_tid(NOON_US + 2 * 86_400_000_000), a_tid(5)])
def test_a_revision_that_cannot_be_gives_way_to_the_server_s_time(rev: str) -> None:
    assert only(a_post(US, "3k", "x", rev=rev)).version == NOON_US + 200_000


def test_both_wires_yield_the_same_activities() -> None:
    frames = [
        a_post(US, "1", "news"),
        a_like(ANN, "2", uri(US, "1")),
        a_delete(ANN, "2", LIKE),
        a_post(ANN, "3", "re", record=reply_to(US, "1")),
        an_account_event(ANN, "deleted"),
    ]
    second = [as_v2(frame, seq) for seq, frame in enumerate(frames)]
    assert hear(*frames) == hear(*second, reader=a_reader(wire="v2"))


def test_a_v2_frame_without_a_number_does_not_move_the_cursor() -> None:
    info = {"$type": "message", "payload": {"$type": "x#info", "name": "OutdatedCursor", "message": "clamped"}}
    heard = a_reader(wire="v2").read(encoded(info, as_v2(a_post(US, "1", "x"), 77)))
    assert heard.outdated
    assert [event.seq for event in heard.events] == [None, 77]
    assert heard.first_us == NOON_US + 200_000


def test_a_v2_error_frame_ends_the_stream() -> None:
    heard = a_reader(wire="v2").read(encoded({"$type": "error", "error": "ConsumerTooSlow", "message": "bye"}))
    assert heard.error == "ConsumerTooSlow: bye"


@pytest.mark.parametrize(
    ("frame", "field", "reason"),
    [
        (b"{", "frame", "invalid_json"),
        (b"[]", "frame", "not_an_object"),
        (b"{}", "kind", "missing_field"),
        (b'{"kind":"commit","time_us":true,"did":"d"}', "time_us", "wrong_type"),
        (b'{"kind":"commit","time_us":99999999999999999999,"did":"d"}', "time_us", "wrong_type"),
        (b'{"kind":"commit","time_us":1,"did":"d"}', "commit", "missing_field"),
        (b'{"kind":"commit","time_us":1,"did":5,"commit":{}}', "commit.operation", "missing_field"),
        (encoded(a_commit(US, "1", None))[0], "record", "missing_field"),
        (encoded(a_commit(US, "1", {}))[0], "record.text", "missing_field"),
        (encoded(a_post(US, "1", "x", operation="patch"))[0], "operation", "unknown_value"),
        (encoded(a_commit(ANN, "1", {"subject": 5}, collection=LIKE))[0], "record.subject", "wrong_type"),
        (encoded(a_post(US, "1", "x", record={"reply": "no"}))[0], "record.reply", "wrong_type"),
        (encoded(a_post(US, "1", "broken \ud800"))[0], "record.text", "invalid_unicode"),
        (encoded(a_post(US, "1", "x" * 65_537))[0], "record.text", "too_long"),
        (b'{"did":"d","time_us":1,"kind":"account","account":{"active":"no"}}', "account.active", "wrong_type"),
    ],
)
def test_a_malformed_frame_becomes_a_rejection_and_the_next_is_heard(frame: bytes, field: str, reason: str) -> None:
    heard = a_reader().read([frame, *encoded(a_post(US, "9", "fine"))])
    assert [(each.field, each.reason.value, each.origin) for each in heard.rejected] == [
        (field, reason, "bluesky/bsky")
    ]
    assert (len(heard.accepted), heard.ignored) == (1, 0)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from(["text", "facets", "embed", "reply", "langs", "subject", "createdAt"]), json_values
    ),
    st.dictionaries(st.sampled_from(["did", "time_us", "kind", "commit"]), json_values, max_size=1),
)
def test_no_frame_can_stop_the_reader(record: dict[str, Any], broken: dict[str, Any]) -> None:
    frame = a_post(US, "1", "x", record=record) | broken
    heard = a_reader().read([json.dumps(frame).encode()])
    assert len(heard.accepted) + len(heard.rejected) + heard.ignored == 1


def test_the_index_holds_what_is_published_before_it_is_published() -> None:
    index = FakeIndex()
    heard = a_reader(index=index).read(encoded(a_like(ANN, "l", uri(US, "1")), a_post(ANN, "x", "nothing")))
    assert set(index.entries) == {each.id for each in activities(heard)}


def test_an_account_on_another_channel_is_not_heard_here() -> None:
    elsewhere = Accounts([Account(channel="mastodon", id=US, department="marketing")])
    assert hear(a_post(US, "1", "x"), reader=a_reader(ears(accounts=elsewhere))) == []
