"""The one error shape of every route, RFC 9457 `application/problem+json`: type, title, status, detail, errors[]."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from shared.errors import TransientError

MEDIA_TYPE: Final = "application/problem+json"


class FieldError(BaseModel):
    """One thing wrong with a request."""

    field: str
    detail: str


class ProblemBody(BaseModel):
    """What an error answer holds; further members may stand beside these."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []


class HttpProblem(Exception):  # noqa: N818  # it is a problem document on its way out
    """Raised by routes to answer with a problem document; `extra` members stand beside the standard ones."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: dict[str, str] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = list(errors)
        self.headers = headers or {}
        self.extra = extra or {}


def problem_response(problem: HttpProblem) -> JSONResponse:
    """Return the answer for a problem."""
    body = ProblemBody(
        title=HTTPStatus(problem.status).phrase, status=problem.status, detail=problem.detail, errors=problem.errors
    )
    content = body.model_dump() | problem.extra
    return JSONResponse(content, status_code=problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def install_problem_handlers(app: FastAPI) -> None:
    """Make every error of the app, also the framework's own, a problem document."""

    @app.exception_handler(HttpProblem)
    async def _problem(_: Request, error: HttpProblem) -> JSONResponse:
        return problem_response(error)

    @app.exception_handler(TransientError)
    async def _transient(_: Request, error: TransientError) -> JSONResponse:
        headers = {"Retry-After": str(max(1, round(error.retry_after_seconds)))}
        return problem_response(HttpProblem(503, str(error), headers=headers))

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        errors = [
            FieldError(field=".".join(str(part) for part in each["loc"]), detail=str(each["msg"]))
            for each in error.errors()
        ]
        return problem_response(HttpProblem(422, "The request does not fit; see errors.", errors=errors))

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> JSONResponse:
        return problem_response(HttpProblem(error.status_code, str(error.detail), headers=dict(error.headers or {})))

    @app.exception_handler(Exception)
    async def _unexpected(_: Request, error: Exception) -> JSONResponse:
        # Starlette logs the traceback; the caller gets no inside view.
        return problem_response(HttpProblem(500, f"Our mistake ({type(error).__name__}); it is in the service's log."))
