"""Routes of the classify service: POST /v1/classify and GET /v1/model."""

import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from services.classify.api.schemas import ClassificationBody, ClassificationsBody, ClassifyBody
from services.classify.core.decide import decide
from services.classify.core.ports import Scorer
from shared.service.auth import requires
from shared.service.problems import FieldError, HttpProblem

MAX_BODY_BYTES: Final = 64 << 20
MAX_ERRORS: Final = 20
REQUEST_SCHEMA: Final = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": ClassifyBody.model_json_schema()}},
    }
}


async def bounded_body(request: Request) -> bytes:
    """Return the body. Raises HttpProblem 413 as soon as it is too long, whatever length it announces."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise HttpProblem(413, f"The body is longer than {MAX_BODY_BYTES} bytes; send fewer texts at once.")
        parts.append(part)
    return b"".join(parts)


def parsed(body: bytes) -> ClassifyBody:
    """Return the request in a body. Raises HttpProblem 400 when it is not JSON, 422 when it does not fit."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HttpProblem(400, f'Expected JSON like {{"texts": ["..."]}}: {error}') from error
    try:
        return ClassifyBody.model_validate(content)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)[:MAX_ERRORS]
        errors = [FieldError(field=".".join(("body", *map(str, each["loc"]))), detail=each["msg"]) for each in found]
        raise HttpProblem(422, "The request does not fit; see errors.", errors=errors) from error


def _answer(scorer: Scorer, body: bytes) -> ClassificationsBody:
    texts = parsed(body).texts
    decided = [decide(scores, scorer.heads, scorer.model) for scores in scorer.score(texts)]
    found = [
        ClassificationBody(department=each.department, intent=each.intent, sentiment=each.sentiment, unsure=each.unsure)
        for each in decided
    ]
    return ClassificationsBody(model=scorer.model, classifications=found)


def classify_router(scorer: Scorer) -> APIRouter:
    """Return the routes on a loaded model."""
    router = APIRouter(prefix="/v1", tags=["classify"], dependencies=[Depends(requires("classify:read"))])

    @router.post("/classify", openapi_extra=REQUEST_SCHEMA)
    async def classify(body: Annotated[bytes, Depends(bounded_body)]) -> ClassificationsBody:
        """Classify up to 1,000 texts; one classification each, in order."""
        # Parsing and scoring take seconds for large requests; the event loop keeps answering meanwhile.
        return await run_in_threadpool(_answer, scorer, body)

    @router.get("/model")
    def model() -> dict[str, Any]:
        """Answer the model card: version, labels, thresholds, training sets, scores."""
        return dict(scorer.card)

    return router
