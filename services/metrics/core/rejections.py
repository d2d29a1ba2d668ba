"""Statements about kept Rejections: pages of them, one of them, and how many there are of each reason. Pure.

A Rejection's id is its time in microseconds and the digest of what it says, so the id is also its place in the list.
"""
# ruff: noqa: S608  # the text is put together from closed lists only

import re
from dataclasses import dataclass
from typing import Final

from services.metrics.core.ports import Parameter, Statement

_ID: Final = re.compile(r"([0-9]{1,17})-([0-9a-f]{16})")


@dataclass(frozen=True)
class Place:
    """Where a Rejection stands: its time, and its digest among those of the same time."""

    received_us: int
    digest: int

    @classmethod
    def of(cls, identity: str) -> "Place":
        """Return the place an id names. Raises ValueError."""
        found = _ID.fullmatch(identity)
        if found is None:
            raise ValueError(
                f"expected the id of a rejection like 1795363200000000-00f3a0c19b2d4e57, found {identity!r}"
            )
        return cls(int(found[1]), int(found[2], 16))

    @property
    def parameters(self) -> dict[str, Parameter]:
        """What a statement about this place is bound to; as text, for JSON numbers end at 2 ** 53."""
        return {"received_us": str(self.received_us), "digest": str(self.digest)}


@dataclass(frozen=True)
class RejectionQuery:
    """A page of Rejections, newest first: of one reason if given, from after a place if given."""

    limit: int
    reason: str | None = None
    after: Place | None = None


def rejections(query: RejectionQuery, *, internal: bool) -> Statement:
    """Return the statement of a page; without `internal` the input's own words, excerpt and detail, are left out."""
    parameters: dict[str, Parameter] = {"limit": query.limit}
    wanted = ["1"]
    if query.reason is not None:
        parameters["reason"] = query.reason
        wanted.append("reason = {reason:String}")
    if query.after is not None:
        parameters |= query.after.parameters
        wanted.append(f"(kept.received_at < {_AT} OR (kept.received_at = {_AT} AND kept.digest > {{digest:UInt64}}))")
    sql = f"""{_selected(internal=internal)}
WHERE {" AND ".join(wanted)}
ORDER BY kept.received_at DESC, kept.digest LIMIT {{limit:UInt32}}"""
    return Statement(sql, parameters)


def one_rejection(place: Place, *, internal: bool) -> Statement:
    """Return the statement of one Rejection."""
    sql = f"""{_selected(internal=internal)}
WHERE kept.received_at = {_AT} AND kept.digest = {{digest:UInt64}}"""
    return Statement(sql, place.parameters)


def reasons() -> Statement:
    """Return the statement of the number of Rejections by reason, the most frequent first."""
    sql = f"""
SELECT reason, toUInt32(count()) AS rejections,
  {_wire("min(received_at)")} AS oldest, {_wire("max(received_at)")} AS newest
FROM rejections AS kept FINAL GROUP BY reason ORDER BY rejections DESC, reason"""
    return Statement(sql)


_AT: Final = "fromUnixTimestamp64Micro({received_us:Int64}, 'UTC')"


def _wire(at: str) -> str:
    return f"formatDateTime({at}, '%Y-%m-%dT%H:%i:%S.%fZ', 'UTC')"


def _selected(*, internal: bool) -> str:
    detail, excerpt = ("detail", "excerpt") if internal else ("NULL", "NULL")
    identity = "concat(toString(toUnixTimestamp64Micro(kept.received_at)), '-', lower(leftPad(hex(digest), 16, '0')))"
    return f"""
SELECT {identity} AS id, {_wire("kept.received_at")} AS received_at, reason, field,
  {detail} AS detail, origin, {excerpt} AS excerpt
FROM rejections AS kept FINAL"""
