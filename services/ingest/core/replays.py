"""Which rejected inputs can be sent again, and why the others cannot. Pure.

A record that a service rejected stands on its topic for as long as the broker keeps it, so it can be written once more
as it was. What ingest itself rejected never was a record: whoever sent it was told, or can be asked again.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from shared.contracts.codec import Outgoing
from shared.contracts.rejection import excerpt_of
from shared.contracts.topics import POSTS_CLASSIFIED, POSTS_RECEIVED, REACTIONS_RECEIVED
from shared.stream.ports import Partition, Record

REPLAYED_TOPICS: Final = frozenset({POSTS_RECEIVED.name, REACTIONS_RECEIVED.name, POSTS_CLASSIFIED.name})
_RECORD: Final = re.compile(r"([a-z0-9.]{1,100})/([0-9]{1,6})/([0-9]{1,18})")
_ELSEWHERE: Final = (
    ("http/", "The sender was told in the answer to the request; it sends the input again, corrected."),
    ("slack/", "Slack was told that the event arrived and keeps nothing to fetch; only the excerpt is left."),
    ("bluesky/", "Bluesky's server has it for some days: set the source's cursor back to hear it again."),
    (
        "replay/",
        "It stands in the replayed file, at the byte after the colon; correct it and give the file a new name.",
    ),
)


@dataclass(frozen=True)
class Rejected:
    """What a Rejection says of its input: where it came from and how it began."""

    origin: str
    excerpt: str

    @property
    def digest(self) -> str:
        """The name under which its replay is remembered; a fresh broker gives old offsets to other records."""
        return hashlib.sha256(f"{self.origin}\n{self.excerpt}".encode()).hexdigest()


@dataclass(frozen=True)
class Place:
    """A record's place."""

    partition: Partition
    offset: int


def place_of(rejected: Rejected) -> Place | str:
    """Return where the whole input stands, or in words why it cannot be sent again from here."""
    found = _RECORD.fullmatch(rejected.origin)
    if found is not None and found[1] in REPLAYED_TOPICS:
        return Place(Partition(found[1], int(found[2])), int(found[3]))
    for beginning, words in _ELSEWHERE:
        if rejected.origin.startswith(beginning):
            return words
    return f"Expected an origin topic/partition/offset with one of {', '.join(sorted(REPLAYED_TOPICS))}."


def again(rejected: Rejected, record: Record | None) -> Outgoing | str:
    """Return the record to write once more, as it was, or in words why there is none."""
    if record is None:
        return (
            "The broker no longer has the record: it is older than its topic keeps, or the memory broker was replaced."
        )
    if excerpt_of(record.value or b"") != rejected.excerpt:
        return "Another record stands there now: the memory broker was replaced since."
    if record.value is None:
        return "The record has no value, so there is nothing to send."
    return Outgoing(record.partition.topic, record.key, record.value, record.headers)
