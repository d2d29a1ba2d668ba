"""Activity and Classification: the values that travel in Kafka (design.md section 5). Frozen, validated, versioned."""

from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer


class Verb(StrEnum):
    """ActivityStreams 2.0 verbs in lower case."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    ANNOUNCE = "announce"
    LIKE = "like"
    FOLLOW = "follow"
    UNDO = "undo"


POST_VERBS: Final = frozenset({Verb.CREATE, Verb.UPDATE, Verb.DELETE})
REACTION_VERBS: Final = frozenset({Verb.ANNOUNCE, Verb.LIKE, Verb.FOLLOW, Verb.UNDO})
REMOVAL_VERBS: Final = frozenset({Verb.DELETE, Verb.UNDO})
LEGACY_CHANNELS: Final = frozenset({"email", "phone", "sms", "press", "web"})


class Surface(StrEnum):
    """Who can see it on the platform: everybody, or the organisation only."""

    PUBLIC = "public"
    INTERNAL = "internal"


class Direction(StrEnum):
    """Seen from the organisation."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"
    AMBIENT = "ambient"


class ChannelClass(StrEnum):
    """The old push channels, or the social ones."""

    SOCIAL = "social"
    LEGACY = "legacy"


def channel_class(channel: str) -> ChannelClass:
    """Return the class of a channel (design.md section 2)."""
    return ChannelClass.LEGACY if channel in LEGACY_CHANNELS else ChannelClass.SOCIAL


def wire_time(at: datetime) -> str:
    """Return an instant as ISO 8601 in UTC with `Z`: milliseconds, or microseconds where there are any."""
    text = at.isoformat(timespec="milliseconds" if at.microsecond % 1000 == 0 else "microseconds")
    return text.replace("+00:00", "Z")


MAX_COUNT: Final = (1 << 53) - 1
"""The greatest count that every JSON reader keeps exact."""

Instant = Annotated[AwareDatetime, PlainSerializer(wire_time, return_type=str, when_used="json")]
"""An aware UTC datetime, written with `Z`."""


class Frozen(BaseModel):
    """A value: compared by content, never changed, unknown fields ignored so that events may gain fields."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Actor(Frozen):
    """Who acted; only `id` is always known."""

    id: str
    handle: str | None = None
    name: str | None = None
    followers: int | None = None


class Snapshot(Frozen):
    """A counter of a post as a tool or platform showed it at a time (opens: 340); approximate, no sum of activities."""

    counter: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    value: int = Field(ge=0, le=MAX_COUNT)
    observed_at: Instant


class Activity(Frozen):
    """One act by one actor at one time, seen on a channel. `id` + `version` order everything downstream."""

    id: str
    verb: Verb
    object_id: str | None = None
    version: int = Field(ge=0, description="microseconds; orders versions of one id, of equal ones delete and undo win")
    channel: str
    surface: Surface = Surface.PUBLIC
    direction: Direction
    source: str
    occurred_at: Instant
    received_at: Instant
    actor: Actor
    text: str | None = None
    language: str | None = None
    url: str | None = None
    conversation_id: str | None = None
    in_reply_to: str | None = None
    quotes: str | None = None
    mentions: tuple[str, ...] = ()
    account: str | None = None
    department: str | None = None
    snapshots: tuple[Snapshot, ...] = ()


class Label(Frozen):
    """One chosen label and how probable the model holds it."""

    label: str
    probability: float = Field(ge=0, le=1)


class Classification(Frozen):
    """Department, intent and sentiment of one text by one model version."""

    model: str
    department: Label
    intent: Label
    sentiment: Label
    unsure: bool


class ClassifiedActivity(Activity):
    """An activity of `posts.classified.v1`; `classification` is null for a delete, which has no text."""

    classification: Classification | None = None


class VersionRank(IntEnum):
    """Breaks ties between equal versions of one id: a removal wins, then an edit."""

    ORIGINAL = 0
    EDIT = 1
    REMOVAL = 2


def version_rank(verb: Verb) -> VersionRank:
    """Return how a verb ranks against others of the same id and version."""
    if verb in REMOVAL_VERBS:
        return VersionRank.REMOVAL
    return VersionRank.EDIT if verb is Verb.UPDATE else VersionRank.ORIGINAL


def version_order(verb: Verb, version: int) -> int:
    """Return one integer that orders all versions of one id (invariant 6); fits a signed 64-bit column."""
    return version * 4 + version_rank(verb)


TRIAGE: Final = "triage"
"""The desk of posts whose classification is unsure: never silently a guess."""


def desk(classification: Classification) -> str:
    """Return the department whose queue and figures a post belongs to: the label, or triage when unsure."""
    return TRIAGE if classification.unsure else classification.department.label
