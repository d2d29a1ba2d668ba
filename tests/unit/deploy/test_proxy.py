"""What the front door answers when a service does not, over the HTTP library's own in-memory transport."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import httpx2
import pytest
from starlette.types import Message, Scope

from deploy.embedded.proxy import Proxy

SCOPE: Scope = {
    "type": "http",
    "method": "POST",
    "scheme": "http",
    "client": ("127.0.0.1", 5),
    "headers": [(b"host", b"h"), (b"transfer-encoding", b"chunked")],
}
WHOLE = ({"type": "http.request", "body": b"abc", "more_body": False},)


async def forwarded(
    handler: Callable[[httpx2.Request], Any], messages: Sequence[Message] = WHOLE, *, up: bool = True
) -> list[Message]:
    """Send one request through a proxy whose service is `handler` and return what the client gets."""
    answering, draining = asyncio.Event(), asyncio.Event()
    if up:
        answering.set()
    left, sent = list(messages), []

    async def receive() -> Message:
        if left:
            return left.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    transport = httpx2.MockTransport(handler)
    proxy = Proxy("classify", "http://s", transport, answering, draining, lambda: "down; restarted once", 0.05)
    async with asyncio.timeout(5):
        await proxy.forward(SCOPE, receive, send, b"/v1/x")
    return sent


def problem(sent: Sequence[Message]) -> tuple[int, dict[bytes, bytes], dict[str, Any]]:
    return sent[0]["status"], dict(sent[0]["headers"]), json.loads(sent[1]["body"])


async def refuse(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("refused", request=request)


async def be_silent(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ReadTimeout("silent", request=request)


async def take(request: httpx2.Request) -> httpx2.Response:
    body = b"".join([chunk async for chunk in request.stream])  # type: ignore[union-attr]

    async def answer() -> AsyncIterator[bytes]:
        yield b"ok"

    return httpx2.Response(200, headers={"date": "never", "x-size": str(len(body))}, content=answer())


async def break_off(request: httpx2.Request) -> httpx2.Response:
    async def half() -> AsyncIterator[bytes]:
        yield b"half"
        raise httpx2.ReadError("reset", request=request)

    return httpx2.Response(200, content=half())


async def never(request: httpx2.Request) -> httpx2.Response:
    await asyncio.Event().wait()
    raise AssertionError


def test_a_service_that_stays_down_is_503_with_retry_after_and_says_why() -> None:
    status, headers, body = problem(asyncio.run(forwarded(take, up=False)))
    assert (status, headers[b"retry-after"]) == (503, b"1")
    assert "restarted once" in body["detail"]


def test_a_service_that_refuses_the_connection_is_503_with_retry_after() -> None:
    status, headers, body = problem(asyncio.run(forwarded(refuse)))
    assert (status, headers[b"retry-after"], body["status"]) == (503, b"1", 503)


def test_a_service_that_says_nothing_is_504() -> None:
    status, _, body = problem(asyncio.run(forwarded(be_silent)))
    assert (status, body["title"]) == (504, "Gateway Timeout")


def test_the_answer_passes_with_its_headers_and_without_a_second_date() -> None:
    sent = asyncio.run(forwarded(take))
    headers = dict(sent[0]["headers"])
    assert (sent[0]["status"], headers[b"x-size"], sent[1]["body"]) == (200, b"3", b"ok")
    assert b"date" not in headers
    assert sent[-1]["more_body"] is False


def test_an_answer_that_breaks_off_is_never_ended() -> None:
    sent = asyncio.run(forwarded(break_off))
    assert [message.get("body") for message in sent[1:]] == [b"half"]
    assert sent[-1]["more_body"] is True


@pytest.mark.parametrize("whole", [True, False])
def test_a_client_that_hangs_up_gets_no_answer_and_its_request_is_cancelled(*, whole: bool) -> None:
    part = {"type": "http.request", "body": b"ab", "more_body": not whole}
    handler = never if whole else take
    assert asyncio.run(forwarded(handler, [part, {"type": "http.disconnect"}])) == []
