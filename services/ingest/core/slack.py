"""What an event of Slack's Events API means: activities, nothing, a challenge to answer, or a malformed event."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.ingest.core import fields
from services.ingest.core.addressing import Accounts, Act
from services.ingest.core.fields import AHEAD, EARLIEST, Fields, InvalidField, at_microseconds, mapping, missing
from shared.contracts.activity import Activity, Actor, Surface, Verb
from shared.contracts.rejection import Reason

CHANNEL: Final = "slack"
MESSAGES: Final = frozenset({"message", "app_mention"})
REACTIONS: Final = {"reaction_added": Verb.LIKE, "reaction_removed": Verb.UNDO}
CHANGED: Final = "message_changed"
DELETED: Final = "message_deleted"
POSTED: Final = frozenset({"", "thread_broadcast", "file_share", "me_message"})
HEARD: Final = POSTED | {CHANGED, DELETED}
UNKNOWN_USER: Final = "unknown"
MENTIONS: Final = 1_000
_TS = re.compile(r"(\d{1,12})\.(\d{1,6})")
_MENTION = re.compile(r"<@([A-Z0-9]{2,64})(?:\|[^>]*)?>")


@dataclass(frozen=True)
class Workspace:
    """What a Slack source listens with."""

    source: str
    surface: Surface
    accounts: Accounts


@dataclass(frozen=True)
class Message:
    """Where a message stands: ids of the message and of the root of its thread, which is itself outside threads."""

    id: str
    root: str

    @property
    def parent(self) -> str | None:
        """What the message replies to: the root of its thread."""
        return self.root if self.root != self.id else None


def interpret(envelope: Fields, workspace: Workspace, received_at: datetime) -> Activity | None:
    """Return the activity of an event_callback, None when the event is not one we hear. Raises InvalidField."""
    event = mapping(envelope.get("event"), "event")
    kind = fields.required_identifier(event.get("type"), "event.type")
    subtype = fields.identifier(event.get("subtype"), "event.subtype") or ""
    if kind in MESSAGES and (subtype not in HEARD or event.get("bot_id")):
        return None
    if kind not in MESSAGES and kind not in REACTIONS:
        return None
    team = fields.required_identifier(envelope.get("team_id"), "team_id")
    if kind in REACTIONS:
        return _reaction(event, team, workspace, received_at)
    if subtype == CHANGED:
        return _changed(event, team, workspace, received_at)
    if subtype == DELETED:
        previous = event.get("previous_message")
        held = previous if isinstance(previous, dict) else {}
        return _deleted(event, {**held, "ts": event.get("deleted_ts")}, team, workspace, received_at)
    return _post(Verb.CREATE, event, event, team, workspace, received_at)


def _post(  # verb, event and message differ for a new post and an edit
    verb: Verb, event: Fields, message: Fields, team: str, workspace: Workspace, received_at: datetime
) -> Activity:
    user = fields.required_identifier(message.get("user"), "event.user")
    where = _where(message, event.get("channel"), team)
    raw = fields.text(message.get("text"), "event.text")
    if raw is None:
        raise missing("event.text")
    mentions = tuple(dict.fromkeys(_MENTION.findall(raw)))[:MENTIONS]
    version = _ts_us(_edit_ts(event, message) if verb is Verb.UPDATE else message.get("ts"), "event.ts", received_at)
    parent_user = message.get("parent_user_id")
    address = workspace.accounts.address(
        Act(CHANNEL, workspace.surface, user, names=(parent_user if isinstance(parent_user, str) else None, *mentions))
    )
    return Activity(
        id=where.id,
        verb=verb,
        object_id=where.id,
        version=version,
        channel=CHANNEL,
        surface=workspace.surface,
        direction=address.direction,
        source=workspace.source,
        occurred_at=_at(version),
        received_at=received_at,
        actor=Actor(id=user),
        text=_unescaped(raw),
        conversation_id=where.root,
        in_reply_to=where.parent,
        mentions=mentions,
        account=address.account,
        department=address.department,
    )


def _changed(event: Fields, team: str, workspace: Workspace, received_at: datetime) -> Activity | None:
    """Return the edit; link previews and language detection change a message too, but none of its words."""
    message = mapping(event.get("message"), "event.message")
    previous = event.get("previous_message")
    before = previous if isinstance(previous, dict) else {}
    if message.get("bot_id"):
        return None
    if message.get("subtype") == "tombstone":
        return _deleted(event, {**before, **message, "subtype": before.get("subtype")}, team, workspace, received_at)
    if (message.get("subtype") or "") not in POSTED:
        return None
    if _edited_ts(message) == _edited_ts(before) and message.get("text") == before.get("text"):
        return None
    return _post(Verb.UPDATE, event, message, team, workspace, received_at)


def _deleted(event: Fields, message: Fields, team: str, workspace: Workspace, received_at: datetime) -> Activity | None:
    if message.get("bot_id") or (message.get("subtype") or "") not in POSTED:
        return None
    where = _where(message, event.get("channel"), team)
    user = fields.identifier(message.get("user"), "event.previous_message.user") or UNKNOWN_USER
    version = _ts_us(event.get("event_ts") or event.get("ts"), "event.event_ts", received_at)
    address = workspace.accounts.address(Act(CHANNEL, workspace.surface, user))
    return Activity(
        id=where.id,
        verb=Verb.DELETE,
        object_id=where.id,
        version=version,
        channel=CHANNEL,
        surface=workspace.surface,
        direction=address.direction,
        source=workspace.source,
        occurred_at=_at(version),
        received_at=received_at,
        actor=Actor(id=user),
        conversation_id=where.root,
        in_reply_to=where.parent,
        account=address.account,
        department=address.department,
    )


def _reaction(event: Fields, team: str, workspace: Workspace, received_at: datetime) -> Activity | None:
    item = mapping(event.get("item"), "event.item")
    if item.get("type") != "message":
        return None
    user = fields.required_identifier(event.get("user"), "event.user")
    emoji = fields.required_identifier(event.get("reaction"), "event.reaction")
    target = _where(item, item.get("channel"), team).id
    author = event.get("item_user")
    version = _ts_us(event.get("event_ts"), "event.event_ts", received_at)
    address = workspace.accounts.address(
        Act(CHANNEL, workspace.surface, user, names=(author if isinstance(author, str) else None,))
    )
    return Activity(
        id=f"{target}/{user}/{emoji}",
        verb=REACTIONS[str(event.get("type"))],
        object_id=target,
        version=version,
        channel=CHANNEL,
        surface=workspace.surface,
        direction=address.direction,
        source=workspace.source,
        occurred_at=_at(version),
        received_at=received_at,
        actor=Actor(id=user),
        account=address.account,
        department=address.department,
    )


def _where(message: Fields, channel: object, team: str) -> Message:
    place = f"{CHANNEL}:{team}/{fields.required_identifier(channel, 'event.channel')}"
    ts = _ts(message.get("ts"), "event.ts")
    thread = message.get("thread_ts")
    return Message(f"{place}/{ts}", f"{place}/{_ts(thread, 'event.thread_ts') if thread else ts}")


def _ts(value: object, field: str) -> str:
    """Return a Slack timestamp as it came: it is an identifier, so it stays a string."""
    ts = fields.required_identifier(value, field)
    if _TS.fullmatch(ts) is None:
        raise InvalidField(
            Reason.INVALID_TIMESTAMP, field, "expected seconds.microseconds, for example 1355517523.000005"
        )
    return ts


def _ts_us(value: object, field: str, now: datetime) -> int:
    seconds, _, fraction = _ts(value, field).partition(".")
    microseconds = int(seconds) * 1_000_000 + int(fraction.ljust(6, "0"))
    at = at_microseconds(microseconds)
    if at is None or not EARLIEST <= at <= now + AHEAD:
        raise InvalidField(Reason.TIMESTAMP_OUT_OF_RANGE, field, "expected 2000-01-01 to one day ahead of now")
    return microseconds


def _at(version: int) -> datetime:
    return at_microseconds(version) or EARLIEST


def _edited_ts(message: Mapping[str, object]) -> object:
    edited = message.get("edited")
    return edited.get("ts") if isinstance(edited, dict) else None


def _edit_ts(event: Fields, message: Fields) -> object:
    return _edited_ts(message) or event.get("event_ts") or event.get("ts")


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
