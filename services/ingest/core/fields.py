"""Strict reading of single fields of outside data; every failure is an InvalidField that names reason and field."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from shared.contracts.rejection import Reason

IDENTIFIER_CHARACTERS: Final = 512
TEXT_CHARACTERS: Final = 65_536
NAME_CHARACTERS: Final = 256
INSTANT_CHARACTERS: Final = 64
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
AHEAD: Final = timedelta(days=1)
MICROSECOND: Final = timedelta(microseconds=1)

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_UNSAFE_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LEAP_SECOND = re.compile(r"(?<=[T ])(\d\d:\d\d):60(?![:\d])")
_SUSPECT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")

Fields = Mapping[str, object]


class InvalidField(Exception):  # noqa: N818  # never leaves core: it becomes a Rejection, which is a value
    """Why an input is refused: reason, field, and what was expected and found."""

    def __init__(self, reason: Reason, field: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.field = field
        self.detail = detail


def wrong_type(field: str, expected: str, found: object) -> InvalidField:
    """Return the failure of a field that holds another type than expected."""
    return InvalidField(Reason.WRONG_TYPE, field, f"expected {expected}, found {json_type(found)}")


def missing(field: str, detail: str = "is required") -> InvalidField:
    """Return the failure of a required field that is absent, null or blank."""
    return InvalidField(Reason.MISSING_FIELD, field, detail)


def json_type(value: object) -> str:
    """Return what JSON calls the type of a parsed value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "an object"


def identifier(value: object, field: str, *, limit: int = IDENTIFIER_CHARACTERS) -> str | None:
    """Return an identifier, or None for null and blank. Raises InvalidField."""
    if value is None:
        return None
    if type(value) is not str:
        raise wrong_type(field, "a string", value)
    if len(value) > limit:
        raise InvalidField(Reason.TOO_LONG, field, f"expected at most {limit} characters, found {len(value)}")
    if not value.isprintable():
        _refuse_unprintable(value, field)
    return value if value.strip() else None


def required_identifier(value: object, field: str) -> str:
    """Return an identifier that must be there. Raises InvalidField."""
    found = identifier(value, field)
    if found is None:
        raise missing(field)
    return found


def _refuse_unprintable(value: str, field: str) -> None:
    """Raise for control characters and lone surrogates; format characters such as right-to-left marks may stay."""
    if _SURROGATE.search(value):
        raise InvalidField(Reason.INVALID_UNICODE, field, "expected Unicode, found a lone surrogate or broken UTF-8")
    if found := _CONTROL.search(value):
        raise InvalidField(
            Reason.CONTROL_CHARACTER, field, f"expected no control character, found U+{ord(found.group()):04X}"
        )


def text(value: object, field: str, *, limit: int = TEXT_CHARACTERS) -> str | None:
    """Return a text, or None for null; control characters no store can hold become U+FFFD. Raises InvalidField."""
    if value is None:
        return None
    if type(value) is not str:
        raise wrong_type(field, "a string", value)
    if len(value) > limit:
        raise InvalidField(Reason.TOO_LONG, field, f"expected at most {limit} characters, found {len(value)}")
    if _SUSPECT.search(value) is None:
        return value
    if _SURROGATE.search(value):
        raise InvalidField(Reason.INVALID_UNICODE, field, "expected Unicode, found a lone surrogate or broken UTF-8")
    return _UNSAFE_IN_TEXT.sub("\ufffd", value)


def whole_number(value: object, field: str, *, limit: int) -> int | None:
    """Return an integer from 0 to `limit`, or None for null. Raises InvalidField; true is not 1."""
    if value is None:
        return None
    if type(value) is not int:
        raise wrong_type(field, "a whole number", value)
    if not 0 <= value <= limit:
        raise InvalidField(Reason.UNKNOWN_VALUE, field, f"expected a whole number from 0 to {limit}")
    return value


def mapping(value: object, field: str) -> Fields:
    """Return an object; a null is a missing one. Raises InvalidField."""
    if value is None:
        raise missing(field)
    if not isinstance(value, dict):
        raise wrong_type(field, "an object", value)
    return value


def instant(value: object, field: str, *, now: datetime) -> datetime:
    """Return an aware UTC datetime between 2000-01-01 and one day ahead of `now`. Raises InvalidField."""
    if value is None:
        raise missing(field)
    if type(value) is not str:
        raise wrong_type(field, "an ISO 8601 string with a zone", value)
    try:
        parsed = iso_datetime(value)
    except ValueError:
        shown = value[:INSTANT_CHARACTERS].encode("ascii", "replace").decode()
        raise InvalidField(
            Reason.INVALID_TIMESTAMP, field, f"expected ISO 8601 such as 2026-11-23T12:00:00Z, found {shown!r}"
        ) from None
    if parsed.tzinfo is None:
        raise InvalidField(
            Reason.TIMESTAMP_WITHOUT_ZONE, field, f"expected a zone, for example {value[:32]}Z or {value[:32]}+01:00"
        )
    try:
        at = parsed.astimezone(UTC)
    except OverflowError:
        at = EPOCH
    if not EARLIEST <= at <= now + AHEAD:
        raise InvalidField(
            Reason.TIMESTAMP_OUT_OF_RANGE, field, f"expected 2000-01-01 to one day ahead of now, found {value[:32]}"
        )
    return at


def iso_datetime(value: str) -> datetime:
    """Return an ISO 8601 date and time; a leap second counts as the second before it. Raises ValueError."""
    # The library takes any character between date and time, also a NUL or half a surrogate pair.
    if len(value) > INSTANT_CHARACTERS or not (value.isascii() and value.isprintable()):
        raise ValueError("too long, or beyond printable ASCII")
    plain = value.strip().upper()
    return datetime.fromisoformat(_LEAP_SECOND.sub(r"\1:59", plain) if ":60" in plain else plain)


def microseconds(at: datetime) -> int:
    """Return an aware instant as whole microseconds since 1970."""
    since = at - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def at_microseconds(value: int) -> datetime | None:
    """Return the instant of microseconds since 1970; None outside the years a datetime can hold."""
    try:
        return EPOCH + timedelta(microseconds=value)
    except OverflowError:
        return None
