"""Log lines that are about records: which ones, by what trace, how far; never what they say."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final, Protocol, TypeVar

import orjson
import structlog

from shared.contracts.codec import Headers
from shared.contracts.rejection import Rejection
from shared.contracts.trace import HEADER, Trace, trace_in
from shared.stream.headers import LazyHeaders
from shared.stream.ports import Record

LINES_PER_BATCH: Final = 20
"""Lines of one kind that one batch may write; the rest is told by its number."""
TRACES_SHOWN: Final = 3
ID_CHARACTERS: Final = 200
_SAMPLED: Final = b"-01"


class Carrier(Protocol):
    """A record on its way in or out."""

    @property
    def headers(self) -> Headers:
        """Headers, among them the trace."""

    @property
    def value(self) -> bytes | None:
        """The JSON value."""


SomeCarrier = TypeVar("SomeCarrier", bound=Carrier)


def sampled(records: Iterable[SomeCarrier]) -> list[SomeCarrier]:
    """Return the records whose trace is to be followed."""
    # Written out: this runs once per record, also where fifty thousand come in a second.
    return [
        record
        for record in records
        if not isinstance(record.headers, LazyHeaders) or record.headers.may_hold(_SAMPLED)
        for name, value in record.headers
        if name == HEADER and value.endswith(_SAMPLED)
    ]


def follow(event: str, records: Sequence[Carrier], **where: object) -> None:
    """Write a line for each record whose trace is to be followed."""
    log = structlog.get_logger(__name__)
    followed = sampled(records)
    for record in followed[:LINES_PER_BATCH]:
        log.info(event, **where, **ids_of(record))
    if len(followed) > LINES_PER_BATCH:
        log.info("more of the same", of=event, **where, records=len(followed) - LINES_PER_BATCH)


def ids_of(record: Carrier) -> dict[str, str]:
    """Return the ids of one record: its trace, its place on a topic, its activity; those that it has."""
    trace = trace_in(record.headers)
    ids = {
        "trace_id": trace.id if trace else None,
        "record": record.origin if isinstance(record, Record) else None,
        "activity": activity_id(record.value),
    }
    return {name: value for name, value in ids.items() if value is not None}


def activity_id(value: bytes | None) -> str | None:
    """Return the id in a record's value; None when it holds none."""
    try:
        held = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None
    found = held.get("id") if isinstance(held, dict) else None
    return found[:ID_CHARACTERS] if isinstance(found, str) else None


def span_of(records: Sequence[Carrier]) -> dict[str, Any]:
    """Return which records a line is about: how many, the first, the last, the first traces."""
    if not records:
        return {}
    some = (trace_in(record.headers) for record in islice(records, LINES_PER_BATCH))
    span: dict[str, Any] = {
        "records": len(records),
        "trace_ids": list(dict.fromkeys(trace.id for trace in some if trace))[:TRACES_SHOWN],
    }
    for name, record in (("first", records[0]), ("last", records[-1])):
        span[f"{name}_record"] = record.origin if isinstance(record, Record) else activity_id(record.value)
    return span


def log_rejections(where: str, rejected: Sequence[Rejection], traces: Mapping[str, Trace | None]) -> None:
    """Write a line per rejection with its origin; what the input said is not in it, `earshot rejected` shows that.

    Args:
        where: The loop or source that rejected.
        rejected: What was rejected.
        traces: Traces by origin, as far as inputs had any.
    """
    log = structlog.get_logger(__name__)
    for each in rejected[:LINES_PER_BATCH]:
        trace = traces.get(each.origin)
        ids = {} if trace is None else {"trace_id": trace.id}
        log.warning(
            "input rejected", where=where, reason=each.reason.value, field=each.field[:100], record=each.origin, **ids
        )
    if len(rejected) > LINES_PER_BATCH:
        log.warning("more of the same", of="input rejected", where=where, records=len(rejected) - LINES_PER_BATCH)
