"""Answers 503 for a request that the end of the process cuts off, instead of the server's bare 500."""

import asyncio
from http import HTTPStatus
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.service.problems import HttpProblem, problem_response

WORDS: Final = (
    "The service is being restarted and did not finish this request; send it again, nothing is counted twice."
)


class Interrupted:
    """Outermost middleware, pure ASGI. An answer that has begun ends as it must: broken off."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except asyncio.CancelledError:
            if begun or scope["type"] != "http":
                raise
            problem = HttpProblem(HTTPStatus.SERVICE_UNAVAILABLE, WORDS, headers={"Retry-After": "1"})
            await problem_response(problem)(scope, receive, send)
