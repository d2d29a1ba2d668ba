"""JSON bodies are held whole, so all of them together are bounded; what does not fit is asked to come back."""

import asyncio
from collections.abc import Sequence

import pytest
from fastapi import Request
from starlette.types import Message

from services.ingest.api.body import Room
from shared.errors import TransientError
from shared.service.problems import HttpProblem


def a_request(chunks: Sequence[bytes], *, announced: int | None = None) -> Request:
    waiting: list[Message] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> Message:
        return waiting.pop(0)

    headers = [] if announced is None else [(b"content-length", str(announced).encode())]
    return Request({"type": "http", "headers": headers}, receive)


async def held(room: Room, request: Request, limit_bytes: int = 100) -> int:
    async with room.whole(request, limit_bytes) as body:
        return len(body)


def test_bodies_share_their_room_and_give_it_back() -> None:
    room = Room(limit_bytes=10)

    async def scenario() -> None:
        async with room.whole(a_request([b"123", b"456"]), 100) as first:
            assert (first, room.held_bytes) == (b"123456", 6)
            with pytest.raises(TransientError, match="send again"):
                await held(room, a_request([b"123", b"456"]))
            assert room.held_bytes == 6
            assert await held(room, a_request([b"1234"])) == 4
        assert await held(room, a_request([b"1234567890"])) == 10

    asyncio.run(scenario())
    assert room.held_bytes == 0


def test_a_body_beyond_its_own_limit_is_413_and_holds_nothing() -> None:
    room = Room(limit_bytes=1_000)
    for request in (a_request([b"x" * 60, b"x" * 60]), a_request([], announced=101)):
        with pytest.raises(HttpProblem) as problem:
            asyncio.run(held(room, request))
        assert (problem.value.status, room.held_bytes) == (413, 0)
