"""The routes of kept Rejections: how many of each reason, a page of them, one of them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from services.metrics.api.parts import INTERNAL, MetricsParts, joined, json_answer, unfit
from services.metrics.api.schemas import KeptRejection, KeptRejections, RejectionReasons
from services.metrics.core.rejections import Place, RejectionQuery, one_rejection, reasons, rejections
from shared.contracts.rejection import Reason
from shared.service.auth import Principal, requires
from shared.service.problems import HttpProblem

Operator = Annotated[Principal, Depends(requires("admin"))]


def rejections_router(parts: MetricsParts) -> APIRouter:
    """Return the routes; all need the scope admin, the input's own words internal:read as well."""
    router = APIRouter(prefix="/rejections")

    @router.get("", responses={200: {"model": KeptRejections}})
    def get_rejections(
        principal: Operator,
        reason: Reason | None = None,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
        after: str | None = None,
    ) -> Response:
        """Answer what could not be processed, newest first, from after an id; its words need internal:read."""
        place = None if after is None else _place(after, "query.after")
        query = RejectionQuery(limit, reason.value if reason else None, place)
        statement = rejections(query, internal=principal.may(INTERNAL))
        return json_answer(joined({}, "rejections", parts.fetch(statement)))

    @router.get("/reasons", responses={200: {"model": RejectionReasons}})
    def get_reasons(_: Operator) -> Response:
        """Answer how many inputs could not be processed, by reason, and when the first and the last of each came."""
        return json_answer(joined({}, "reasons", parts.fetch(reasons())))

    @router.get("/{rejection}")
    def get_rejection(rejection: str, principal: Operator) -> KeptRejection:
        """Answer one rejection by its id."""
        statement = one_rejection(_place(rejection, "path.rejection"), internal=principal.may(INTERNAL))
        for row in parts.rows(statement):
            return KeptRejection.model_validate(row)
        raise HttpProblem(404, "No rejection of this id is kept here.")

    return router


def _place(identity: str, field: str) -> Place:
    try:
        return Place.of(identity)
    except ValueError as error:
        raise unfit(field, str(error)) from error
