"""Rejection: an input that cannot be processed, kept with reason code, field and origin. A value, not an exception."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from shared.contracts.activity import Frozen, Instant

EXCERPT_CHARACTERS: Final = 200


class Reason(StrEnum):
    """Why an input was rejected; each is a metric label and stands in docs/reasons.md."""

    INVALID_JSON = "invalid_json"
    NOT_AN_OBJECT = "not_an_object"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    UNKNOWN_VALUE = "unknown_value"
    TOO_LONG = "too_long"
    TOO_MANY = "too_many"
    INVALID_UNICODE = "invalid_unicode"
    CONTROL_CHARACTER = "control_character"
    TIMESTAMP_WITHOUT_ZONE = "timestamp_without_zone"
    TIMESTAMP_OUT_OF_RANGE = "timestamp_out_of_range"
    INVALID_TIMESTAMP = "invalid_timestamp"
    UNSUPPORTED_EVENT = "unsupported_event"
    INVALID_RECORD = "invalid_record"


REASON_MEANINGS: Final[dict[Reason, str]] = {
    Reason.INVALID_JSON: "The input is not JSON.",
    Reason.NOT_AN_OBJECT: "The input is JSON but not an object.",
    Reason.MISSING_FIELD: "A required field is absent or null.",
    Reason.WRONG_TYPE: "A field holds a value of another type than expected.",
    Reason.UNKNOWN_VALUE: "A field holds a value outside its list, for example an unknown verb.",
    Reason.TOO_LONG: "A text or an identifier is longer than its limit.",
    Reason.TOO_MANY: "A list holds more entries than its limit.",
    Reason.INVALID_UNICODE: "A text holds a lone surrogate or bytes that are not UTF-8.",
    Reason.CONTROL_CHARACTER: "An identifier holds a control character.",
    Reason.TIMESTAMP_WITHOUT_ZONE: "A timestamp has no zone; send for example 2026-11-23T12:00:00Z.",
    Reason.TIMESTAMP_OUT_OF_RANGE: "A timestamp lies before 2000-01-01 or more than one day ahead.",
    Reason.INVALID_TIMESTAMP: "A timestamp is not ISO 8601.",
    Reason.UNSUPPORTED_EVENT: "A platform event of a shape this connector does not know.",
    Reason.INVALID_RECORD: "A record on a topic does not hold what its contract says.",
}


class Rejection(Frozen):
    """What was wrong (`reason`, `field`, `detail`), where it came from (`origin`) and how it began (`excerpt`)."""

    reason: Reason
    field: str
    detail: str
    origin: str
    excerpt: str
    received_at: Instant


def excerpt_of(raw: str | bytes) -> str:
    """Return how an input begins, as text that any JSON can hold."""
    if isinstance(raw, bytes):
        return raw[: EXCERPT_CHARACTERS * 4].decode("utf-8", "replace")[:EXCERPT_CHARACTERS]
    return raw[:EXCERPT_CHARACTERS].encode("utf-8", "replace").decode()[:EXCERPT_CHARACTERS]


def reject(reason: Reason, field: str, detail: str, *, origin: str, raw: str | bytes, at: datetime) -> Rejection:
    """Build a Rejection with a bounded excerpt of the raw input."""
    return Rejection(reason=reason, field=field, detail=detail, origin=origin, excerpt=excerpt_of(raw), received_at=at)
