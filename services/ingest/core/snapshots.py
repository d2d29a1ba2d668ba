"""Reads the snapshots of a submission: counters of a post as a tool or platform showed them at a time."""

import re
from datetime import datetime
from typing import Final

from services.ingest.core.fields import (
    InvalidField,
    identifier,
    instant,
    mapping,
    missing,
    whole_number,
    wrong_type,
)
from shared.contracts.activity import MAX_COUNT, Verb, wire_time
from shared.contracts.rejection import Reason

SNAPSHOTS: Final = 50
_COUNTER: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_OF_POSTS: Final = frozenset({Verb.CREATE, Verb.UPDATE})


def snapshots(value: object, verb: Verb, occurred_at: datetime, *, now: datetime) -> list[dict[str, object]]:
    """Return the snapshots of an item; one without a time is of the time of the act. Raises InvalidField."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong_type("snapshots", "an array of objects", value)
    if value and verb not in _OF_POSTS:
        raise InvalidField(Reason.UNKNOWN_VALUE, "snapshots", f"are counters of a post; {verb.value} makes none")
    if len(value) > SNAPSHOTS:
        raise InvalidField(Reason.TOO_MANY, "snapshots", f"expected at most {SNAPSHOTS}, found {len(value)}")
    return [_snapshot(each, occurred_at, now) for each in value]


def _snapshot(value: object, occurred_at: datetime, now: datetime) -> dict[str, object]:
    held = mapping(value, "snapshots")
    counter = identifier(held.get("counter"), "snapshots.counter")
    if counter is None:
        raise missing("snapshots.counter")
    if _COUNTER.fullmatch(counter) is None:
        raise InvalidField(
            Reason.UNKNOWN_VALUE, "snapshots.counter", "expected a name like audience, opens or clicks: a-z, 0-9 and _"
        )
    count = whole_number(held.get("value"), "snapshots.value", limit=MAX_COUNT)
    if count is None:
        raise missing("snapshots.value")
    observed = held.get("observed_at")
    at = occurred_at if observed is None else instant(observed, "snapshots.observed_at", now=now)
    return {"counter": counter, "value": count, "observed_at": wire_time(at)}
