"""Byte streams: NDJSON cut into lines and gzip inflated, however they are cut into chunks."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.core.inflate import PIECE_BYTES, BrokenGzipError, Inflater
from services.ingest.core.lines import Line, LineSplitter


def chunks(content: bytes, sizes: list[int]) -> list[bytes]:
    found, start = [], 0
    for size in [*sizes, len(content)]:
        found.append(content[start : start + size])
        start += size
    return found


def split(content: bytes, sizes: list[int], limit_bytes: int = 1 << 20) -> list[Line]:
    splitter = LineSplitter(limit_bytes)
    return [line for chunk in chunks(content, sizes) for line in splitter.feed(chunk)] + splitter.finish()


@given(st.binary(max_size=300), st.lists(st.integers(0, 50), max_size=20))
def test_lines_do_not_depend_on_how_the_stream_was_cut(content: bytes, sizes: list[int]) -> None:
    expected = [Line(number, part) for number, part in enumerate(content.split(b"\n")) if part and not part.isspace()]
    assert split(content, sizes) == expected


@given(st.lists(st.integers(0, 7), max_size=20))
def test_a_line_beyond_the_limit_is_marked_and_the_next_one_is_whole(sizes: list[int]) -> None:
    lines = split(b"short\n" + b"x" * 40 + b"\nnext", sizes, limit_bytes=10)
    assert [(line.number, line.whole) for line in lines] == [(0, True), (1, False), (2, True)]
    assert lines[2].content == b"next"


def test_an_endless_line_is_not_held() -> None:
    splitter = LineSplitter(1_000)
    for _ in range(100):
        assert splitter.feed(b"x" * 1_000) == []
    assert len(splitter._tail) + len(splitter._kept or b"") <= 1_000


@given(st.binary(max_size=2_000), st.lists(st.integers(0, 200), max_size=20))
def test_gzip_inflates_however_it_is_cut(content: bytes, sizes: list[int]) -> None:
    inflater = Inflater()
    packed = gzip.compress(content[:900]) + gzip.compress(content[900:])
    found = b"".join(piece for chunk in chunks(packed, sizes) for piece in inflater.feed(chunk))
    inflater.finish()
    assert found == content


def test_a_bomb_comes_in_bounded_pieces() -> None:
    pieces = [len(piece) for piece in Inflater().feed(gzip.compress(b"0" * (8 << 20)))]
    assert max(pieces) <= PIECE_BYTES
    assert sum(pieces) == 8 << 20


@pytest.mark.parametrize("content", [b"plain text", zlib.compress(b"zlib"), gzip.compress(b"a") + b"trailing"])
def test_what_is_not_gzip_is_refused(content: bytes) -> None:
    with pytest.raises(BrokenGzipError, match="expected gzip"):
        list(Inflater().feed(content))


def test_gzip_that_ends_too_early_is_refused() -> None:
    inflater = Inflater()
    list(inflater.feed(gzip.compress(b"a whole text")[:-4]))
    with pytest.raises(BrokenGzipError, match="ends too early"):
        inflater.finish()
