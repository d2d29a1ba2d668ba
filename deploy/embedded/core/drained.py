"""Whether everything that was written has been consumed: committed positions against the ends of topics. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.contracts.topics import POSTS_CLASSIFIED, POSTS_RECEIVED, REACTIONS_RECEIVED
from shared.stream.ports import Partition


@dataclass(frozen=True)
class Consumption:
    """A consumer group and the topics it must have read to the end."""

    group: str
    topics: tuple[str, ...]


STAGES: Final = (
    (Consumption("classify", (POSTS_RECEIVED.name,)),),
    (
        Consumption("metrics", (POSTS_CLASSIFIED.name, REACTIONS_RECEIVED.name)),
        Consumption("queues", (POSTS_CLASSIFIED.name,)),
    ),
)
"""In this order: once classify has read everything, the ends of what it writes no longer move."""


def left_to_read(ends: Mapping[Partition, int], committed: Mapping[Partition, int]) -> int:
    """Return how many records a group has not committed yet; a partition never committed counts from its start."""
    return sum(max(0, end - committed.get(partition, 0)) for partition, end in ends.items())
