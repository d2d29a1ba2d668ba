"""Which sources a replica runs: each source is leased with one partition of a topic, shared out by a consumer group."""

import zlib
from collections.abc import Iterable


def lease_of(source: str, partitions: int) -> int:
    """Return the partition a source is leased with: by its name, so that an old and a new configuration agree."""
    return zlib.crc32(source.encode()) % partitions


def leased(sources: Iterable[str], held: Iterable[int], partitions: int) -> frozenset[str]:
    """Return the sources that come with the partitions a replica holds."""
    numbers = frozenset(held)
    return frozenset(source for source in sources if lease_of(source, partitions) in numbers)
