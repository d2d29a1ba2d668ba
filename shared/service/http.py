"""Builds and serves the FastAPI app of a service: problem documents, keys, health, /metrics, /docs, request metrics."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

import structlog
import uvicorn
from fastapi import APIRouter, Depends, FastAPI, Response
from fastapi.openapi.docs import get_swagger_ui_html
from prometheus_client import generate_latest
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.contracts.trace import HEADER, parse_trace
from shared.service.auth import Keyring, requires
from shared.service.closing import SETTLE_SECONDS, begin_no_more
from shared.service.health import Health, health_router
from shared.service.interrupted import Interrupted
from shared.service.problems import install_problem_handlers
from shared.service.settings import HttpSettings
from shared.service.signin import signin_router
from shared.service.telemetry import Telemetry

TRACE_HEADER: Final = HEADER.encode()

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class ServiceParts:
    """What every service's app is made of."""

    name: str
    keyring: Keyring
    health: Health
    telemetry: Telemetry
    prefix: str = ""


@dataclass
class Draining:
    """Whether the end has begun: from then on answers ask their connections to close, and readiness says so."""

    begun: bool = False

    def problem(self) -> str | None:
        """Health check."""
        return "is stopping; ask another replica" if self.begun else None


def create_app(parts: ServiceParts, routers: Sequence[APIRouter], *, lifespan: Lifespan | None = None) -> FastAPI:
    """Return the app: the given routers plus health, /metrics, sign-in and /docs, all with one error shape."""
    app = FastAPI(
        title=f"Earshot {parts.name}",
        version="1",
        lifespan=lifespan,
        servers=[{"url": parts.prefix}] if parts.prefix else None,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # its redirects would miss the prefix of the front door
    )
    app.state.keyring = parts.keyring
    app.state.prefix = parts.prefix
    app.state.draining = draining = Draining()
    parts.health.register("running", draining.problem)
    install_problem_handlers(app)
    app.include_router(health_router(parts.health))
    app.include_router(signin_router(parts.prefix))
    app.include_router(_inside_router(app, parts.telemetry))
    app.mount("/docs-assets", StaticFiles(packages=[("fastapi_offline", "static")]))
    for router in routers:
        app.include_router(router)
    app.add_middleware(_Measured, telemetry=parts.telemetry, draining=draining)
    app.add_middleware(Interrupted)
    return app


def _inside_router(app: FastAPI, telemetry: Telemetry) -> APIRouter:
    """Return /metrics, /openapi.json and /docs; each needs a key."""
    router = APIRouter(tags=["inside"])

    @router.get("/metrics", dependencies=[Depends(requires("metrics:read"))])
    def prometheus() -> Response:
        """Answer the process's metrics in Prometheus' text form."""
        return Response(generate_latest(telemetry.registry), media_type="text/plain; version=0.0.4")

    @router.get("/docs", include_in_schema=False, dependencies=[Depends(requires("metrics:read"))])
    def docs() -> Response:
        """Answer Swagger UI from an installed package: no CDN."""
        return get_swagger_ui_html(
            openapi_url="openapi.json",
            title=app.title,
            swagger_js_url="docs-assets/swagger-ui-bundle.js",
            swagger_css_url="docs-assets/swagger-ui.css",
            swagger_favicon_url="docs-assets/favicon.png",
        )

    @router.get("/openapi.json", include_in_schema=False, dependencies=[Depends(requires("metrics:read"))])
    def openapi() -> dict[str, Any]:
        """Answer the OpenAPI description."""
        return app.openapi()

    return router


class _Measured:
    """Counts and times every request by route template, and keeps its trace; pure ASGI, so streams pass untouched."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry, draining: Draining) -> None:
        self.app = app
        self.telemetry = telemetry
        self.draining = draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        given = next((value for name, value in scope["headers"] if name == TRACE_HEADER), None)
        trace = parse_trace(given)

        async def measured(message: Message) -> None:
            if message["type"] == "http.response.start":
                if self.draining.begun:
                    message["headers"] = [*message["headers"], (b"connection", b"close")]
                if trace is not None and all(name != TRACE_HEADER for name, _ in message["headers"]):
                    message["headers"] = [*message["headers"], (TRACE_HEADER, str(trace).encode())]
                route = getattr(scope.get("route"), "path", "unmatched")
                self.telemetry.requests.labels(route, str(message["status"])).inc()
                self.telemetry.request_seconds.labels(route).observe(time.perf_counter() - started)
            await send(message)

        if trace is None:
            await self.app(scope, receive, measured)
            return
        with structlog.contextvars.bound_contextvars(trace_id=trace.id):
            await self.app(scope, receive, measured)


class _Server(uvicorn.Server):
    """Ends in order: tells the app, goes on accepting for a while, then finishes what is open and exits with 0."""

    def __init__(self, config: uvicorn.Config, drain_seconds: float, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self.drain_seconds = drain_seconds
        self.stopping = stopping
        self.asked = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called by uvicorn at SIGTERM and Ctrl-C; the second time it does not wait any longer."""
        self.stopping()
        if self.asked or not self.started or self.drain_seconds <= 0:
            super().handle_exit(sig, frame)
            return
        self.asked = True
        # The front door still sends here until it has noticed: who came in time is answered.
        asyncio.get_running_loop().call_later(self.drain_seconds, super().handle_exit, sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Called by uvicorn to close sockets and wait for open requests; an inherited socket is not ours to close."""
        if sockets is None and [begin_no_more(each) for server in self.servers for each in server.sockets]:
            await asyncio.sleep(SETTLE_SECONDS)
        await super().shutdown(sockets)

    def ask(self, *_: object) -> None:
        """Called for a signal that came before uvicorn listens, and for the one it raises again when all is done."""
        self.should_exit = True


def serve(
    app: FastAPI,
    settings: HttpSettings,
    *,
    failed: Callable[[], bool] = lambda: False,
    stopping: Callable[[], None] = lambda: None,
) -> None:
    """Serve until SIGTERM or Ctrl-C; exits non-zero when `failed` says that the service stopped by itself.

    `stopping` is called in the signal handler, before open requests are waited for.
    """
    config = uvicorn.Config(
        app, host=settings.host, port=settings.port, log_config=None, access_log=False, server_header=False,
        timeout_graceful_shutdown=settings.shutdown_seconds, proxy_headers=False, h11_max_incomplete_event_size=65_536,
    )  # fmt: skip
    draining: Draining = getattr(app.state, "draining", Draining())

    def end() -> None:
        draining.begun = True
        stopping()

    server = _Server(config, settings.drain_seconds, end)
    # uvicorn raises a signal again once it has ended in order; by default that would kill us, and look like a crash.
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, server.ask)
    sockets = None if settings.fd is None else [socket.socket(fileno=os.dup(settings.fd))]
    server.run(sockets=sockets)
    if failed() or not server.started:
        sys.exit(1)
