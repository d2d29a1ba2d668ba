"""From an activity to its row of the table `versions`; column names and their order are declared here once."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final

from services.metrics.core.kinds import Kind, kind
from shared.contracts.activity import (
    REMOVAL_VERBS,
    Activity,
    ClassifiedActivity,
    Direction,
    channel_class,
    desk,
    version_order,
)
from shared.contracts.rejection import Reason, Rejection, reject

Cell = str | int | float | list[str] | None
Row = tuple[Cell, ...]

VERSION_COLUMNS: Final = (
    "id_hash", "id", "version_order", "removal", "kind", "verb", "direction", "minute", "occurred_at", "received_at",
    "version", "object_id", "channel", "channel_class", "surface", "source", "actor_hash", "actor_id", "actor_handle",
    "actor_name", "actor_followers", "text", "language", "url", "conversation_id", "in_reply_to", "parent_hash",
    "quotes", "mentions", "account", "owner_department", "department", "department_label", "department_probability",
    "intent", "intent_probability", "sentiment", "sentiment_probability", "unsure", "model",
)  # fmt: skip
"""All columns of `versions` but `heard`, which the store stamps."""

REJECTION_COLUMNS: Final = ("received_at", "digest", "reason", "field", "detail", "origin", "excerpt")

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST: Final = datetime(1971, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2105, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
MINUTE_MICROSECONDS: Final = 60_000_000
MAX_VERSION: Final = 2**61
MAX_FOLLOWERS: Final = 2**63


def hash64(text: str) -> int:
    """Return 64 bits that stand for a text; the same text has the same bits, for ever."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def microseconds(at: datetime) -> int:
    """Return microseconds since 1970 of an aware instant."""
    return (at - EPOCH) // MICROSECOND


def unstorable(activity: Activity, *, origin: str, raw: bytes, at: datetime) -> Rejection | None:
    """Return why the columns cannot hold an activity, or None; ingest lets none of these through, others might."""
    for field in ("occurred_at", "received_at"):
        if not EARLIEST <= getattr(activity, field) < LATEST:
            detail = f"expected an instant from {EARLIEST.year} up to {LATEST.year}"
            return reject(Reason.TIMESTAMP_OUT_OF_RANGE, field, detail, origin=origin, raw=raw, at=at)
    if not all(EARLIEST <= each.observed_at < LATEST for each in activity.snapshots):
        detail = f"expected instants from {EARLIEST.year} up to {LATEST.year}"
        return reject(Reason.TIMESTAMP_OUT_OF_RANGE, "snapshots.observed_at", detail, origin=origin, raw=raw, at=at)
    if activity.version >= MAX_VERSION:
        detail = f"expected microseconds below {MAX_VERSION}, found a larger number"
        return reject(Reason.INVALID_RECORD, "version", detail, origin=origin, raw=raw, at=at)
    if not 0 <= (activity.actor.followers or 0) < MAX_FOLLOWERS:
        detail = "expected a count of at least 0 that fits 63 bits"
        return reject(Reason.INVALID_RECORD, "actor.followers", detail, origin=origin, raw=raw, at=at)
    return None


def _labels(activity: ClassifiedActivity, counted_as: Kind) -> Row:
    """Return department to model; the department of what we do or of a reaction is the account's."""
    made = activity.classification
    if made is None:
        return (activity.department or "", "", 0.0, "", 0.0, "", 0.0, 0, "")
    ours = activity.direction is Direction.OUTBOUND
    department = (activity.department or "") if ours or counted_as is Kind.NONE else desk(made)
    return (
        department, made.department.label, made.department.probability, made.intent.label, made.intent.probability,
        made.sentiment.label, made.sentiment.probability, int(made.unsure), made.model,
    )  # fmt: skip


def version_row(activity: ClassifiedActivity) -> Row:
    """Return the row of one version of an activity."""
    counted_as = kind(activity)
    occurred = microseconds(activity.occurred_at)
    actor = activity.actor
    parent = activity.in_reply_to
    return (
        hash64(activity.id), activity.id, version_order(activity.verb, activity.version),
        int(activity.verb in REMOVAL_VERBS), counted_as.value, activity.verb.value, activity.direction.value,
        occurred // MINUTE_MICROSECONDS * 60, occurred, microseconds(activity.received_at), activity.version,
        activity.object_id or "", activity.channel, channel_class(activity.channel).value, activity.surface.value,
        activity.source, hash64(f"{activity.channel}\n{actor.id}"), actor.id, actor.handle or "", actor.name or "",
        actor.followers, activity.text or "", activity.language or "", activity.url or "",
        activity.conversation_id or "", parent or "", hash64(parent) if parent else 0, activity.quotes or "",
        list(activity.mentions), activity.account or "", activity.department or "", *_labels(activity, counted_as),
    )  # fmt: skip


def rejection_row(rejection: Rejection) -> Row:
    """Return the row of a Rejection; the same Rejection has the same row."""
    parts = (rejection.reason.value, rejection.field, rejection.detail, rejection.origin, rejection.excerpt)
    return (microseconds(rejection.received_at), hash64("\n".join(parts)), *parts)
