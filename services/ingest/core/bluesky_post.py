"""The parts of an app.bsky.feed.post record that an Activity has a place for."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from services.ingest.core.fields import INSTANT_CHARACTERS, identifier, mapping, missing, required_identifier, text

CHANNEL_PREFIX: Final = "bluesky:"
MENTION: Final = "app.bsky.richtext.facet#mention"
RECORD: Final = "app.bsky.embed.record"
RECORD_WITH_MEDIA: Final = "app.bsky.embed.recordWithMedia"
MENTIONS: Final = 1_000
_DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]{1,400}")
_URI = re.compile(r"at://[!-~]{1,500}")


@dataclass(frozen=True, slots=True)
class PostParts:
    """A post's words and whom it names; ids carry their channel."""

    text: str
    language: str | None
    root: str | None
    in_reply_to: str | None
    quotes: str | None
    mentions: tuple[str, ...]


def read_post(record: Mapping[str, object]) -> PostParts:
    """Return the parts of a post record. Raises InvalidField where text or reply are not what the lexicon says."""
    words = text(record.get("text"), "record.text")
    if words is None:
        raise missing("record.text")
    root = parent = None
    if record.get("reply") is not None:
        reply = mapping(record.get("reply"), "record.reply")
        root = _strong_ref(reply.get("root"), "record.reply.root")
        parent = _strong_ref(reply.get("parent"), "record.reply.parent")
    return PostParts(words, _language(record.get("langs")), root, parent, _quoted(record.get("embed")), _named(record))


def _strong_ref(value: object, field: str) -> str:
    return CHANNEL_PREFIX + required_identifier(mapping(value, field).get("uri"), f"{field}.uri")


def _language(value: object) -> str | None:
    first = value[0] if isinstance(value, list) and value else None
    return identifier(first, "record.langs", limit=INSTANT_CHARACTERS) if isinstance(first, str) else None


def _quoted(embed: object) -> str | None:
    """Return what a post quotes; an embed of another kind, or one we cannot read, quotes nothing."""
    if not isinstance(embed, dict):
        return None
    holder = embed.get("record")
    if embed.get("$type") == RECORD_WITH_MEDIA and isinstance(holder, dict):
        holder = holder.get("record")
    elif embed.get("$type") != RECORD:
        return None
    uri = holder.get("uri") if isinstance(holder, dict) else None
    return CHANNEL_PREFIX + uri if isinstance(uri, str) and _URI.fullmatch(uri) else None


def _named(record: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_mention_dids(record.get("facets"))))[:MENTIONS]


def _mention_dids(facets: object) -> Iterator[str]:
    for facet in facets if isinstance(facets, list) else ():
        features = facet.get("features") if isinstance(facet, dict) else None
        for feature in features if isinstance(features, list) else ():
            if isinstance(feature, dict) and feature.get("$type") == MENTION:
                did = feature.get("did")
                if isinstance(did, str) and _DID.fullmatch(did):
                    yield did
