"""Reads one activity in the HTTP form (POST /v1/activities, replay files) into an Activity's fields, or a Rejection.

Hand-written instead of a pydantic model because this is the hottest path of the service and because every refusal
names a reason code. The result is the JSON form of shared.contracts.activity.Activity; a test proves it.
"""

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

from services.ingest.core.addressing import Accounts, Act, Address
from services.ingest.core.fields import (
    INSTANT_CHARACTERS,
    NAME_CHARACTERS,
    Fields,
    InvalidField,
    identifier,
    instant,
    json_type,
    mapping,
    microseconds,
    missing,
    required_identifier,
    text,
    whole_number,
    wrong_type,
)
from services.ingest.core.snapshots import snapshots
from shared.contracts.activity import MAX_COUNT, POST_VERBS, Surface, Verb, wire_time
from shared.contracts.rejection import Reason, Rejection, reject
from shared.contracts.trace import OWN, Tracing

MENTIONS: Final = 1_000
URL_CHARACTERS: Final = 2_048
GREATEST_VERSION: Final = (1 << 61) - 1  # shared.contracts.activity.version_order multiplies by four within 64 bits
EXCERPT_SOURCE_CHARACTERS: Final = 1_000

_ON_THE_WIRE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_CHANNEL = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_URL = re.compile(r"https?://", re.IGNORECASE)
_VERBS: Final = {verb.value: verb for verb in Verb}
_SURFACES: Final = {surface.value: surface for surface in Surface}
_WITH_TEXT: Final = frozenset({Verb.CREATE, Verb.UPDATE})

Choice = TypeVar("Choice")
ActivityFields = dict[str, object]
"""The fields of an Activity as its JSON has them; enumerated ones may still be members, which are strings."""


@dataclass(frozen=True)
class Reading:
    """What submissions of one request or file are read with."""

    accounts: Accounts
    source: str
    origin: str
    received_at: datetime
    tracing: Tracing = OWN
    received_at_wire: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "received_at_wire", wire_time(self.received_at))


def read_submission(item: object, number: int, reading: Reading) -> ActivityFields | Rejection:
    """Return the activity in a parsed JSON value, or why there is none; never raises for what an outsider may send."""
    try:
        return _read(item, reading)
    except InvalidField as wrong:
        return rejection_of(wrong, _excerpt(item), number, reading)


def rejection_of(wrong: InvalidField, raw: str | bytes, number: int, reading: Reading) -> Rejection:
    """Return the Rejection of an item or line; its number stands in the origin."""
    origin = f"{reading.origin}:{number}"
    return reject(wrong.reason, wrong.field, wrong.detail, origin=origin, raw=raw, at=reading.received_at)


def _excerpt(item: object) -> str:
    if isinstance(item, dict):
        shortened = {
            key: value[:INSTANT_CHARACTERS] if isinstance(value, str) else value for key, value in item.items()
        }
        return _dumped(shortened)
    return _dumped(item)


def _dumped(value: object) -> str:
    try:
        return json.dumps(value)[:EXCERPT_SOURCE_CHARACTERS]
    except RecursionError:
        return "(nested too deep to be shown)"


def _read(item: object, reading: Reading) -> ActivityFields:
    if type(item) is not dict:
        raise InvalidField(Reason.NOT_AN_OBJECT, "", f"expected an object, found {json_type(item)}")
    verb = _chosen(item, "verb", _VERBS, Verb.CREATE)
    surface = _chosen(item, "surface", _SURFACES, Surface.PUBLIC)
    channel = _channel(item)
    identity = _identity(item, channel)
    actor = _actor(mapping(item.get("actor"), "actor"))
    said = item.get("occurred_at")
    occurred_at = instant(said, "occurred_at", now=reading.received_at)
    version = whole_number(item.get("version"), "version", limit=GREATEST_VERSION)
    in_reply_to = identifier(item.get("in_reply_to"), "in_reply_to")
    quotes = identifier(item.get("quotes"), "quotes")
    object_id = identity if verb in POST_VERBS else identifier(item.get("object_id"), "object_id")
    mentions = _mentions(item.get("mentions"))
    act = Act(
        channel=channel,
        surface=surface,
        actor=str(actor["id"]),
        objects=(in_reply_to, quotes) if verb in POST_VERBS else (object_id, in_reply_to, quotes),
        names=(identifier(item.get("account"), "account"), *mentions),
    )
    address: Address = reading.accounts.address(act)
    return {
        "id": identity,
        "verb": verb,
        "object_id": object_id,
        "version": microseconds(occurred_at) if version is None else version,
        "channel": channel,
        "surface": surface,
        "direction": address.direction,
        "source": reading.source,
        # Most clients send exactly what would be written; formatting an instant costs more than looking at it.
        "occurred_at": said if _ON_THE_WIRE.fullmatch(str(said)) else wire_time(occurred_at),
        "received_at": reading.received_at_wire,
        "actor": actor,
        "text": _text(item, verb),
        "language": identifier(item.get("language"), "language", limit=INSTANT_CHARACTERS),
        "url": _url(item.get("url")),
        "conversation_id": _conversation(item, verb, in_reply_to, identity),
        "in_reply_to": in_reply_to,
        "quotes": quotes,
        "mentions": list(dict.fromkeys([_as_account_id(reading.accounts, channel, each) for each in mentions])),
        "account": address.account,
        "department": address.department,
        "snapshots": snapshots(item.get("snapshots"), verb, occurred_at, now=reading.received_at),
    }


def _chosen(item: Fields, name: str, choices: dict[str, Choice], default: Choice) -> Choice:
    value = item.get(name)
    if value is None:
        return default
    if type(value) is not str:
        raise wrong_type(name, "a string", value)
    chosen = choices.get(value)
    if chosen is None:
        raise InvalidField(Reason.UNKNOWN_VALUE, name, f"expected one of {', '.join(choices)}")
    return chosen


def _channel(item: Fields) -> str:
    channel = required_identifier(item.get("channel"), "channel")
    if _CHANNEL.fullmatch(channel) is None:
        raise InvalidField(
            Reason.UNKNOWN_VALUE, "channel", "expected up to 64 of a-z, 0-9, _ and -, beginning with a letter or digit"
        )
    return channel


def _identity(item: Fields, channel: str) -> str:
    """Return the id; it begins with its channel, so that ids of two channels never meet."""
    given = identifier(item.get("id"), "id")
    native = identifier(item.get("native_id"), "native_id")
    if given is None:
        if native is None:
            raise missing("id", "id is required, or channel and native_id")
        return f"{channel}:{native}"
    if not given.startswith(f"{channel}:") or len(given) == len(channel) + 1:
        raise InvalidField(Reason.UNKNOWN_VALUE, "id", f"expected an id that begins with its channel: {channel}:…")
    return given


def _actor(held: Fields) -> dict[str, object]:
    return {
        "id": required_identifier(held.get("id"), "actor.id"),
        "handle": identifier(held.get("handle"), "actor.handle", limit=NAME_CHARACTERS),
        "name": text(held.get("name"), "actor.name", limit=NAME_CHARACTERS),
        "followers": whole_number(held.get("followers"), "actor.followers", limit=MAX_COUNT),
    }


def _text(item: Fields, verb: Verb) -> str | None:
    found = text(item.get("text"), "text")
    if verb not in _WITH_TEXT:
        return None
    if found is None:
        raise missing("text", f"is required for {verb.value}; a post without words has an empty text")
    return found


def _url(value: object) -> str | None:
    url = identifier(value, "url", limit=URL_CHARACTERS)
    if url is not None and _URL.match(url) is None:
        raise InvalidField(Reason.UNKNOWN_VALUE, "url", "expected an address that begins with http:// or https://")
    return url


def _conversation(item: Fields, verb: Verb, in_reply_to: str | None, identity: str) -> str | None:
    given = identifier(item.get("conversation_id"), "conversation_id")
    if given is not None or verb not in POST_VERBS:
        return given
    return in_reply_to or identity


def _mentions(value: object) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong_type("mentions", "an array of strings", value)
    if len(value) > MENTIONS:
        raise InvalidField(Reason.TOO_MANY, "mentions", f"expected at most {MENTIONS} mentions, found {len(value)}")
    return list(dict.fromkeys([required_identifier(each, "mentions") for each in value]))


def _as_account_id(accounts: Accounts, channel: str, mention: str) -> str:
    ours = accounts.named(channel, mention)
    return mention if ours is None else ours.id
