"""The record of an activity straight from its JSON fields: what codec.encode_activity writes, without the model."""

import hashlib
from functools import lru_cache
from typing import Final

import orjson

from services.ingest.core.submission import ActivityFields
from shared.contracts.activity import POST_VERBS
from shared.contracts.codec import Headers, Outgoing
from shared.contracts.topics import POSTS_RECEIVED, REACTIONS_RECEIVED
from shared.contracts.trace import OWN, Tracing

RECORD_BYTES: Final = 1_000_000
"""The greatest record; a Kafka broker takes 1 MiB with everything around it."""

_POST_VERBS: Final = frozenset(verb.value for verb in POST_VERBS)


def encode_fields(fields: ActivityFields, tracing: Tracing = OWN) -> Outgoing:
    """Return the record of an activity given by the fields of its JSON."""
    verb, identity = str(fields["verb"]), str(fields["id"])
    is_post = verb in _POST_VERBS
    key = fields["conversation_id"] if is_post else fields["object_id"]
    event = hashlib.sha256(f"{identity}\n{fields['version']}\n{verb}".encode()).hexdigest()[:32]
    headers = (("ce_id", event.encode()), *_other_headers(str(fields["source"]), verb), tracing.header(event))
    topic = POSTS_RECEIVED.name if is_post else REACTIONS_RECEIVED.name
    return Outgoing(topic, str(key or identity).encode(), orjson.dumps(fields), headers)


@lru_cache(maxsize=1_000)
def _other_headers(source: str, verb: str) -> Headers:
    return (
        ("ce_source", f"/earshot/ingest/{source}".encode()),
        ("ce_type", f"earshot.activity.{verb}.received.v1".encode()),
        ("ce_specversion", b"1.0"),
        ("content-type", b"application/json"),
    )
