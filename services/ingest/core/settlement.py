"""When a journal entry may be forgotten: once every sink has committed past it. Pure; offsets in, verdict out.

A round notes the last journal entry that the broker has acknowledged and where the received topics ended then. When
classify has committed past those ends, everything it made of them stands before the end of posts.classified.v1, which
is noted in turn. When metrics and queues have committed past those, whatever was rejected on the way stands before the
end of records.rejected.v1, which is noted last. When that is stored as well, the entry and all before it are settled.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from shared.contracts.topics import POSTS_CLASSIFIED, POSTS_RECEIVED, REACTIONS_RECEIVED, RECORDS_REJECTED
from shared.stream.ports import Partition

Offsets = Mapping[Partition, int]
"""Next offset per partition."""

RECEIVED: Final = (POSTS_RECEIVED.name, REACTIONS_RECEIVED.name, RECORDS_REJECTED.name)
READERS: Final[Mapping[str, tuple[str, ...]]] = {
    POSTS_RECEIVED.name: ("classify",),
    REACTIONS_RECEIVED.name: ("metrics",),
    RECORDS_REJECTED.name: ("metrics-rejections",),
    POSTS_CLASSIFIED.name: ("metrics", "queues"),
}
"""Which consumer groups must have read a topic before what stands on it is settled."""


class Stage(Enum):
    """How far a round has come."""

    RECEIVED = auto()
    CLASSIFIED = auto()
    REJECTED = auto()
    SETTLED = auto()


@dataclass(frozen=True)
class Round:
    """One round: entries up to `through` are settled once all `ends` are committed by their readers."""

    through: int
    ends: Offsets
    stage: Stage = Stage.RECEIVED


def passed(ends: Offsets, committed: Mapping[str, Offsets]) -> bool:
    """Tell whether every reader of every topic in `ends` has committed at least to the end."""
    return all(
        committed.get(group, {}).get(partition, 0) >= end
        for partition, end in ends.items()
        for group in READERS[partition.topic]
    )


def advance(held: Round, committed: Mapping[str, Offsets], later_ends: Offsets) -> Round:
    """Return the round after a look at the groups; `later_ends` of the other topics were read after `committed`."""
    if not passed(held.ends, committed):
        return held
    if held.stage is Stage.RECEIVED:
        return replace(held, ends=_of(POSTS_CLASSIFIED.name, later_ends), stage=Stage.CLASSIFIED)
    if held.stage is Stage.CLASSIFIED:
        return replace(held, ends=_of(RECORDS_REJECTED.name, later_ends), stage=Stage.REJECTED)
    return replace(held, stage=Stage.SETTLED)


def _of(topic: str, ends: Offsets) -> Offsets:
    return {partition: end for partition, end in ends.items() if partition.topic == topic}
