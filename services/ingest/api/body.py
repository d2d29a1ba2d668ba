"""Reads request bodies: what form they have, inflated while they stream in, never more held than a limit."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fastapi import Request
from starlette.requests import ClientDisconnect

from services.ingest.core.inflate import BrokenGzipError, Inflater
from shared.errors import TransientError
from shared.service.problems import HttpProblem

BODY_PAUSE_SECONDS: Final = 30.0
GZIP: Final = frozenset({"gzip", "x-gzip"})


class Form(StrEnum):
    """Forms an activities body may have."""

    JSON = "application/json"
    NDJSON = "application/x-ndjson"


def body_form(request: Request) -> Form:
    """Return the form the Content-Type names. Raises HttpProblem 415."""
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    name, _, charset = parameters.strip().lower().partition("=")
    if name.strip() == "charset" and charset.strip(' "') not in {"utf-8", "utf8", "us-ascii"}:
        raise HttpProblem(415, f"Expected UTF-8, found charset={charset[:40]}.")
    try:
        return Form(media_type.strip().lower())
    except ValueError:
        expected = " or ".join(Form)
        raise HttpProblem(
            415,
            f"Expected Content-Type {expected}, found {media_type[:80] or 'none'}.",
            headers={"Accept-Post": expected},
        ) from None


def _is_gzip(request: Request) -> bool:
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding in {"", "identity"}:
        return False
    if encoding not in GZIP:
        raise HttpProblem(
            415, f"Expected Content-Encoding gzip or none, found {encoding[:80]}.", headers={"Accept-Encoding": "gzip"}
        )
    return True


async def pieces(request: Request, limit_bytes: int) -> AsyncIterator[bytes]:
    """Yield the body, inflated, as it arrives. Raises HttpProblem 400, 408, 413, 415."""
    inflater = Inflater() if _is_gzip(request) else None
    total = 0
    try:
        async for chunk in _raw(request):
            for piece in (chunk,) if inflater is None else inflater.feed(chunk):
                total += len(piece)
                if total > limit_bytes:
                    raise _too_large(limit_bytes)
                yield piece
        if inflater is not None:
            inflater.finish()
    except BrokenGzipError as error:
        raise HttpProblem(400, str(error)) from error


async def whole(request: Request, limit_bytes: int) -> bytes:
    """Return the whole body, inflated. Raises HttpProblem 400, 408, 413, 415."""
    _refuse_announced(request, limit_bytes)
    return b"".join([piece async for piece in pieces(request, limit_bytes)])


@dataclass
class Room:
    """Bounds what the bodies of all requests that must be held whole may take together."""

    limit_bytes: int
    held_bytes: int = 0

    @contextlib.asynccontextmanager
    async def whole(self, request: Request, limit_bytes: int) -> AsyncIterator[bytes]:
        """Hold the whole body, inflated. Raises HttpProblem 400, 408, 413, 415, and TransientError without room."""
        _refuse_announced(request, limit_bytes)
        mine = 0
        parts: list[bytes] = []
        try:
            async for piece in pieces(request, limit_bytes):
                mine += len(piece)
                self.held_bytes += len(piece)
                if self.held_bytes > self.limit_bytes:
                    raise TransientError("Too many great JSON bodies at a time; send again in a moment, or NDJSON.")
                parts.append(piece)
            yield b"".join(parts)
        finally:
            self.held_bytes -= mine


async def _raw(request: Request) -> AsyncIterator[bytes]:
    """Yield chunks as the client sends them; a client that falls silent or hangs up ends the request."""
    stream = aiter(request.stream())
    while True:
        try:
            async with asyncio.timeout(BODY_PAUSE_SECONDS):
                chunk = await anext(stream, None)
        except TimeoutError:
            raise HttpProblem(408, f"Expected more of the body within {BODY_PAUSE_SECONDS:g} s.") from None
        except ClientDisconnect:
            raise HttpProblem(400, "The body ended before its announced length.") from None
        if chunk is None:
            return
        if chunk:
            yield chunk


def _refuse_announced(request: Request, limit_bytes: int) -> None:
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > limit_bytes:
        raise _too_large(limit_bytes)


def _too_large(limit_bytes: int) -> HttpProblem:
    return HttpProblem(413, f"Expected at most {limit_bytes} bytes after inflating; send NDJSON or several requests.")
