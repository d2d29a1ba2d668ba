"""Post: one row per activity id, holding its newest content and, when it is an item, its work state."""

import base64
import hashlib
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from shared.contracts.activity import Actor, Direction, Frozen, Instant, Surface

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)


class State(StrEnum):
    """Where an item stands."""

    NEW = "new"
    CLAIMED = "claimed"
    ANSWERED = "answered"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"


OPEN_STATES: Final = frozenset({State.NEW, State.CLAIMED})
"""States of items that somebody still has to look at."""
WAITING_STATES: Final = OPEN_STATES | {State.SNOOZED}
"""States that a response turns into `answered`."""


def microseconds(at: datetime) -> int:
    """Return an instant as microseconds since 1970 in UTC: exact, and sortable in every database."""
    return (at - EPOCH) // MICROSECOND


def instant(at_us: int) -> datetime:
    """Return the instant of `microseconds`."""
    return EPOCH + timedelta(microseconds=at_us)


def item_name(activity_id: str) -> str:
    """Return the opaque, URL-safe name of an activity's item: the same for ever, 26 characters of base32."""
    digest = hashlib.sha256(activity_id.encode("utf-8", "surrogatepass")).digest()[:16]
    return base64.b32encode(digest).decode().rstrip("=").lower()


class Facets(NamedTuple):
    """What filters look at."""

    department: str
    intent: str
    sentiment: str
    state: str
    surface: str


@dataclass(frozen=True, slots=True)
class Post:
    """The newest known version of one post. `state` is None while it is no item: outbound, or removed.

    A removed post stays as a tombstone without content, so that its older versions, arriving late, leave nothing.
    `occurred_at_us` and `received_at_us` are those of the oldest version heard: an edit never moves a post.
    `waiting_us` is when the author wrote again after our answer; `urgency`, `due_us` and `risk_us` follow from the rest
    and the configuration (core/priority.py), kept so that the database can sort by them.
    """

    id: str
    item: str
    version_order: int
    alive: bool
    first_order: int | None
    occurred_at_us: int
    received_at_us: int
    direction: str
    surface: str
    channel: str
    conversation: str
    conversation_id: str | None = None
    in_reply_to: str | None = None
    account: str | None = None
    owner_department: str | None = None
    actor: str = "{}"
    text: str = ""
    language: str | None = None
    url: str | None = None
    department: str = ""
    intent: str = ""
    sentiment: str = ""
    probability: float = 0.0
    unsure: bool = False
    suggested_department: str | None = None
    suggested_intent: str | None = None
    labelled_by: str | None = None
    state: str | None = None
    owner: str | None = None
    lease_until_us: int | None = None
    snoozed_until_us: int | None = None
    version: int = 0
    actor_id: str = ""
    waiting_us: int | None = None
    urgency: int = 0
    due_us: int | None = None
    risk_us: int | None = None

    @property
    def is_response(self) -> bool:
        """Tell whether this post of ours answers another one."""
        return self.alive and self.direction == Direction.OUTBOUND and self.in_reply_to is not None

    @property
    def clock_us(self) -> int:
        """Since when its author waits for a word from us."""
        return self.occurred_at_us if self.waiting_us is None else self.waiting_us

    def facets(self) -> Facets | None:
        """Return what filters look at; None when the post is no item."""
        if self.state is None:
            return None
        return Facets(self.department, self.intent, self.sentiment, self.state, self.surface)


POST_FIELDS: Final = tuple(field.name for field in fields(Post))


class PriorityReason(Frozen):
    """Why an item is urgent, in words, and how much that counts."""

    reason: str
    points: int


class Standing(Frozen):
    """How urgent an item is at one instant."""

    priority: int = 0
    priority_reasons: tuple[PriorityReason, ...] = ()
    due_at: Instant | None = None
    seconds_left: int | None = None
    at_risk: bool = False


NO_STANDING: Final = Standing()


class Item(Standing):
    """An item as clients see it (design.md section 6; fields may be added, none renamed)."""

    item: str
    id: str
    state: State
    owner: str | None
    lease_until: Instant | None
    snoozed_until: Instant | None
    version: int
    department: str
    intent: str
    sentiment: str
    probability: float
    unsure: bool
    suggested_department: str | None
    suggested_intent: str | None
    labelled_by: str | None
    text: str
    language: str | None
    actor: Actor
    channel: str
    surface: Surface
    direction: Direction
    account: str | None
    owner_department: str | None
    url: str | None
    occurred_at: Instant
    received_at: Instant
    conversation_id: str | None
    in_reply_to: str | None


_CONVERTED: Final = frozenset({"actor", "state", "surface", "direction"})
_COPIED: Final = tuple(name for name in Item.model_fields if name in POST_FIELDS and name not in _CONVERTED)


def item_of(post: Post, standing: Standing = NO_STANDING) -> Item:
    """Return the item of a post at an instant. Raises ValueError when the post is none."""
    if post.state is None:
        raise ValueError(f"{post.id} is no item: it is outbound or removed")
    return Item.model_construct(
        state=State(post.state),
        surface=Surface(post.surface),
        direction=Direction(post.direction),
        actor=Actor.model_validate_json(post.actor),
        lease_until=None if post.lease_until_us is None else instant(post.lease_until_us),
        snoozed_until=None if post.snoozed_until_us is None else instant(post.snoozed_until_us),
        occurred_at=instant(post.occurred_at_us),
        received_at=instant(post.received_at_us),
        **{name: getattr(post, name) for name in _COPIED},
        **{name: getattr(standing, name) for name in Standing.model_fields},
    )
