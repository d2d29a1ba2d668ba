"""The one port: `/` links the pages, /health tells how the whole is, everything else goes to the service it names."""

import asyncio
import contextlib
import errno
import html
import socket
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from deploy.embedded.core.headers import split_target
from deploy.embedded.proxy import Proxy
from deploy.embedded.readiness import Readiness
from shared.errors import PermanentError
from shared.service.problems import HttpProblem, problem_response

LANDING: Final = Path(__file__).with_name("landing.html")
LANDING_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
GRACE_SECONDS: Final = 1
BACKLOG: Final = 2048


@dataclass
class FrontDoor:
    """The ASGI app of the one port."""

    proxies: Mapping[str, Proxy]
    readiness: Readiness
    url: str

    def __post_init__(self) -> None:
        self._landing = LANDING.read_text(encoding="utf-8").replace("ORIGIN", html.escape(self.url))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        name, target = split_target(scope["raw_path"], scope["query_string"])
        proxy = self.proxies.get(name)
        if proxy is not None and target:
            await proxy.forward(scope, receive, send, target)
            return
        answer = _to_page(name, scope["query_string"]) if proxy is not None else await self._own(scope)
        await answer(scope, receive, send)

    async def _own(self, scope: Scope) -> Response:
        path, method = scope["raw_path"], scope["method"]
        if path not in {b"/", b"/health/live", b"/health/ready"}:
            known = ", ".join(f"/{name}/" for name in self.proxies)
            return problem_response(HttpProblem(404, f"There is nothing here; known are /, /health/ready, {known}."))
        if method not in {"GET", "HEAD"}:
            return problem_response(HttpProblem(405, f"{method} is not for this path.", headers={"Allow": "GET, HEAD"}))
        if path == b"/":
            return HTMLResponse(self._landing, headers=LANDING_HEADERS)
        if path == b"/health/live":
            return JSONResponse({"status": "live"})
        status, body = await self.readiness.report()
        return JSONResponse(body, status, headers={"Cache-Control": "no-store"})


def _to_page(name: str, query: bytes) -> Response:
    """Return the way to a service's page; what was asked of it, a shared view for example, goes along."""
    asked = f"?{query.decode('ascii', 'replace')}" if query else ""
    return RedirectResponse(f"/{name}/{asked}", 307)


def bind(host: str, port: int) -> socket.socket:
    """Return the listening socket of the front door. Raises PermanentError when the port cannot be had."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            told = f"Port {port} on {host} is used by another program. Set EARSHOT_PORT to a free one."
        else:
            told = f"Cannot listen on {host} port {port}: {error}. Look at EARSHOT_HOST and EARSHOT_PORT."
        raise PermanentError(told) from error
    return listener


class Server(uvicorn.Server):
    """uvicorn without signal handlers of its own: the launcher decides when the door closes."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none."""
        yield

    async def close(self, served: asyncio.Task[None]) -> None:
        """Accept nothing more, let open requests end, and return."""
        self.should_exit = True
        await asyncio.wait((served,))


def open_server(app: FrontDoor) -> Server:
    """Return the server of the front door."""
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, lifespan="off", ws="none", proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS, h11_max_incomplete_event_size=65_536,
    )  # fmt: skip
    return Server(config)
