"""A Jetstream on loopback whose every connection follows a script: refuse it, or send frames and stay, or hang up."""

import http
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from tests.unit.ingest.platforms import encoded


@dataclass
class Script:
    """What one connection does."""

    frames: Sequence[Mapping[str, Any] | bytes] = ()
    refusal: tuple[int, str] | None = None
    hangs_up: bool = False


@dataclass
class ScriptedJetstream:
    """Follows its scripts one connection after the other; the last one is followed for ever."""

    scripts: list[Script]
    queries: list[dict[str, list[str]]] = field(default_factory=list)
    _closing: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._server = serve(self._connected, "127.0.0.1", 0, process_request=self._requested, max_size=None)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        host, port = self._server.socket.getsockname()[:2]
        return f"ws://{host}:{port}/subscribe"

    def cursors(self) -> list[str | None]:
        """Return the cursor every connection asked for, in order."""
        return [query.get("cursor", [None])[0] for query in self.queries]

    def _requested(self, connection: ServerConnection, request: Request) -> Response | None:
        self.queries.append(parse_qs(urlsplit(request.path).query))
        refusal = self._script().refusal
        return None if refusal is None else connection.respond(http.HTTPStatus(refusal[0]), refusal[1])

    def _script(self) -> Script:
        return self.scripts[min(len(self.queries), len(self.scripts)) - 1]

    def _connected(self, connection: ServerConnection) -> None:
        script = self._script()
        try:
            for frame in script.frames:
                connection.send(frame if isinstance(frame, bytes) else encoded(frame)[0].decode())
        except ConnectionClosed:
            return
        if not script.hangs_up:
            self._closing.wait(30)

    def __enter__(self) -> "ScriptedJetstream":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join(5)
