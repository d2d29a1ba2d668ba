"""Builds and serves the FastAPI app of a service: problem documents, keys, health, /metrics, /docs, request metrics."""

import os
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
    install_problem_handlers(app)
    app.include_router(health_router(parts.health))
    app.include_router(signin_router(parts.prefix))
    app.include_router(_inside_router(app, parts.telemetry))
    app.mount("/docs-assets", StaticFiles(packages=[("fastapi_offline", "static")]))
    for router in routers:
        app.include_router(router)
    app.add_middleware(_Measured, telemetry=parts.telemetry)
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

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self.app = app
        self.telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        given = next((value for name, value in scope["headers"] if name == TRACE_HEADER), None)
        trace = parse_trace(given)

        async def measured(message: Message) -> None:
            if message["type"] == "http.response.start":
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
    """Tells the app that the end begins, so that endless answers end instead of using up the shutdown time."""

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self.stopping = stopping

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called by uvicorn at SIGTERM and Ctrl-C."""
        self.stopping()
        super().handle_exit(sig, frame)


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
    server = _Server(config, stopping)
    sockets = None if settings.fd is None else [socket.socket(fileno=os.dup(settings.fd))]
    server.run(sockets=sockets)
    if failed() or not server.started:
        sys.exit(1)
