"""The headers of a record as they came, decoded when somebody looks: most records are handled without."""

from collections.abc import Iterator, Sequence
from typing import overload

Header = tuple[str, bytes]


class LazyHeaders(Sequence[Header]):
    """The headers of one record, decoded at the first look."""

    __slots__ = ("_decoded", "_raw")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._decoded: tuple[Header, ...] | None = None

    def may_hold(self, fragment: bytes) -> bool:
        """Tell whether any value can hold a fragment, at the cost of a search and without decoding."""
        return fragment in self._raw

    def _all(self) -> tuple[Header, ...]:
        if self._decoded is None:
            self._decoded = _headers(self._raw)
        return self._decoded

    @overload
    def __getitem__(self, place: int) -> Header: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Header]: ...
    def __getitem__(self, place: int | slice) -> Header | Sequence[Header]:
        return self._all()[place]

    def __len__(self) -> int:
        return len(self._all())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._all() == tuple(other)

    def __hash__(self) -> int:
        return hash(self._all())

    def __iter__(self) -> Iterator[Header]:
        return iter(self._all())


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a zigzag number and the place behind it. Raises IndexError past the end."""
    byte = data[at]
    at += 1
    value, shift = byte & 0x7F, 7
    while byte & 0x80:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
    return (value >> 1) ^ -(value & 1), at


def _headers(raw: bytes) -> tuple[Header, ...]:
    count, at = varint(raw, 0)
    found = []
    for _ in range(count):
        size, at = varint(raw, at)
        name = raw[at : at + size].decode()
        size, at = varint(raw, at + size)
        found.append((name, raw[at : at + size] if size >= 0 else b""))
        at += max(0, size)
    return tuple(found)
