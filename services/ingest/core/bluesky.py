"""What a Jetstream event means to the organisation: an Activity, or nothing when it concerns nobody we listen for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.ingest.core import fields
from services.ingest.core.addressing import AMBIENT, Accounts, Act, Address
from services.ingest.core.bluesky_post import PostParts, read_post
from services.ingest.core.fields import EARLIEST, InvalidField, at_microseconds, mapping, microseconds
from services.ingest.core.jetstream import Event, Kind
from services.ingest.core.known import Known
from services.ingest.core.terms import TermFinder
from services.ingest.core.tid import tid_microseconds
from services.ingest.core.times import declared_instant
from shared.contracts.activity import Activity, Actor, Direction, Surface, Verb
from shared.contracts.rejection import Reason

CHANNEL: Final = "bluesky"
POST: Final = "app.bsky.feed.post"
FOLLOW: Final = "app.bsky.graph.follow"
REACTIONS: Final = {
    "app.bsky.feed.like": Verb.LIKE,
    "app.bsky.feed.repost": Verb.ANNOUNCE,
    FOLLOW: Verb.FOLLOW,
}
GONE: Final = frozenset({"deleted", "takendown", "suspended"})
CLOCK_AHEAD: Final = timedelta(minutes=5)
REV_AHEAD_US: Final = 86_400_000_000


@dataclass(frozen=True)
class Ears:
    """Whom and what a source listens for."""

    source: str
    accounts: Accounts
    terms: TermFinder


def activity_id(event: Event) -> str:
    """Return the id of what a commit is about."""
    return f"{CHANNEL}:{event.uri}"


def is_heard(event: Event) -> bool:
    """Tell whether an event is of a kind that can concern anybody."""
    if event.commit is None:
        return is_removal_of_account(event)
    return event.commit.collection == POST or event.commit.collection in REACTIONS


def needs_memory(event: Event) -> bool:
    """Tell whether an event can only be understood with what is known of its id."""
    return event.commit is not None and event.commit.operation in {"update", "delete"} and is_heard(event)


def is_removal_of_account(event: Event) -> bool:
    """Tell whether an event takes back everything an actor ever did."""
    return event.kind is Kind.ACCOUNT and not event.active and event.status in GONE


def interpret(event: Event, known: Known | None, ears: Ears, received_at: datetime) -> Activity | None:
    """Return the activity of a commit, None when it concerns nobody. Raises InvalidField for a malformed record."""
    commit = event.commit
    if commit is None or not is_heard(event):
        return None
    if commit.operation == "delete":
        return _removal(event, known, ears, received_at)
    if commit.operation not in {"create", "update"}:
        raise InvalidField(Reason.UNKNOWN_VALUE, "operation", "expected create, update or delete")
    if commit.collection == POST:
        return _post(event, known, ears, received_at)
    return _reaction(event, ears, received_at)


def removals(event: Event, known: Iterable[Known], ears: Ears, received_at: datetime) -> Sequence[Activity]:
    """Return a delete or undo for everything known of an account that is gone."""
    return [_taken_back(each, event.at_us, ears, received_at) for each in known]


def event_us(event: Event) -> int:
    """Return the time of a commit in microseconds: its revision's, which is the same on every host and wire."""
    from_rev = tid_microseconds(event.commit.rev) if event.commit else None
    earliest_us = microseconds(EARLIEST)
    if from_rev is None or not earliest_us <= from_rev <= event.time_us + REV_AHEAD_US:
        return event.time_us
    return from_rev


def _event_at(event: Event) -> datetime:
    return at_microseconds(event_us(event)) or EARLIEST


def _occurred_at(event: Event, record: Mapping[str, object]) -> datetime:
    """Return when the author says it happened, unless that cannot be: the author's clock is not ours to trust."""
    at = _event_at(event)
    declared = declared_instant(record.get("createdAt"))
    return at if declared is None or not EARLIEST <= declared <= at + CLOCK_AHEAD else declared


def _post(event: Event, known: Known | None, ears: Ears, received_at: datetime) -> Activity | None:
    commit = event.commit
    record = mapping(commit.record if commit else None, "record")
    parts = read_post(record)
    address = ears.accounts.address(
        Act(CHANNEL, Surface.PUBLIC, event.did, (parts.in_reply_to, parts.quotes), parts.mentions)
    )
    is_update = commit is not None and commit.operation == "update"
    if address is AMBIENT and known is not None and is_update:
        # It concerned us before the edit: what is stored must not keep the old words, nor lose whom it addressed.
        address = Address(known.direction, known.account, known.department)
    elif address is AMBIENT and not ears.terms.found(parts.text):
        return None
    occurred_at = _event_at(event) if is_update else _occurred_at(event, record)
    return _post_activity(event, parts, address, ears, (occurred_at, received_at))


def _post_activity(
    event: Event, parts: PostParts, address: Address, ears: Ears, times: tuple[datetime, datetime]
) -> Activity:
    identity = activity_id(event)
    is_update = event.commit is not None and event.commit.operation == "update"
    rkey = event.commit.rkey if event.commit else ""
    return Activity(
        id=identity,
        verb=Verb.UPDATE if is_update else Verb.CREATE,
        object_id=identity,
        version=event_us(event),
        channel=CHANNEL,
        direction=address.direction,
        source=ears.source,
        occurred_at=times[0],
        received_at=times[1],
        actor=Actor(id=event.did),
        text=parts.text,
        language=parts.language,
        url=f"https://bsky.app/profile/{event.did}/post/{rkey}",
        conversation_id=parts.root or parts.in_reply_to or identity,
        in_reply_to=parts.in_reply_to,
        quotes=parts.quotes,
        mentions=parts.mentions,
        account=address.account,
        department=address.department,
    )


def _reaction(event: Event, ears: Ears, received_at: datetime) -> Activity | None:
    record = mapping(event.commit.record if event.commit else None, "record")
    collection = event.commit.collection if event.commit else ""
    object_id = f"{CHANNEL}:{_subject(record, collection)}"
    address = ears.accounts.address(Act(CHANNEL, Surface.PUBLIC, event.did, (object_id,)))
    if address is AMBIENT:
        return None
    return Activity(
        id=activity_id(event),
        verb=REACTIONS[collection],
        object_id=object_id,
        version=event_us(event),
        channel=CHANNEL,
        direction=address.direction,
        source=ears.source,
        occurred_at=_occurred_at(event, record),
        received_at=received_at,
        actor=Actor(id=event.did),
        account=address.account,
        department=address.department,
    )


def _subject(record: Mapping[str, object], collection: str) -> str:
    if collection == FOLLOW:
        return fields.required_identifier(record.get("subject"), "record.subject")
    return fields.required_identifier(mapping(record.get("subject"), "record.subject").get("uri"), "record.subject.uri")


def _removal(event: Event, known: Known | None, ears: Ears, received_at: datetime) -> Activity | None:
    """Return the delete or undo of something known, or of anything one of our own accounts takes back."""
    if known is None:
        own = ears.accounts.of_actor(CHANNEL, event.did)
        if own is None or event.commit is None:
            return None
        is_post = event.commit.collection == POST
        identity = activity_id(event)
        known = Known(
            id=identity,
            verb=Verb.CREATE if is_post else REACTIONS[event.commit.collection],
            actor=event.did,
            object_id=identity if is_post else None,
            conversation_id=identity if is_post else None,
            channel=CHANNEL,
            surface=Surface.PUBLIC,
            direction=Direction.OUTBOUND,
            account=own.id,
            department=own.department,
        )
    return _taken_back(known, event_us(event), ears, received_at)


def _taken_back(known: Known, at_us: int, ears: Ears, received_at: datetime) -> Activity:
    is_post = known.verb in {Verb.CREATE, Verb.UPDATE, Verb.DELETE}
    return Activity(
        id=known.id,
        verb=Verb.DELETE if is_post else Verb.UNDO,
        object_id=known.object_id,
        version=at_us,
        channel=known.channel,
        surface=known.surface,
        direction=known.direction,
        source=ears.source,
        occurred_at=at_microseconds(at_us) or received_at,
        received_at=received_at,
        actor=Actor(id=known.actor),
        conversation_id=known.conversation_id,
        account=known.account,
        department=known.department,
    )
