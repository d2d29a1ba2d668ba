"""Bytes from and to contract values, and the CloudEvents 1.0 binary-mode headers of a Kafka record.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from pydantic import ValidationError

from shared.contracts.activity import POST_VERBS, Activity, ClassifiedActivity
from shared.contracts.correction import Correction
from shared.contracts.rejection import Reason, Rejection, reject
from shared.contracts.topics import (
    LABELS_CORRECTED,
    POSTS_CLASSIFIED,
    POSTS_RECEIVED,
    REACTIONS_RECEIVED,
    RECORDS_REJECTED,
)
from shared.contracts.trace import OWN, Trace, Tracing

Headers = Sequence[tuple[str, bytes]]
AnyActivity = TypeVar("AnyActivity", bound=Activity)


@dataclass(frozen=True)
class Outgoing:
    """One record to be written: topic, key, value and headers."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers = ()


def event_id(activity: Activity) -> str:
    """Return the deterministic CloudEvents id: the same act in the same version has the same id, for ever."""
    text = f"{activity.id}\n{activity.version}\n{activity.verb}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def activity_key(activity: Activity) -> bytes:
    """Return the record key: conversation for posts, object for reactions, so that versions of one id stay in order."""
    if activity.verb in POST_VERBS:
        return (activity.conversation_id or activity.id).encode()
    return (activity.object_id or activity.id).encode()


def _headers(activity: Activity, kind: str, tracing: Tracing) -> Headers:
    event = event_id(activity)
    return (
        ("ce_id", event.encode()),
        ("ce_source", f"/earshot/ingest/{activity.source}".encode()),
        ("ce_type", f"earshot.activity.{activity.verb}.{kind}.v1".encode()),
        ("ce_specversion", b"1.0"),
        ("content-type", b"application/json"),
        # CloudEvents' distributed tracing extension, under the name the standard gives it on every transport.
        tracing.header(event),
    )


def encode_activity(activity: Activity, tracing: Tracing = OWN) -> Outgoing:
    """Return the record of a received activity on its topic."""
    topic = POSTS_RECEIVED if activity.verb in POST_VERBS else REACTIONS_RECEIVED
    value = activity.model_dump_json().encode()
    return Outgoing(topic.name, activity_key(activity), value, _headers(activity, "received", tracing))


def encode_classified(activity: ClassifiedActivity, *, key: bytes, trace: Trace | None = None) -> Outgoing:
    """Return the record of a classified post; `key` and `trace` are those of the received record, kept as they were."""
    value = activity.model_dump_json().encode()
    return Outgoing(POSTS_CLASSIFIED.name, key, value, _headers(activity, "classified", Tracing(trace)))


def encode_rejection(rejection: Rejection) -> Outgoing:
    """Return the record of a Rejection."""
    value = rejection.model_dump_json().encode()
    digest = hashlib.sha256(value).hexdigest()[:32].encode()
    headers = (
        ("ce_id", digest),
        ("ce_source", b"/earshot"),
        ("ce_type", b"earshot.record.rejected.v1"),
        ("ce_specversion", b"1.0"),
        ("content-type", b"application/json"),
    )
    return Outgoing(RECORDS_REJECTED.name, rejection.origin.encode(), value, headers)


def encode_correction(correction: Correction) -> Outgoing:
    """Return the record of a label correction; told again, it has the same id."""
    text = f"{correction.id}\n{correction.version}\nlabels"
    headers = (
        ("ce_id", hashlib.sha256(text.encode()).hexdigest()[:32].encode()),
        ("ce_source", b"/earshot/queues"),
        ("ce_type", b"earshot.labels.corrected.v1"),
        ("ce_specversion", b"1.0"),
        ("content-type", b"application/json"),
    )
    return Outgoing(LABELS_CORRECTED.name, correction.id.encode(), correction.model_dump_json().encode(), headers)


def decode(contract: type[AnyActivity], value: bytes | None, *, origin: str, at: datetime) -> AnyActivity | Rejection:
    """Return the activity in a record's value, or the Rejection that says why there is none; never raises."""
    if value is None:
        return reject(
            Reason.INVALID_RECORD, "value", "expected JSON, found a null value", origin=origin, raw=b"", at=at
        )
    try:
        return contract.model_validate_json(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "value"
        return reject(Reason.INVALID_RECORD, field, first["msg"], origin=origin, raw=value, at=at)
