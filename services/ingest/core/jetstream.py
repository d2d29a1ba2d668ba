"""Frames of Bluesky's Jetstream, both wires, as one kind of event. Knows the wire, not what an event means to us."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from services.ingest.core.fields import (
    InvalidField,
    at_microseconds,
    json_type,
    mapping,
    missing,
    required_identifier,
    wrong_type,
)
from services.ingest.core.parsing import parse
from services.ingest.core.times import iso_microseconds
from shared.contracts.rejection import Reason

Wire = Literal["v1", "v2"]
COLLECTIONS: Final = ("app.bsky.feed.post", "app.bsky.feed.like", "app.bsky.feed.repost", "app.bsky.graph.follow")
LEAST_TIMESTAMP_CURSOR: Final = 10**15
"""A v2 server reads a cursor from here on as microseconds since 1970, below as a sequence number."""


class Kind(StrEnum):
    """What a frame is about."""

    COMMIT = "commit"
    ACCOUNT = "account"
    OUTDATED_CURSOR = "outdated_cursor"
    ERROR = "error"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Commit:
    """One record made, changed or deleted."""

    rev: str
    operation: str
    collection: str
    rkey: str
    record: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class Event:
    """One frame. `time_us` is when the server saw it, `seq` its number on a v2 server; 0 and None without."""

    kind: Kind
    did: str = ""
    time_us: int = 0
    seq: int | None = None
    commit: Commit | None = None
    active: bool = True
    status: str | None = None
    at_us: int = 0
    message: str = ""

    @property
    def uri(self) -> str:
        """Where the record of a commit lives."""
        return f"at://{self.did}/{self.commit.collection}/{self.commit.rkey}" if self.commit else ""


def read_frame(raw: bytes, wire: Wire) -> Event:
    """Return the event in a frame. Raises InvalidField."""
    frame = parse(raw, "frame")
    if not isinstance(frame, dict):
        raise InvalidField(Reason.NOT_AN_OBJECT, "frame", f"expected an object, found {json_type(frame)}")
    return _read_v1(frame) if wire == "v1" else _read_v2(frame)


def _read_v1(frame: Mapping[str, object]) -> Event:
    kind = required_identifier(frame.get("kind"), "kind")
    time_us = _count(frame.get("time_us"), "time_us")
    if kind == Kind.COMMIT:
        commit = _commit(mapping(frame.get("commit"), "commit"), "commit.")
        return Event(Kind.COMMIT, _did(frame), time_us, commit=commit)
    if kind == Kind.ACCOUNT:
        return _account(_did(frame), time_us, None, mapping(frame.get("account"), "account"))
    return Event(Kind.OTHER, time_us=time_us)


def _read_v2(frame: Mapping[str, object]) -> Event:
    if frame.get("$type") == "error":
        return Event(Kind.ERROR, message=f"{frame.get('error')}: {frame.get('message')}"[:300])
    payload = mapping(frame.get("payload"), "payload")
    kind = required_identifier(payload.get("$type"), "payload.$type").rpartition("#")[2]
    if kind == "info":
        outdated = payload.get("name") == "OutdatedCursor"
        return Event(Kind.OUTDATED_CURSOR if outdated else Kind.OTHER, message=str(payload.get("message"))[:300])
    seq = _count(payload.get("seq"), "payload.seq")
    time_us = iso_microseconds(payload.get("time"))
    if kind == Kind.COMMIT:
        if time_us is None:
            raise InvalidField(Reason.INVALID_TIMESTAMP, "payload.time", "expected ISO 8601 with a zone")
        return Event(Kind.COMMIT, _did(payload), time_us, seq, commit=_commit(payload, "payload."))
    if kind == Kind.ACCOUNT:
        inner = payload.get("account")
        return _account(_did(payload), time_us or 0, seq, inner if isinstance(inner, dict) else payload)
    return Event(Kind.OTHER, time_us=time_us or 0, seq=seq)


def _did(holder: Mapping[str, object]) -> str:
    return required_identifier(holder.get("did"), "did")


def _commit(held: Mapping[str, object], path: str) -> Commit:
    record = held.get("record")
    if record is not None and not isinstance(record, dict):
        raise wrong_type(f"{path}record", "an object", record)
    return Commit(
        rev=str(held.get("rev") or ""),
        operation=required_identifier(held.get("operation"), f"{path}operation"),
        collection=required_identifier(held.get("collection"), f"{path}collection"),
        rkey=required_identifier(held.get("rkey"), f"{path}rkey"),
        record=record,
    )


def _account(did: str, time_us: int, seq: int | None, held: Mapping[str, object]) -> Event:
    active = held.get("active")
    if not isinstance(active, bool):
        raise wrong_type("account.active", "a boolean", active)
    status = held.get("status")
    # The relay's own time is the same on every host and wire, the server's is not.
    at_us = iso_microseconds(held.get("time")) or time_us
    if not at_us:
        raise InvalidField(Reason.INVALID_TIMESTAMP, "account.time", "expected ISO 8601 with a zone")
    return Event(
        Kind.ACCOUNT, did, time_us, seq, active=active, at_us=at_us, status=status if isinstance(status, str) else None
    )


def _count(value: object, field: str) -> int:
    if value is None:
        raise missing(field)
    if type(value) is not int or value < 0 or at_microseconds(value) is None:
        raise wrong_type(field, "a whole number that can be a time", value)
    return value
