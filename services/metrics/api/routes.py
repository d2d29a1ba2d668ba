"""The routes of the metrics service. Series come from the store already serialised and are passed on as they are."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Protocol

import orjson
from fastapi import APIRouter, Depends, Query, Response

from services.metrics.api.schemas import (
    Definitions,
    Engagement,
    EngagementParameters,
    KeptRejections,
    MetricDefinition,
)
from services.metrics.core.definitions import DEFINITION_VERSION, METRICS
from services.metrics.core.ports import AnswerTooLargeError, Reader, Statement
from services.metrics.core.query import engagement, rejections
from shared.clock import Clock
from shared.contracts.activity import wire_time
from shared.contracts.rejection import Reason
from shared.service.auth import Principal, requires
from shared.service.problems import FieldError, HttpProblem

INTERNAL: Final = "internal:read"
NO_STORE: Final = {"Cache-Control": "no-store"}


class Freshness(Protocol):
    """What the routes need to know about how far the figures reach."""

    @property
    def as_of(self) -> datetime:
        """Everything received before it is counted."""

    def lag_ms(self) -> int:
        """How far `as_of` is behind now."""


@dataclass(frozen=True)
class MetricsParts:
    """What the routes stand on."""

    reader: Reader
    freshness: Freshness
    clock: Clock


def _stamps(freshness: Freshness) -> dict[str, str | int]:
    return {
        "definition_version": DEFINITION_VERSION,
        "as_of": wire_time(freshness.as_of),
        "lag_ms": freshness.lag_ms(),
    }


def _fetch(reader: Reader, statement: Statement, form: str) -> bytes:
    try:
        return reader.fetch(statement, form)
    except AnswerTooLargeError as error:
        raise HttpProblem(422, "The answer has too many rows: shorten the range, group by less or filter.") from error


def metrics_router(parts: MetricsParts) -> APIRouter:
    """Return the /v1 routes."""
    router = APIRouter(prefix="/v1", tags=["metrics"])

    @router.get("/engagement", responses={200: {"model": Engagement, "content": {"text/csv": {}}}})
    def get_engagement(
        parameters: Annotated[EngagementParameters, Query()],
        principal: Annotated[Principal, Depends(requires("metrics:read"))],
    ) -> Response:
        """Answer engagement against push, responsiveness and sentiment per bucket and group."""
        try:
            query = parameters.query(parts.clock(), internal=principal.may(INTERNAL))
        except ValueError as error:
            problem = FieldError(field="query.from", detail=str(error))
            raise HttpProblem(422, "The request does not fit; see errors.", errors=[problem]) from error
        # Taken before the figures are read: what is claimed as counted was there then.
        stamps = _stamps(parts.freshness)
        if parameters.format == "csv":
            table = _fetch(parts.reader, engagement(query), "CSVWithNames")
            named = {f"X-Earshot-{name.replace('_', '-').title()}": str(value) for name, value in stamps.items()}
            return Response(table, media_type="text/csv", headers=NO_STORE | named)
        series = _fetch(parts.reader, engagement(query), "JSONEachRow")
        return _joined(stamps, "series", series)

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
            )
            for each in METRICS
        ]
        return Definitions(definition_version=DEFINITION_VERSION, metrics=metrics)

    @router.get("/rejections", responses={200: {"model": KeptRejections}})
    def get_rejections(
        principal: Annotated[Principal, Depends(requires("admin"))],
        reason: Reason | None = None,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> Response:
        """Answer what could not be processed, newest first; the input's own words need internal:read."""
        statement = rejections(reason.value if reason else None, limit, internal=principal.may(INTERNAL))
        return _joined({}, "rejections", _fetch(parts.reader, statement, "JSONEachRow"))

    return router


def _joined(stamps: dict[str, str | int], name: str, rows: bytes) -> Response:
    """Return the JSON object {stamps..., name: rows} without reading the rows again."""
    head = orjson.dumps(stamps)[:-1] + (b"," if stamps else b"")
    body = head + orjson.dumps(name) + b":" + (rows.strip() or b"[]") + b"}"
    return Response(body, media_type="application/json", headers=NO_STORE)
