"""The shapes that the metrics API answers, as its description shows them."""

from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, Field, create_model

from services.metrics.core.definitions import DIMENSIONS, METRICS, Metric
from services.metrics.core.views import RESPONSIVENESS, SENTIMENT, SHIFT, SNAPSHOT_METRICS, VOICE, WORKING_METRICS

_DIMENSION_FIELDS: Final[dict[str, Any]] = dict.fromkeys(DIMENSIONS, (str | None, None))


def _row(name: str, metrics: tuple[Metric, ...], **more: Any) -> Any:  # noqa: ANN401  # a model made at run time
    fields: dict[str, Any] = {
        metric.name: (int if metric.unit == "count" else float | None, Field(description=metric.formula))
        for metric in metrics
    }
    local: Any = (str | None, Field(default=None, description="The same instant on the clocks of `tz`."))
    return create_model(name, bucket=(str, ...), bucket_local=local, **_DIMENSION_FIELDS, **more, **fields)


class Stamped(BaseModel):
    """What every answer carries."""

    definition_version: str
    as_of: datetime = Field(description="Everything received before it is counted.")
    lag_ms: int


class Range(BaseModel):
    """Where the period before lies."""

    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")


def _series(name: str, row: Any) -> Any:  # noqa: ANN401  # a model made at run time
    return create_model(
        name,
        __base__=Stamped,
        __doc__="One row per bucket and group that has anything; a group's name is null where it is not known.",
        series=(list[row], ...),
        previous=(list[row] | None, Field(default=None, description="Rows of the period before (compare=previous).")),
        previous_range=(Range | None, None),
        approximate=(
            list[str] | None,
            Field(default=None, description="Metrics of these rows that tools reported: approximate."),
        ),
    )


SeriesRow = _row("SeriesRow", METRICS)
Engagement = _series("Engagement", SeriesRow)
ANSWERS: Final = {
    "engagement": Engagement,
    "responsiveness": _series("Responsiveness", _row("ResponsivenessRow", (*RESPONSIVENESS.metrics, *WORKING_METRICS))),
    "sentiment": _series("Sentiment", _row("SentimentRow", SENTIMENT.metrics)),
    "shift": _series("Shift", _row("ShiftRow", (*SHIFT.metrics, *SNAPSHOT_METRICS))),
    "share-of-voice": _series("ShareOfVoice", _row("ShareOfVoiceRow", VOICE.metrics, group=(str, ...))),
}


class Misrouted(BaseModel):
    """One field of the matrix: whose account was addressed, whose matter it is."""

    owner_department: str
    department: str
    posts: int


class AnsweredByTwo(BaseModel):
    """A conversation in which accounts of several departments answered."""

    conversation_id: str
    departments: list[str]


class AskedTwiceRow(BaseModel):
    """The same question at several departments; similarity is the share of distinct words in common."""

    ids: list[str]
    departments: list[str]
    similarity: float


class Silos(Stamped):
    """Where departments work in isolation."""

    misrouted: list[Misrouted]
    answered_by_two: list[AnsweredByTwo]
    asked_twice: list[AskedTwiceRow]


class GoalRow(BaseModel):
    """A goal of the configuration; null where there is nothing to measure yet."""

    department: str
    metric: str
    target: float
    actual: float | None
    pace: float = Field(description="Where a steady course would be now.")
    forecast: float | None = Field(description="What a steady course leads to at the period's end.")
    on_track: bool | None
    period: str
    period_start: datetime
    period_end: datetime


class Goals(Stamped):
    """Every goal, in the order of the configuration."""

    goals: list[GoalRow]


class DrillActor(BaseModel):
    """Who acted."""

    id: str
    handle: str | None
    name: str | None
    followers: int | None


class DrillSnapshot(BaseModel):
    """What a tool last showed of one counter."""

    counter: str
    value: int
    observed_at: datetime
    approximate: bool


class DrillActivity(BaseModel):
    """One activity behind a number, as its latest version has it."""

    id: str
    occurred_at: datetime
    verb: str
    kind: str
    direction: str
    department: str | None
    owner_department: str | None
    channel: str | None
    channel_class: str | None
    surface: str | None
    account: str | None
    intent: str | None
    sentiment: str | None
    text: str | None
    url: str | None
    language: str | None
    actor: DrillActor
    object_id: str | None
    conversation_id: str | None
    in_reply_to: str | None
    unsure: bool
    model: str | None
    answered_at: datetime | None
    first_response_seconds: float | None
    snapshots: list[DrillSnapshot]


class Activities(Stamped):
    """A page, newest first; `total` counts all pages."""

    total: int
    activities: list[DrillActivity]
    next: str | None = Field(description="Give it as `after` for the next page; null on the last one.")
