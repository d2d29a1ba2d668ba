"""BoundedRoute: a route whose body is refused before it is parsed when it is larger than any command."""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message

from shared.service.problems import HttpProblem

MOST_BYTES: Final = 65_536


class BoundedRoute(APIRoute):
    """Reads at most 64 KiB; what announces or sends more is answered 413."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with the limit in front."""
        handler = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            body = await _read(request)

            async def replay() -> Message:
                return {"type": "http.request", "body": body, "more_body": False}

            return await handler(Request(request.scope, replay))

        return bounded


async def _read(request: Request) -> bytes:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > MOST_BYTES:
        raise _too_large()
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise _too_large()
    return bytes(body)


def _too_large() -> HttpProblem:
    return HttpProblem(413, f"Expected a body of at most {MOST_BYTES} bytes.")
