"""POST /v1/webhooks/{source}: signed deliveries of configured sources; the signature is the key."""

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from services.ingest.api.body import whole
from services.ingest.connectors.slack import SlackWebhook
from shared.contracts.rejection import Rejection
from shared.service.problems import HttpProblem

WEBHOOK_BYTES: Final = 1 << 20


def webhooks_router(webhooks: Mapping[str, SlackWebhook]) -> APIRouter:
    """Return the route of all webhook sources."""
    router = APIRouter(prefix="/v1", tags=["webhooks"])

    @router.post("/webhooks/{source}", response_class=JSONResponse)
    async def post_webhook(source: str, request: Request) -> JSONResponse:
        """Take a signed event; 2xx once the broker has it, so that the platform delivers again what got lost."""
        webhook = webhooks.get(source)
        if webhook is None:
            raise HttpProblem(404, "No webhook source of this name is configured; see sources in earshot.yaml.")
        body = await whole(request, WEBHOOK_BYTES)
        timestamp = request.headers.get("x-slack-request-timestamp")
        problem = webhook.signature_problem(body, timestamp, request.headers.get("x-slack-signature"))
        if problem is not None:
            raise HttpProblem(401, f"{problem}.")
        answer = await webhook.receive(body)
        if isinstance(answer, Rejection):
            raise HttpProblem(400, answer.detail, extra={"reason": answer.reason.value})
        return JSONResponse(dict(answer))

    return router
