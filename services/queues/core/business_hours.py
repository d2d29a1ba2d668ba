"""Calendar: how much working time passes between instants, on days of 23, 24 and 25 hours; microseconds, UTC."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from services.queues.core.post import instant, microseconds
from shared.contracts.configuration import MOST_PROMISED_WEEKS, BusinessHours

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY: Final = timedelta(days=1)
MOST_DAYS: Final = 7 * (MOST_PROMISED_WEEKS + 4)
"""Further than any promise reaches (the configuration refuses longer ones), with room for changes of clocks."""


@dataclass(frozen=True)
class Calendar:
    """When people work; without `hours` they always do."""

    hours: BusinessHours | None = None

    def after(self, start_us: int, working_us: int) -> int:
        """Return the instant at which so much working time has passed since `start_us`."""
        if self.hours is None:
            return start_us + working_us
        day, left = _local_day(self.hours, start_us), working_us
        for _ in range(MOST_DAYS):
            opens, closes = _window(self.hours, day)
            begins = max(opens, start_us)
            if left <= closes - begins:
                return begins + left
            left -= max(0, closes - begins)
            day += DAY
        raise ValueError(f"{working_us} µs of working time are more than {MOST_PROMISED_WEEKS} weeks hold")

    def between(self, start_us: int, end_us: int) -> int:
        """Return the working time from one instant to another; negative when the second is the earlier."""
        if end_us < start_us:
            return -self.between(end_us, start_us)
        if self.hours is None:
            return end_us - start_us
        day, last = _local_day(self.hours, start_us), _local_day(self.hours, end_us)
        passed = 0
        while day <= last:
            following = date(day.year + 1, 1, 1)
            if day == date(day.year, 1, 1) and following <= last and day > _local_day(self.hours, start_us):
                passed, day = passed + _year(self.hours, day.year), following
                continue
            opens, closes = _window(self.hours, day)
            passed += max(0, min(closes, end_us) - max(opens, start_us))
            day += DAY
        return passed


def _local_day(hours: BusinessHours, at_us: int) -> date:
    return instant(at_us).astimezone(ZoneInfo(hours.timezone)).date()


@lru_cache(maxsize=4_096)
def _window(hours: BusinessHours, day: date) -> tuple[int, int]:
    """Return when work begins and ends on a local day; the same instant twice on a day off."""
    opens = _local(hours, day, hours.start)
    if WEEKDAYS[day.weekday()] not in hours.days:
        return opens, opens
    return opens, max(opens, _local(hours, day, hours.end))


@lru_cache(maxsize=256)
def _year(hours: BusinessHours, year: int) -> int:
    """Return the working time of a whole local year, so that old posts cost no walk through every day."""
    day, passed = date(year, 1, 1), 0
    while day.year == year:
        opens, closes = _window(hours, day)
        passed += closes - opens
        day += DAY
    return passed


def _local(hours: BusinessHours, day: date, minute: int) -> int:
    # Clock time, not midnight plus minutes: on the day the clocks change nine o'clock is still nine o'clock.
    at = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(hours.timezone)) + timedelta(minutes=minute)
    return microseconds(at.astimezone(UTC))
