"""Answers of ingest's HTTP routes."""

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.activity import Instant


class RejectedItem(BaseModel):
    """One input that was not taken; index is the position in the array, or the zero-based line."""

    index: int
    field: str
    reason: str
    detail: str


class Taken(BaseModel):
    """What became of a request; everything accepted is durable. `rejected_total` stands there when the list was cut."""

    accepted: int
    rejected: list[RejectedItem]
    rejected_total: int | None = None


class SourceCounts(BaseModel):
    """Inputs since the process started."""

    received: int
    accepted: int
    ignored: int
    rejected: int


class SourceGap(BaseModel):
    """A time in which the source is known to have heard nothing."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)

    began_at: Instant = Field(alias="from")
    ended_at: Instant = Field(alias="to")
    reason: str


class SourceView(BaseModel):
    """One source as it is now."""

    name: str
    type: str
    state: str
    last_activity_at: Instant | None
    cursor: str | None
    cursor_age_seconds: float | None
    counts: SourceCounts
    gaps: list[SourceGap]
    last_error: str | None
    last_error_at: Instant | None
    progress: dict[str, object] | None


class SourcesView(BaseModel):
    """All configured sources."""

    sources: list[SourceView]
