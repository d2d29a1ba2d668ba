"""The routes of the metrics service: one per series, and definitions; insights.py and rejections.py have the others."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query, Response

from services.metrics.api.answering import Asked, SeriesDesk
from services.metrics.api.answers import ANSWERS
from services.metrics.api.insights import insights_router
from services.metrics.api.parts import MetricsParts
from services.metrics.api.rejections import rejections_router
from services.metrics.api.schemas import Definitions, EngagementParameters, MetricDefinition
from services.metrics.api.tables import MEDIA_TYPES
from services.metrics.core.definitions import DEFINITION_VERSION
from services.metrics.core.views import DOCUMENTED, ENGAGEMENT, RESPONSIVENESS, SENTIMENT, SHIFT, VOICE, View
from shared.service.auth import Principal, requires

__all__ = ["MetricsParts", "metrics_router"]

WORDS: Final = (
    (ENGAGEMENT, "Answer engagement against push, responsiveness and sentiment per bucket and group."),
    (RESPONSIVENESS, "Answer how many inbound posts got a response, and how soon."),
    (SENTIMENT, "Answer how inbound posts sound."),
    (SHIFT, "Answer how far we converse instead of broadcast, and on which class of channels."),
    (VOICE, "Answer whose tracked terms are spoken of; which post speaks of what is decided by today's terms."),
)


def metrics_router(parts: MetricsParts) -> APIRouter:
    """Return the /v1 routes."""
    router = APIRouter(prefix="/v1", tags=["metrics"])
    desk = SeriesDesk(parts)
    for view, words in WORDS:
        _add_series(router, desk, view, words)

    @router.get("/definitions")
    def get_definitions(_: Annotated[Principal, Depends(requires("metrics:read"))]) -> Definitions:
        """Answer how every metric is computed."""
        metrics = [
            MetricDefinition(
                name=each.name,
                formula=each.formula,
                formula_version=each.formula_version,
                unit=each.unit,
                caveats=each.caveats,
                approximate=each.approximate,
            )
            for each in DOCUMENTED
        ]
        return Definitions(definition_version=DEFINITION_VERSION, metrics=metrics)

    router.include_router(rejections_router(parts))
    router.include_router(insights_router(parts, desk))
    return router


def _add_series(router: APIRouter, desk: SeriesDesk, view: View, words: str) -> None:
    """Add the route of one series."""
    forms: dict[str, Any] = {media_type: {} for media_type in MEDIA_TYPES.values()}

    @router.get(
        f"/{view.name}",
        name=view.name,
        description=words,
        responses={200: {"model": ANSWERS[view.name], "content": forms}, 304: {"description": "You have it."}},
    )
    def get_series(
        parameters: Annotated[EngagementParameters, Query()],
        principal: Annotated[Principal, Depends(requires("metrics:read"))],
        if_none_match: Annotated[str | None, Header()] = None,
    ) -> Response:
        query = desk.parts.query(parameters, principal)
        return desk.answer(Asked(view, query, parameters, if_none_match))
