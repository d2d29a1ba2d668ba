"""Times that platforms declare: lenient reading, for a wrong clock must not lose a post."""

from datetime import UTC, datetime

from services.ingest.core.fields import EARLIEST, iso_datetime, microseconds


def declared_instant(value: object) -> datetime | None:
    """Return an ISO 8601 instant with a zone as aware UTC datetime; None for everything else."""
    if type(value) is not str:
        return None
    try:
        parsed = iso_datetime(value)
        return parsed.astimezone(UTC) if parsed.tzinfo else None
    except (ValueError, OverflowError):
        return None


def iso_microseconds(value: object) -> int | None:
    """Return an ISO 8601 instant with a zone as microseconds since 1970; None for everything else."""
    at = declared_instant(value)
    return microseconds(at) if at is not None and at >= EARLIEST else None
