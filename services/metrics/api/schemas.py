"""What the metrics API takes and answers: parameters with their limits, and the shapes shown in the API description."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model, field_validator, model_validator

from services.metrics.core.definitions import DIMENSIONS, METRICS
from services.metrics.core.query import MAX_BUCKETS, Bucket, EngagementQuery

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
DEFAULT_RANGE: Final = timedelta(hours=24)
FORMATS: Final = ("json", "csv")
LATER_FORMATS: Final = ("parquet", "arrow", "svg", "png")
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
    bucket: Bucket = Field(default=Bucket.HOUR, description="minute, hour, day, week (from Monday) or month, in UTC.")
    by: Values = Field(default=None, description=f"Group by any of {', '.join(DIMENSIONS)}.")
    format: str = Field(default="json", description="json or csv.")
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
        if value in LATER_FORMATS:
            raise ValueError(f"{value} is not yet available; there are {' and '.join(FORMATS)}")
        if value not in FORMATS:
            raise ValueError(f"expected {' or '.join(FORMATS)}, found {value[:40]!r}")
        return value

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.start and self.end and self.start >= self.end:
            raise ValueError("`from` must be before `to`")
        return self

    def query(self, now: datetime, *, internal: bool) -> EngagementQuery:
        """Return what is asked. Raises ValueError when the range is empty or has too many buckets."""
        end = self.end or now
        start = self.start or end - DEFAULT_RANGE
        if start >= end:
            raise ValueError("`from` must be before `to`, which is now when it is not given")
        filters = {name: tuple(values) for name in DIMENSIONS if (values := getattr(self, name)) is not None}
        query = EngagementQuery(start, end, self.bucket, tuple(self.by or ()), filters, internal)
        if query.buckets() > MAX_BUCKETS:
            raise ValueError(
                f"{query.buckets()} buckets of a {self.bucket} are more than {MAX_BUCKETS}: "
                "shorten the range or take a longer bucket"
            )
        return query


class MetricDefinition(BaseModel):
    """How one metric is computed."""

    name: str
    formula: str
    formula_version: str
    unit: str
    caveats: str


class Definitions(BaseModel):
    """Every metric."""

    definition_version: str
    metrics: list[MetricDefinition]


_DIMENSION_FIELDS: Final = dict.fromkeys(DIMENSIONS, (str | None, None))
_METRIC_FIELDS: Final = {
    metric.name: (int if metric.unit == "count" else float | None, Field(description=metric.formula))
    for metric in METRICS
}

SeriesRow = create_model("SeriesRow", bucket=(str, ...), **_DIMENSION_FIELDS, **_METRIC_FIELDS)  # type: ignore[call-overload]


class Engagement(BaseModel):
    """One row per bucket and group that has anything; a group's name is null where it is not known."""

    definition_version: str
    as_of: datetime = Field(description="Everything received before it is counted.")
    lag_ms: int
    series: list[SeriesRow]


class KeptRejection(BaseModel):
    """One input that could not be processed; `excerpt` needs the scope internal:read."""

    received_at: datetime
    reason: str
    field: str
    detail: str
    origin: str
    excerpt: str | None


class KeptRejections(BaseModel):
    """The newest first."""

    rejections: list[KeptRejection]
