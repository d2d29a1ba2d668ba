"""Bodies of the queues API; the shape of an item itself is services.queues.core.post.Item."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from services.queues.core.post import Item, Post, instant
from shared.contracts.activity import Actor, Instant

Agent = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")
]
LabelName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class QueueBody(BaseModel):
    """The open items of one department and intent."""

    department: str
    intent: str
    new: int
    claimed: int
    open: int
    oldest_seconds: int
    at_risk: int


class QueuesBody(BaseModel):
    """Answer of GET /v1/queues."""

    queues: list[QueueBody]


class ItemsBody(BaseModel):
    """Answer of GET /v1/items; `position` is where a stream has to start so that nothing is missed."""

    items: list[Item]
    next: str | None
    position: str


class ConversationPost(BaseModel):
    """A post in a conversation, ours or theirs; `item` is null when it stands in no queue."""

    id: str
    item: str | None
    direction: str
    surface: str
    channel: str
    actor: Actor
    text: str
    url: str | None
    occurred_at: Instant
    in_reply_to: str | None


class HistoryLine(BaseModel):
    """One thing that happened to an item."""

    at: Instant
    action: str
    agent: str | None
    key: str | None
    detail: dict[str, str | None]


class DetailBody(Item):
    """Answer of GET /v1/items/{item}: the item, its conversation, its author's posts elsewhere, its history."""

    conversation: list[ConversationPost]
    author_posts: list[ConversationPost]
    history: list[HistoryLine]


class Body(BaseModel):
    """Every command says who acts; an unknown field is a mistake."""

    model_config = ConfigDict(extra="forbid")
    agent: Agent


class PresenceBody(BaseModel):
    """Answer of POST /v1/items/{item}/presence: everybody who looks at the item now."""

    item: str
    agents: list[str]


class AssignBody(Body):
    """Body of POST /v1/items/{item}/assign."""

    to: Agent


class SnoozeBody(Body):
    """Body of POST /v1/items/{item}/snooze."""

    until: AwareDatetime


class LabelBody(Body):
    """Body of POST /v1/items/{item}/label; at least one label."""

    department: LabelName | None = None
    intent: LabelName | None = None
    sentiment: LabelName | None = None


class NoteBody(Body):
    """Body of POST /v1/items/{item}/note."""

    text: str = Field(min_length=1, max_length=4_000)


class ClaimNextBody(Body):
    """Body of POST /v1/claim-next."""

    department: LabelName | None = None
    intent: LabelName | None = None


def conversation_post(post: Post) -> ConversationPost:
    """Return a stored post as part of a conversation."""
    return ConversationPost(
        id=post.id,
        item=None if post.state is None else post.item,
        direction=post.direction,
        surface=post.surface,
        channel=post.channel,
        actor=Actor.model_validate_json(post.actor),
        text=post.text,
        url=post.url,
        occurred_at=instant(post.occurred_at_us),
        in_reply_to=post.in_reply_to,
    )
