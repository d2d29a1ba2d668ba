"""What the metrics API takes and answers: parameters with their limits, and the shapes shown in the API description."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from services.metrics.core.calendar import known_zone
from services.metrics.core.definitions import DIMENSIONS
from services.metrics.core.drill import CONDITIONS, MAX_PAGE, Page, place
from services.metrics.core.query import MAX_BUCKETS, Bucket, EngagementQuery

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
DEFAULT_RANGE: Final = timedelta(hours=24)
FORMATS: Final = ("json", "csv", "parquet", "arrow", "svg", "png")
MAX_VALUES: Final = 1_000
_SPACE_FOR_PLUS: Final = re.compile(r"(?<=\d) (?=\d\d:?\d\d$)")


def _split(value: object) -> object:
    """Split `a,b` and `a&b` alike into one list."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(each, str) for each in texts):
        return value
    return [part.strip() for text in texts for part in text.split(",")]


def _instant(value: object) -> object:
    """Read ISO 8601 with a zone; a `+` that arrived as a space (an unescaped query) is understood."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    try:
        at = datetime.fromisoformat(_SPACE_FOR_PLUS.sub("+", text))
    except ValueError as error:
        raise ValueError(f"expected ISO 8601 like 2026-11-23T12:00:00Z, found {text[:40]!r}") from error
    if at.tzinfo is None:
        raise ValueError(f"expected a zone, like 2026-11-23T12:00:00Z, found {text[:40]!r}")
    try:
        at = at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text[:40]!r} is outside the calendar") from error
    if not EARLIEST <= at <= LATEST:
        raise ValueError(f"expected an instant from {EARLIEST.year} to {LATEST.year}, found {text[:40]!r}")
    return at


Values = Annotated[list[str] | None, BeforeValidator(_split), Field(max_length=MAX_VALUES)]
At = Annotated[datetime | None, BeforeValidator(_instant)]
_FILTER: Final = "Only these values; comma-separated or repeated; an empty value stands for unknown."


class EngagementParameters(BaseModel):
    """The query of GET /v1/engagement. A parameter that does not exist is a mistake and answered as one."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    start: At = Field(
        default=None, alias="from", description="First instant, ISO 8601 with zone; default 24 h before `to`."
    )
    end: At = Field(default=None, alias="to", description="First instant that is not counted any more; default now.")
    bucket: Bucket | Literal["range"] = Field(
        default=Bucket.HOUR,
        description="minute, hour, day, week (from Monday) or month, in `tz`; range: one row for the whole range.",
    )
    by: Values = Field(default=None, description=f"Group by any of {', '.join(DIMENSIONS)}.")
    format: str = Field(default="json", description=f"{', '.join(FORMATS)}.")
    tz: str = Field(default="UTC", description="IANA time zone in which buckets begin, like Europe/Berlin.")
    fill: Literal["none", "zero"] = Field(
        default="none", description="zero: a row for every bucket, also where nothing happened."
    )
    compare: Literal["none", "previous"] = Field(
        default="none", description="previous: also the rows of the period before, as long or as many days or months."
    )
    width: int = Field(default=900, ge=200, le=2_000, description="Pixels of a picture.")
    height: int = Field(default=360, ge=100, le=1_200, description="Pixels of a picture.")
    theme: Literal["light", "dark"] = Field(default="light", description="Of a picture.")
    department: Values = Field(default=None, description=_FILTER)
    owner_department: Values = Field(default=None, description=_FILTER)
    channel: Values = Field(default=None, description=_FILTER)
    channel_class: Values = Field(default=None, description=_FILTER)
    surface: Values = Field(default=None, description=_FILTER)
    account: Values = Field(default=None, description=_FILTER)
    intent: Values = Field(default=None, description=_FILTER)
    sentiment: Values = Field(default=None, description=_FILTER)

    @field_validator("by")
    @classmethod
    def _known_dimensions(cls, value: list[str] | None) -> list[str] | None:
        names = [name for name in value or [] if name]
        if wrong := [name for name in names if name not in DIMENSIONS]:
            raise ValueError(f"expected any of {', '.join(DIMENSIONS)}; found {', '.join(wrong)[:200]}")
        return list(dict.fromkeys(names))

    @field_validator("format")
    @classmethod
    def _known_format(cls, value: str) -> str:
        if value not in FORMATS:
            raise ValueError(f"expected {' or '.join(FORMATS)}, found {value[:40]!r}")
        return value

    @field_validator("tz")
    @classmethod
    def _known_tz(cls, value: str) -> str:
        known_zone(value)
        return value

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.start and self.end and self.start >= self.end:
            raise ValueError("`from` must be before `to`")
        return self

    def query(self, now: datetime, *, internal: bool, whole: bool = False) -> EngagementQuery:
        """Return what is asked. Raises ValueError when the range is empty or has too many buckets."""
        end = self.end or now
        start = self.start or end - DEFAULT_RANGE
        if start >= end:
            raise ValueError("`from` must be before `to`, which is now when it is not given")
        filters = {name: tuple(values) for name in DIMENSIONS if (values := getattr(self, name)) is not None}
        one = whole or self.bucket == "range"
        bucket = Bucket.DAY if self.bucket == "range" else self.bucket
        query = EngagementQuery(start, end, bucket, tuple(self.by or ()), filters, internal, self.tz, one)
        if query.buckets() > MAX_BUCKETS:
            raise ValueError(
                f"{query.buckets()} buckets of a {bucket} are more than {MAX_BUCKETS}: "
                "shorten the range or take a longer bucket"
            )
        return query


class ActivitiesParameters(EngagementParameters):
    """The query of GET /v1/activities: what a row of a series was asked with, and the number to open."""

    metric: str | None = Field(default=None, description="The metric whose activities are wanted; default all.")
    group: str | None = Field(default=None, description="Only posts that speak of this group of tracked terms.")
    after: str | None = Field(default=None, max_length=4_096, description="`next` of the page before.")
    limit: int = Field(default=100, ge=1, le=MAX_PAGE, description="Activities on a page.")

    @field_validator("metric")
    @classmethod
    def _known_metric(cls, value: str | None) -> str | None:
        if value is not None and value not in CONDITIONS:
            raise ValueError(f"expected any of {', '.join(CONDITIONS)}; found {value[:60]!r}")
        return value

    @field_validator("after")
    @classmethod
    def _known_place(cls, value: str | None) -> str | None:
        if value is not None:
            place(value)
        return value

    def page(self) -> Page:
        """Return which part of the activities is asked."""
        return Page(self.metric, self.after, self.limit, self.group)


class MetricDefinition(BaseModel):
    """How one metric is computed."""

    name: str
    formula: str
    formula_version: str
    unit: str
    caveats: str
    approximate: bool = Field(description="Made of what tools reported, not of activities.")


class Definitions(BaseModel):
    """Every metric."""

    definition_version: str
    metrics: list[MetricDefinition]


class KeptRejection(BaseModel):
    """One input that could not be processed; `detail` and `excerpt` quote it and need the scope internal:read."""

    id: str
    received_at: datetime
    reason: str
    field: str
    detail: str | None
    origin: str
    excerpt: str | None


class KeptRejections(BaseModel):
    """The newest first."""

    rejections: list[KeptRejection]


class ReasonCount(BaseModel):
    """How many inputs were rejected for one reason."""

    reason: str
    rejections: int
    oldest: datetime
    newest: datetime


class RejectionReasons(BaseModel):
    """The most frequent first."""

    reasons: list[ReasonCount]
