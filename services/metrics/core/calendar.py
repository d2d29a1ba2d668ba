"""Where buckets begin in a time zone: a local day has 23, 24 or 25 hours, an hour may begin at :30 or :45 UTC."""

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Bucket(StrEnum):
    """How long one row of a series lasts; weeks begin on Monday."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def known_zone(name: str) -> ZoneInfo:
    """Return the zone of an IANA name. Raises ValueError for any other text."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError) as error:
        raise ValueError(f"expected an IANA time zone like Europe/Berlin, found {name[:60]!r}") from error


def floor_to(at: datetime, step: timedelta) -> datetime:
    """Return the last whole step (minute or hour) at or before an instant."""
    return at - (at - EPOCH) % step


def ceil_to(at: datetime, step: timedelta) -> datetime:
    """Return the first whole step at or after an instant."""
    floor = floor_to(at, step)
    return floor if floor == at else floor + step


def bucket_start(at: datetime, bucket: Bucket, zone: ZoneInfo) -> datetime:
    """Return the UTC instant at which the bucket that holds `at` begins."""
    if bucket is Bucket.MINUTE:
        return floor_to(at, MINUTE)
    local = at.astimezone(zone)
    if bucket is Bucket.HOUR:
        offset = local.utcoffset() or timedelta()
        return floor_to(at + offset, HOUR) - offset
    day = local.date()
    if bucket is Bucket.WEEK:
        day -= DAY * day.weekday()
    return midnight(day.replace(day=1) if bucket is Bucket.MONTH else day, zone)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the UTC instant at which a local day begins; where clocks skip midnight, the instant of the skip."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def next_start(start: datetime, bucket: Bucket, zone: ZoneInfo) -> datetime:
    """Return the UTC instant at which the bucket after the one that begins at `start` begins."""
    if bucket is Bucket.MINUTE:
        return start + MINUTE
    if bucket is Bucket.HOUR:
        return bucket_start(start + HOUR, bucket, zone)
    day = start.astimezone(zone).date()
    if bucket is Bucket.MONTH:
        return midnight(add_months(day.replace(day=1), 1), zone)
    return midnight(day + DAY * (7 if bucket is Bucket.WEEK else 1), zone)


def add_months(first: date, months: int) -> date:
    """Return the first day of the month so many months after a first day."""
    number = first.year * 12 + first.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def bucket_starts(start: datetime, end: datetime, bucket: Bucket, zone: ZoneInfo) -> list[datetime]:
    """Return where each bucket begins that has a part in [start, end), in order."""
    found = []
    at = bucket_start(start, bucket, zone)
    while at < end:
        found.append(at)
        at = next_start(at, bucket, zone)
    return found


def previous_range(start: datetime, end: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the range before: the months before of whole local months, the days before of whole days, else as long."""
    first, last = start.astimezone(zone).date(), end.astimezone(zone).date()
    if start != midnight(first, zone) or end != midnight(last, zone):
        return start - (end - start), start
    if first.day == last.day == 1:
        months = (last.year - first.year) * 12 + last.month - first.month
        return midnight(add_months(first, -months), zone), start
    return midnight(first - (last - first), zone), start
