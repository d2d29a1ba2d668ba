"""Slack's Events API: signatures, and what each event means."""

import contextlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.core.addressing import Accounts
from services.ingest.core.fields import InvalidField
from services.ingest.core.signature import sign, signature_problem
from services.ingest.core.slack import Workspace, interpret
from shared.contracts.activity import Activity, Surface
from shared.contracts.configuration import Account

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ACCOUNTS = Accounts([Account(channel="slack", id="U0US", department="it")])
TS = "1795435100.000100"
TS_US = 1_795_435_100_000_100
ROOT = "1795435000.000001"


def an_event(**event: object) -> dict[str, Any]:
    return {"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event": event}


def a_message(**changes: object) -> dict[str, Any]:
    given = {"type": "message", "channel": "C1", "user": "U1", "text": "hi", "ts": TS, "event_ts": TS} | changes
    return an_event(**{key: value for key, value in given.items() if value is not ...})


def a_change(message: dict[str, Any], previous: dict[str, Any] | None) -> dict[str, Any]:
    return an_event(
        type="message", subtype="message_changed", channel="C1", message=message, previous_message=previous,
        ts="1795435150.000001", event_ts="1795435150.000001",
    )  # fmt: skip


def heard(envelope: dict[str, Any], surface: str = "internal") -> Activity | None:
    return interpret(envelope, Workspace("chat", Surface(surface), ACCOUNTS), NOW)


def activity(envelope: dict[str, Any], surface: str = "internal") -> Activity:
    found = heard(envelope, surface)
    assert found is not None
    return found


def test_a_message_is_an_inbound_internal_post() -> None:
    assert activity(a_message()).model_dump(mode="json", exclude_none=True) == {
        "id": f"slack:T1/C1/{TS}",
        "verb": "create",
        "object_id": f"slack:T1/C1/{TS}",
        "version": TS_US,
        "channel": "slack",
        "surface": "internal",
        "direction": "inbound",
        "source": "chat",
        "occurred_at": "2026-11-23T11:58:20.000100Z",
        "received_at": "2026-11-23T12:00:00.000Z",
        "actor": {"id": "U1"},
        "text": "hi",
        "conversation_id": f"slack:T1/C1/{TS}",
        "mentions": [],
        "snapshots": [],
    }


def test_a_reply_in_a_thread_stands_in_the_conversation_of_its_root() -> None:
    reply = activity(a_message(thread_ts=ROOT, parent_user_id="U0US"))
    assert (reply.conversation_id, reply.in_reply_to) == (f"slack:T1/C1/{ROOT}", f"slack:T1/C1/{ROOT}")
    assert (reply.account, reply.department) == ("U0US", "it")


def test_the_root_of_a_thread_replies_to_nothing() -> None:
    assert activity(a_message(thread_ts=TS)).in_reply_to is None


@pytest.mark.parametrize("subtype", ["thread_broadcast", "file_share", "me_message", ""])
def test_what_a_person_wrote_is_a_post_whatever_slack_calls_it(subtype: str) -> None:
    assert activity(a_message(subtype=subtype, thread_ts=ROOT)).verb.value == "create"


@pytest.mark.parametrize(
    "envelope",
    [
        a_message(bot_id="B1"),
        a_message(subtype="bot_message", user=...),
        a_message(subtype="channel_join"),
        a_message(subtype="message_replied"),
        an_event(type="channel_rename"),
        an_event(type="reaction_added", item={"type": "file"}, user="U1", reaction="x", event_ts=TS),
        a_change({"bot_id": "B1", "text": "new", "ts": TS, "user": "U1"}, {"text": "old", "ts": TS}),
        a_change({"text": "same", "ts": TS, "user": "U1"}, {"text": "same", "ts": TS, "user": "U1"}),
        an_event(type="message", subtype="message_deleted", channel="C1", deleted_ts=TS, event_ts=TS,
                 previous_message={"bot_id": "B1", "ts": TS}),
    ],
)  # fmt: skip
def test_bots_and_housekeeping_are_ignored(envelope: dict[str, Any]) -> None:
    assert heard(envelope) is None


def test_an_edit_is_an_update_of_the_same_id_with_the_time_of_the_edit() -> None:
    edited = {"user": "U1", "ts": "1795435140.000000"}
    update = activity(a_change({"text": "new", "ts": TS, "user": "U1", "edited": edited}, {"text": "hi", "ts": TS}))
    assert (update.verb.value, update.id, update.text) == ("update", f"slack:T1/C1/{TS}", "new")
    assert update.version == 1_795_435_140_000_000


def test_an_edit_without_its_predecessor_is_still_an_edit() -> None:
    assert activity(a_change({"text": "new", "ts": TS, "user": "U1"}, None)).version == 1_795_435_150_000_001


def test_a_delete_takes_back_the_message_in_its_thread() -> None:
    delete = activity(
        an_event(type="message", subtype="message_deleted", channel="C1", deleted_ts=TS, event_ts="1795435160.000000",
                 ts="1795435160.000000", previous_message={"user": "U1", "ts": TS, "thread_ts": ROOT, "text": "hi"})
    )  # fmt: skip
    assert (delete.verb.value, delete.id, delete.text) == ("delete", f"slack:T1/C1/{TS}", None)
    assert (delete.conversation_id, delete.actor.id) == (f"slack:T1/C1/{ROOT}", "U1")
    assert delete.version == 1_795_435_160_000_000


def test_a_delete_that_does_not_say_what_was_deleted_by_whom_is_heard() -> None:
    delete = activity(an_event(type="message", subtype="message_deleted", channel="C1", deleted_ts=TS, event_ts=TS))
    assert (delete.verb.value, delete.actor.id) == ("delete", "unknown")


def test_a_deleted_root_with_replies_is_a_delete() -> None:
    tombstone = {"subtype": "tombstone", "ts": TS, "thread_ts": TS, "user": "USLACKBOT", "text": "deleted"}
    assert activity(a_change(tombstone, {"user": "U1", "ts": TS, "text": "hi"})).verb.value == "delete"


def test_a_reaction_and_its_removal_share_an_id() -> None:
    reaction = {
        "user": "U1",
        "reaction": "+1",
        "item": {"type": "message", "channel": "C1", "ts": TS},
        "item_user": "U0US",
    }
    like = activity(an_event(type="reaction_added", event_ts="1795435120.000000", **reaction))
    undo = activity(an_event(type="reaction_removed", event_ts="1795435130.000000", **reaction))
    assert like.id == undo.id == f"slack:T1/C1/{TS}/U1/+1"
    assert (like.verb.value, undo.verb.value, like.object_id) == ("like", "undo", f"slack:T1/C1/{TS}")
    assert undo.version - like.version == 10_000_000
    assert (like.direction.value, like.account) == ("inbound", "U0US")


def test_our_own_account_is_outbound() -> None:
    ours = activity(a_message(user="U0US"))
    assert (ours.direction.value, ours.account, ours.department) == ("outbound", "U0US", "it")


def test_mentions_are_ids_and_entities_are_read() -> None:
    post = activity(a_message(text="<@U0US> &amp; <@W2|ben>: 1 &lt; 2 &amp;lt; 3 <@U0US>"))
    assert post.mentions == ("U0US", "W2")
    assert post.text == "<@U0US> & <@W2|ben>: 1 < 2 &lt; 3 <@U0US>"
    assert post.account == "U0US"


def test_a_public_workspace_is_ambient_where_nobody_of_us_is_named() -> None:
    assert activity(a_message(), "public").direction.value == "ambient"


def test_a_mention_event_and_its_message_are_one_activity() -> None:
    assert activity(a_message(type="app_mention")) == activity(a_message())


@pytest.mark.parametrize(
    ("envelope", "field", "reason"),
    [
        ({"type": "event_callback"}, "event", "missing_field"),
        ({"type": "event_callback", "event": "x"}, "event", "wrong_type"),
        ({"event": a_message()["event"]}, "team_id", "missing_field"),
        (a_message(user=...), "event.user", "missing_field"),
        (a_message(text=...), "event.text", "missing_field"),
        (a_message(channel=5), "event.channel", "wrong_type"),
        (a_message(ts=...), "event.ts", "missing_field"),
        (a_message(ts="now"), "event.ts", "invalid_timestamp"),
        (a_message(ts="1.5e9"), "event.ts", "invalid_timestamp"),
        (a_message(ts="123.000000"), "event.ts", "timestamp_out_of_range"),
        (a_message(ts="999999999999.000000"), "event.ts", "timestamp_out_of_range"),
        (an_event(type="reaction_added"), "event.item", "missing_field"),
    ],
)
def test_a_malformed_event_is_named(envelope: dict[str, Any], field: str, reason: str) -> None:
    with pytest.raises(InvalidField) as raised:
        heard(envelope)
    assert (raised.value.field, raised.value.reason.value) == (field, reason)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just(TS),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["ts", "text", "user"]), inner, max_size=3)
    ),
    max_leaves=6,
)
keys = st.sampled_from(["type", "subtype", "user", "text", "ts", "thread_ts", "channel", "message", "previous_message",
                        "item", "edited", "event_ts", "bot_id"])  # fmt: skip


@given(st.dictionaries(keys, json_values), st.sampled_from(["message_changed", "message_deleted", ""]))
def test_no_event_raises_anything_but_its_own_fault(changes: dict[str, Any], subtype: str) -> None:
    with contextlib.suppress(InvalidField):
        heard(a_message(**{"subtype": subtype, "message": {"ts": TS, "user": "U1", "text": "x"}, **changes}))


@pytest.mark.data
def test_every_official_sample_is_an_activity_ignored_or_named(shared_folder: Path) -> None:
    outcomes: dict[str, str] = {}
    for path in sorted((shared_folder / "payloads/slack/java-sdk/events").glob("*.json")):
        try:
            found = heard(json.loads(path.read_bytes()))
            outcomes[path.stem.removesuffix("Payload")] = found.verb.value if found else "ignored"
        except InvalidField as wrong:
            outcomes[path.stem.removesuffix("Payload")] = wrong.field
    # The samples hold empty placeholders, so the ones we hear are told which placeholder they lack first.
    assert {name: outcome for name, outcome in outcomes.items() if outcome != "ignored"} == {
        "AppMention": "team_id", "Message": "team_id", "MessageChanged": "team_id", "MessageDeleted": "team_id",
        "MessageFileShare": "team_id", "MessageMe": "team_id", "MessageThreadBroadcast": "team_id",
        "ReactionAdded": "team_id", "ReactionRemoved": "team_id",
    }  # fmt: skip


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "verb"),
    [("Message", "create"), ("MessageThreadBroadcast", "create"), ("MessageFileShare", "create"),
     ("MessageMe", "create"), ("MessageDeleted", "delete"), ("MessageChanged", "update"), ("AppMention", "create"),
     ("ReactionAdded", "like"), ("ReactionRemoved", "undo"), ("MessageBot", None)],
)  # fmt: skip
def test_official_samples_with_their_placeholders_filled_mean_what_they_say(
    shared_folder: Path, name: str, verb: str | None
) -> None:
    sample = json.loads((shared_folder / f"payloads/slack/java-sdk/events/{name}Payload.json").read_bytes())
    envelope = filled(sample)
    assert isinstance(envelope, dict)
    found = heard(envelope)
    assert (found.verb.value if found else None) == verb
    if found:
        assert found.id.startswith(f"slack:T1/C1/{TS}")


def filled(sample: object) -> object:
    """Give the placeholders of an SDK sample a value; a person, not a bot, wrote it unless it says so itself."""
    values = {"team_id": "T1", "channel": "C1", "user": "U1", "reaction": "+1", "text": "words", "bot_id": ""}
    if isinstance(sample, list):
        return [filled(each) for each in sample]
    if not isinstance(sample, dict):
        return sample
    found = {key: filled(value) for key, value in sample.items()}
    found |= {key: values[key] for key in found if key in values and not isinstance(found[key], dict)}
    found |= {key: TS for key in ("ts", "event_ts", "deleted_ts", "latest_reply") if key in found}
    if "thread_ts" in found:
        found["thread_ts"] = ""
    previous = found.get("previous_message")
    if isinstance(previous, dict):
        previous["text"] = "other words"
    return found


SECRET = "8f742231b10e8888abcd99yyyzzz85a5"


def test_a_genuine_and_fresh_request_passes() -> None:
    assert (
        signature_problem(b"body", "1795435200", sign(b"body", "1795435200", SECRET), SECRET, 1_795_435_200 + 299)
        is None
    )


@pytest.mark.parametrize(
    ("timestamp", "signature"),
    [
        (None, None),
        ("1795435200", None),
        (None, "v0=00"),
        ("", ""),
        ("soon", "v0=00"),
        ("１７９５４３５２００", "v0=00"),
        ("-1795435200", "v0=00"),
        ("1795435200.5", "v0=00"),
        ("9" * 400, "v0=00"),
        ("1795435200", "v0=00"),
        ("1795435200", "v0=é\udcff"),
        ("1795435200", sign(b"other body", "1795435200", SECRET)),
        ("1795435200", sign(b"body", "1795435200", "other secret")),
        ("1795435200", sign(b"body", "1795435201", SECRET)),
        ("1795434899", sign(b"body", "1795434899", SECRET)),
        ("1795435501", sign(b"body", "1795435501", SECRET)),
    ],
)
def test_a_forged_old_or_garbled_signature_is_refused_and_never_raises(
    timestamp: str | None, signature: str | None
) -> None:
    assert signature_problem(b"body", timestamp, signature, SECRET, 1_795_435_200) is not None


def test_the_signature_is_the_one_slack_documents() -> None:
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name="
        b"foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2F"
        b"hooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445"
        b"629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    assert sign(body, "1531420618", SECRET) == "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
