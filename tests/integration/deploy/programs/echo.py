"""A service that tells what reached it, streams events, and ends badly when asked to."""

import asyncio
import hashlib
import itertools
import os
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from shared.service.http import serve
from shared.service.settings import HttpSettings


async def echo(request: Request) -> Response:
    digest, size = hashlib.sha256(), 0
    async for chunk in request.stream():
        digest.update(chunk)
        size += len(chunk)
    return JSONResponse(
        {
            "method": request.method,
            "raw_path": request.scope["raw_path"].decode(),
            "query": request.scope["query_string"].decode(),
            "headers": [[name.decode(), value.decode("latin-1")] for name, value in request.scope["headers"]],
            "size": size,
            "sha256": digest.hexdigest(),
        }
    )


async def events(request: Request) -> Response:
    async def stream() -> AsyncIterator[str]:
        request.app.state.streams += 1
        try:
            for number in itertools.count(1):
                yield f"id: {number}\ndata: {number}\n\n"
                await asyncio.sleep(0.2)
        finally:
            request.app.state.streams -= 1

    return StreamingResponse(stream(), media_type="text/event-stream")


async def large(request: Request) -> Response:
    async def stream() -> AsyncIterator[bytes]:
        for _ in range(int(request.query_params["mib"])):
            yield bytes(1 << 20)

    return StreamingResponse(stream(), media_type="application/octet-stream", headers={"Set-Cookie": "a=1"})


async def half(request: Request) -> Response:
    async def stream() -> AsyncIterator[bytes]:
        yield b"first half"
        await asyncio.sleep(0.1)
        os._exit(7)

    return StreamingResponse(stream(), media_type="text/plain")


async def refuse(request: Request) -> Response:
    return PlainTextResponse("too large", 413)


async def crash(request: Request) -> Response:
    os._exit(9)


async def environment(request: Request) -> Response:
    names = ("INGEST_REWIND_SECONDS", "KAFKA_BOOTSTRAP_SERVERS", "HTTP_PREFIX", "EARSHOT_HOME", "EARSHOT_API_KEY")
    told = {"pid": os.getpid(), "streams": request.app.state.streams}
    return JSONResponse({name: os.environ.get(name) for name in names} | told)


async def live(request: Request) -> Response:
    return JSONResponse({"status": "live"})


async def ready(request: Request) -> Response:
    return JSONResponse({"status": "ready", "not_ready": {}})


def run(name: str) -> None:
    """Serve until SIGTERM."""
    app = Starlette(
        routes=[
            Route("/health/live", live),
            Route("/health/ready", ready),
            Route("/events", events),
            Route("/large", large),
            Route("/half", half),
            Route("/refuse", refuse, methods=["POST"]),
            Route("/crash", crash, methods=["POST"]),
            Route("/environment", environment),
            Route("/{rest:path}", echo, methods=["GET", "POST", "PUT", "DELETE", "PATCH"]),
        ]
    )
    app.state.streams = 0
    serve(app, HttpSettings())  # type: ignore[arg-type]  # serve needs an ASGI app only
