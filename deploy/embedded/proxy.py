"""Passes one HTTP request on to a service and its answer back, both as streams; nothing is held but one chunk.

The target keeps its percent-encoding and query as they came. When the client hangs up, the request to the service is
cancelled; when the service is away, the answer is 503 with Retry-After, never a hang.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Final

import httpx2
from starlette.types import Receive, Scope, Send

from deploy.embedded.core.headers import end_to_end, towards_service
from shared.service.problems import HttpProblem, problem_response

WAIT_FOR_RESTART_SECONDS: Final = 5.0
SILENCE_SECONDS: Final = 60.0
"""Longest silence of a service, also within a stream; event streams send a comment every 15 s."""
IDLE_CONNECTION_SECONDS: Final = 3.0
"""Shorter than the 5 s after which uvicorn closes an idle connection, so that none is reused while it closes."""
EVENT_STREAM: Final = b"text/event-stream"


class ClientGoneError(Exception):
    """The client hung up; nobody waits for an answer."""


def open_transport() -> httpx2.AsyncHTTPTransport:
    """Return the connections to the services: pooled, no redirects, no cookies, no proxies of the environment."""
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=IDLE_CONNECTION_SECONDS)
    return httpx2.AsyncHTTPTransport(limits=limits, trust_env=False)


@dataclass
class _ClientSide:
    """The two directions of a client's connection."""

    receive: Receive
    send: Send
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    answering: bool = False

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the request's body as it arrives. Raises ClientGoneError."""
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            if chunk := message.get("body", b""):
                yield chunk
            if not message.get("more_body", False):
                self.finished.set()
                return

    async def gone(self) -> None:
        """Raise ClientGoneError once the client hangs up after its body."""
        await self.finished.wait()
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError


@dataclass
class Proxy:
    """The way to one service."""

    name: str
    url: str
    transport: httpx2.AsyncBaseTransport
    answering: asyncio.Event
    draining: asyncio.Event
    told: Callable[[], str | None] = lambda: None
    wait_seconds: float = WAIT_FOR_RESTART_SECONDS

    async def forward(self, scope: Scope, receive: Receive, send: Send, target: bytes) -> None:
        """Answer one request by what the service answers to `target`."""
        client = _ClientSide(receive, send)
        try:
            await self._with_watch(scope, client, target)
        except* ClientGoneError:
            pass

    async def _with_watch(self, scope: Scope, client: _ClientSide, target: bytes) -> None:
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(client.gone())
            try:
                await self._answer(scope, client, target)
            except HttpProblem as problem:
                if client.answering:
                    # Half an answer must not look whole: returning without its end closes the connection.
                    return
                await problem_response(problem)(scope, client.receive, client.send)
            finally:
                watch.cancel()

    async def _answer(self, scope: Scope, client: _ClientSide, target: bytes) -> None:
        await self._wait_for_service()
        try:
            response = await self.transport.handle_async_request(self._request(scope, client, target))
            client.finished.set()
            await self._pass_back(response, client)
        except httpx2.TimeoutException as error:
            raise HttpProblem(504, f"{self.name} has not answered for {SILENCE_SECONDS:.0f} s.") from error
        except httpx2.LocalProtocolError as error:
            raise HttpProblem(400, f"The request cannot be passed on: {error}.") from error
        except httpx2.TransportError as error:
            raise self._away() from error

    async def _wait_for_service(self) -> None:
        """Let a request wait for a restart, but not for long. Raises HttpProblem 503."""
        if self.answering.is_set():
            return
        try:
            await asyncio.wait_for(self.answering.wait(), self.wait_seconds)
        except TimeoutError as error:
            raise self._away() from error

    def _away(self) -> HttpProblem:
        told = self.told()
        detail = f"{self.name} is not there now{f' ({told})' if told else ''}. Send the request again."
        return HttpProblem(503, detail, headers={"Retry-After": "1"})

    def _request(self, scope: Scope, client: _ClientSide, target: bytes) -> httpx2.Request:
        peer = scope.get("client")
        headers = towards_service(
            scope["headers"], prefix=f"/{self.name}", client=peer[0] if peer else "", scheme=scope["scheme"]
        )
        names = {name.lower() for name, _ in scope["headers"]}
        has_body = b"transfer-encoding" in names or b"content-length" in names
        timeout = {"connect": 2.0, "read": SILENCE_SECONDS, "write": SILENCE_SECONDS, "pool": SILENCE_SECONDS}
        if not has_body:
            client.finished.set()
        return httpx2.Request(
            scope["method"], self.url, headers=headers, content=client.body() if has_body else None,
            extensions={"target": target, "timeout": timeout},
        )  # fmt: skip

    async def _pass_back(self, response: httpx2.Response, client: _ClientSide) -> None:
        try:
            headers = [each for each in end_to_end(response.headers.raw) if each[0] != b"date"]  # uvicorn adds its own
            client.answering = True
            await client.send({"type": "http.response.start", "status": response.status_code, "headers": headers})
            if any(name == b"content-type" and value.startswith(EVENT_STREAM) for name, value in headers):
                await self._until_draining(self._body(response, client))
            else:
                await self._body(response, client)
            await client.send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await response.aclose()

    @staticmethod
    async def _body(response: httpx2.Response, client: _ClientSide) -> None:
        async for chunk in response.aiter_raw():
            await client.send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def _until_draining(self, stream: Coroutine[None, None, None]) -> None:
        """Run an endless stream until it ends or the front door closes; its client then reconnects and resumes."""
        streaming = asyncio.ensure_future(stream)
        closing = asyncio.ensure_future(self.draining.wait())
        try:
            await asyncio.wait((streaming, closing), return_when=asyncio.FIRST_COMPLETED)
            if streaming.done():
                streaming.result()
        finally:
            streaming.cancel()
            closing.cancel()
            await asyncio.wait((streaming, closing))
