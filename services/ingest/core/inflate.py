"""Inflates gzip as it streams in, in bounded pieces, so that a small body cannot become a huge one in memory."""

import zlib
from collections.abc import Iterator

PIECE_BYTES = 1 << 18
GZIP_WBITS = 31


class BrokenGzipError(Exception):
    """The bytes are not gzip, or end too early."""


class Inflater:
    """Feed it chunks as they arrive, then call `finish` once; several gzip members in a row are one stream."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(GZIP_WBITS)
        self._fed_bytes = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what the chunk inflates to, piece by piece. Raises BrokenGzipError."""
        self._fed_bytes += len(chunk)
        while chunk:
            if self._member.eof:
                self._member = zlib.decompressobj(GZIP_WBITS)
            try:
                piece = self._member.decompress(chunk, PIECE_BYTES)
            except zlib.error as error:
                raise BrokenGzipError(
                    f"expected gzip as Content-Encoding says, found something else: {error}"
                ) from error
            if piece:
                yield piece
            chunk = self._member.unused_data if self._member.eof else self._member.unconsumed_tail

    def finish(self) -> None:
        """Raise BrokenGzipError when the stream ended within a member."""
        if self._fed_bytes and not self._member.eof:
            raise BrokenGzipError("expected a complete gzip stream, found one that ends too early")
