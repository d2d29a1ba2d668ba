"""Rows of a series after the store: gaps filled, the period before, local times, two answers joined. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from services.metrics.core.definitions import Metric

SeriesRow = dict[str, Any]
MAX_FILLED: Final = 200_000


def wire(at: datetime) -> str:
    """Return the start of a bucket as answers name it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def filled(
    rows: Sequence[SeriesRow], starts: Iterable[datetime], by: Sequence[str], metrics: Sequence[Metric]
) -> list[SeriesRow]:
    """Return a row for every bucket and every group seen: counts 0, everything else null where there was nothing.

    Raises ValueError when that would be too many rows.
    """
    names = [wire(each) for each in starts]
    groups = list(dict.fromkeys(tuple(row[name] for name in by) for row in rows)) if by else [()]
    if len(names) * len(groups) > MAX_FILLED:
        raise ValueError(
            f"fill=zero would give {len(names) * len(groups)} rows, more than {MAX_FILLED}: "
            "shorten the range, take a longer bucket or group by less"
        )
    held = {(row["bucket"], *(row[name] for name in by)): row for row in rows}
    nothing = {metric.name: 0 if metric.unit == "count" else None for metric in metrics}
    return [
        held.get((name, *group)) or {"bucket": name, **dict(zip(by, group, strict=True)), **nothing}
        for name in names
        for group in groups
    ]


def localised(rows: Iterable[SeriesRow], zone: ZoneInfo) -> list[SeriesRow]:
    """Return the rows with `bucket_local`, the same instant on the clocks of a zone."""
    return [
        {"bucket": row["bucket"], "bucket_local": datetime.fromisoformat(row["bucket"]).astimezone(zone).isoformat()}
        | row
        for row in rows
    ]


def joined(
    rows: Iterable[SeriesRow], others: Iterable[SeriesRow], by: Sequence[str], names: Sequence[str]
) -> list[SeriesRow]:
    """Return the rows with the named columns of the other rows of the same bucket and group, null without one."""
    keys = ("bucket", *by)
    held = {tuple(row[key] for key in keys): row for row in others}
    return [row | {name: held.get(tuple(row[key] for key in keys), {}).get(name) for name in names} for row in rows]
