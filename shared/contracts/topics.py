"""Every topic: its name, partitions, key rule and how long it is kept. deploy/ creates exactly these."""

from dataclasses import dataclass
from typing import Final

DAY_MS: Final = 86_400_000


@dataclass(frozen=True)
class Topic:
    """One topic as it is created and documented; `retention_ms` -1 means for ever."""

    name: str
    partitions: int
    retention_ms: int
    key: str
    value: str


POSTS_RECEIVED: Final = Topic(
    "posts.received.v1",
    4,
    7 * DAY_MS,
    "conversation id, else the post's id",
    "Activity with verb create, update or delete",
)
REACTIONS_RECEIVED: Final = Topic(
    "reactions.received.v1",
    4,
    7 * DAY_MS,
    "object id, else the activity's id",
    "Activity with verb announce, like, follow or undo",
)
POSTS_CLASSIFIED: Final = Topic(
    "posts.classified.v1", 4, 7 * DAY_MS, "as posts.received.v1", "Activity plus classification (null for a delete)"
)
RECORDS_REJECTED: Final = Topic("records.rejected.v1", 1, -1, "origin", "Rejection")
LABELS_CORRECTED: Final = Topic(
    "labels.corrected.v1", 1, -1, "the post's activity id", "Correction: labels before and after, by whom, when"
)
SOURCES_LEASED: Final = Topic(
    "sources.leased.v1", 8, DAY_MS, "none", "Nothing: who holds a partition runs the sources of that number (ADR 0019)"
)

TOPICS: Final = (
    POSTS_RECEIVED,
    REACTIONS_RECEIVED,
    POSTS_CLASSIFIED,
    RECORDS_REJECTED,
    LABELS_CORRECTED,
    SOURCES_LEASED,
)
