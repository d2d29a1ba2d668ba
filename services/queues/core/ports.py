"""What the feed, the hub and the routes need of a store; implemented by services.queues.store."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from services.queues.core.commands import Held, Order, Stale
from services.queues.core.event import Event
from services.queues.core.filters import Filter
from services.queues.core.fold import Entry
from services.queues.core.positions import Cursor, Ordering, Position
from services.queues.core.post import Facets, Item, Post
from shared.contracts.activity import ClassifiedActivity
from shared.contracts.correction import Correction


@dataclass(frozen=True)
class QueueCount:
    """The open items of one department and intent."""

    department: str
    intent: str
    new: int
    claimed: int
    oldest_us: int
    at_risk: int


@dataclass(frozen=True)
class Page:
    """Some items in order; `position` is the feed's place of the same moment."""

    posts: Sequence[Post]
    next: Cursor | None
    position: Position


@dataclass(frozen=True)
class Detail:
    """One item, the posts of its conversation in order of time, its author's posts elsewhere, and its history."""

    post: Post
    conversation: Sequence[Post]
    elsewhere: Sequence[Post]
    history: Sequence[Entry]


@dataclass(frozen=True)
class Bounds:
    """The feed's first kept and last written sequence; `first` - 1 is the oldest place one can resume from."""

    first: int
    last: int


@dataclass(frozen=True)
class Retry:
    """Marks a request so that sending it again does nothing twice; `fingerprint` tells a reused key."""

    key: str
    principal: str
    fingerprint: str


class KeyReused:
    """The Idempotency-Key came with another request before."""


class ItemReader(Protocol):
    """Answers questions about items. Every method blocks and may raise TransientError."""

    def queues(self, wanted: Filter, *, now_us: int) -> Sequence[QueueCount]:
        """Return the open items per department and intent, and how many are at risk at an instant."""

    def page(self, wanted: Filter, ordering: Ordering, *, after: Cursor | None, limit: int, now_us: int) -> Page:
        """Return items in an order, after a cursor; ranked as of now, or as of the first page."""

    def find(self, item: str, *, internal: bool) -> Post | None:
        """Return one item; None when there is none that may be seen."""

    def detail(self, item: str, *, internal: bool) -> Detail | None:
        """Return one item with its surroundings; None when there is none that may be seen."""


class EventReader(Protocol):
    """Reads the feed of changes. Every method blocks and may raise TransientError."""

    @property
    def epoch(self) -> str:
        """What tells this database's feed from others."""

    def bounds(self) -> Bounds:
        """Return which sequences are kept."""

    def events(self, after: int, limit: int) -> Sequence[Event]:
        """Return the events after a sequence, in order, never with a gap that is filled later."""


class FeedWriter(Protocol):
    """Takes in what arrives on the topic."""

    def apply(self, activities: Sequence[ClassifiedActivity], at_us: int) -> int:
        """Return how many items changed once all is durable. Idempotent. Raises TransientError."""


class CommandWriter(Protocol):
    """Carries out agents' commands. Every method blocks and may raise TransientError."""

    def command(
        self, item: str, order: Order, *, internal: bool, now_us: int, retry: Retry | None
    ) -> Item | Held | Stale | KeyReused | None:
        """Return the item after the command, or why it is not carried out; None when there is no such item."""

    def claim_next(self, wanted: Filter, order: Order, *, now_us: int, retry: Retry | None) -> Item | KeyReused | None:
        """Claim the new item of the highest priority; None when there is none."""


@dataclass(frozen=True)
class Lookers:
    """Everybody who looks at one item, by name, and what decides who may be told."""

    item: str
    facets: Facets
    agents: Sequence[str]


class PresenceStore(Protocol):
    """Who looks at what, as all replicas know it. Every method blocks and may raise TransientError."""

    def look(self, item: str, agent: str, *, until_us: int, now_us: int) -> None:
        """Note that an agent looks at an item until an instant; a full house notes nobody more."""

    def lookers(self, now_us: int) -> Sequence[Lookers]:
        """Return every item that is looked at now and still stands in a queue."""


class Outbox(Protocol):
    """Corrections that are not on their topic yet. Every method blocks and may raise TransientError."""

    def turn(self) -> AbstractContextManager[bool]:
        """Give True to one replica at a time: that one tells, so that corrections stay in order."""

    def waiting(self, limit: int) -> Sequence[tuple[int, Correction]]:
        """Return the oldest ones, in order, each with its number."""

    def settle(self, last: int) -> None:
        """Forget those up to a number: the topic holds them."""
