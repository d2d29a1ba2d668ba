"""A Jetstream on loopback that plays given frames to everyone who connects; what it was asked for can be looked at."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response


@dataclass
class JetstreamServer:
    """`frames` are what a connection gets; `refuses` tells which cursors are too old; `holds` keeps it open."""

    frames: Sequence[bytes] = ()
    refuses: Callable[[str | None], bool] = lambda _: False
    holds: bool = True
    asked: list[dict[str, list[str]]] = field(default_factory=list)
    played: int = 0
    port: int = 0

    def cursors(self) -> list[str | None]:
        return [query.get("cursor", [None])[0] for query in self.asked]

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/subscribe"

    def _process(self, connection: ServerConnection, request: Request) -> Response | None:
        query = parse_qs(urlsplit(request.path).query)
        self.asked.append(query)
        if self.refuses(query.get("cursor", [None])[0]):
            return connection.respond(HTTPStatus.BAD_REQUEST, '{"error":"CursorTooOld","message":"gone"}')
        return None

    async def _play(self, connection: ServerConnection) -> None:
        for frame in self.frames:
            await connection.send(frame.decode("utf-8", "surrogateescape"))
        self.played += 1
        if self.holds:
            await connection.wait_closed()

    @contextlib.contextmanager
    def running(self) -> Iterator["JetstreamServer"]:
        started, stop = threading.Event(), threading.Event()

        async def run() -> None:
            async with serve(
                self._play, "127.0.0.1", self.port, process_request=self._process, close_timeout=0.2
            ) as server:
                self.port = next(iter(server.sockets)).getsockname()[1]
                started.set()
                await asyncio.to_thread(stop.wait)

        thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        thread.start()
        assert started.wait(5)
        try:
            yield self
        finally:
            stop.set()
            thread.join(5)
