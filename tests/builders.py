"""Values with a sensible default for everything that is not under test."""

from datetime import UTC, datetime, timedelta

from shared.contracts.activity import (
    Activity,
    Actor,
    Classification,
    ClassifiedActivity,
    Direction,
    Label,
    Surface,
    Verb,
)
from shared.contracts.codec import Outgoing
from shared.stream.ports import Partition, Record

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def microseconds(at: datetime) -> int:
    return int((at - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))


def an_activity(  # a builder names what a test cares about
    id: str = "web:1",  # noqa: A002
    *,
    verb: Verb = Verb.CREATE,
    occurred_at: datetime = NOON,
    version: int | None = None,
    direction: Direction = Direction.INBOUND,
    surface: Surface = Surface.PUBLIC,
    channel: str = "web",
    actor: str = "ann",
    text: str | None = "my order has not arrived",
    object_id: str | None = None,
    conversation_id: str | None = None,
    in_reply_to: str | None = None,
    quotes: str | None = None,
    account: str | None = "acme",
    department: str | None = "support",
    received_at: datetime = NOON,
) -> Activity:
    has_text = verb in {Verb.CREATE, Verb.UPDATE}
    return Activity(
        id=id,
        verb=verb,
        object_id=object_id or id,
        version=microseconds(occurred_at) if version is None else version,
        channel=channel,
        surface=surface,
        direction=direction,
        source="http",
        occurred_at=occurred_at,
        received_at=received_at,
        actor=Actor(id=actor),
        text=text if has_text else None,
        conversation_id=conversation_id or id,
        in_reply_to=in_reply_to,
        quotes=quotes,
        account=account,
        department=department,
    )


def a_classification(
    department: str = "support", intent: str = "complaint", sentiment: str = "negative", *, unsure: bool = False
) -> Classification:
    return Classification(
        model="test.1",
        department=Label(label=department, probability=0.9),
        intent=Label(label=intent, probability=0.8),
        sentiment=Label(label=sentiment, probability=0.7),
        unsure=unsure,
    )


def classified(activity: Activity, classification: Classification | None = None) -> ClassifiedActivity:
    """Return the activity as posts.classified.v1 carries it; a delete has no classification."""
    chosen = None if activity.verb is Verb.DELETE else classification or a_classification()
    return ClassifiedActivity(**activity.model_dump(), classification=chosen)


def a_record(outgoing: Outgoing, offset: int = 0, *, partition: int = 0) -> Record:
    return Record(Partition(outgoing.topic, partition), offset, outgoing.key, outgoing.value, outgoing.headers)
