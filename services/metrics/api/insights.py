"""The routes that are no series: silos, goals, and the activities behind any number."""

from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import orjson
from fastapi import APIRouter, Depends, Query, Response

from services.metrics.api.answering import SeriesDesk
from services.metrics.api.answers import Activities, GoalRow, Goals, Silos
from services.metrics.api.parts import INTERNAL, NO_STORE, MetricsParts, Stamps, json_answer, unfit
from services.metrics.api.schemas import ActivitiesParameters, EngagementParameters
from services.metrics.api.tables import MEDIA_TYPES, Table, written
from services.metrics.core import silos
from services.metrics.core.definitions import DIMENSIONS
from services.metrics.core.drill import activities, position_after, total
from services.metrics.core.goals import period_bounds, stand
from services.metrics.core.query import EngagementQuery
from services.metrics.core.views import ENGAGEMENT, RESPONSIVENESS, SHIFT
from shared.contracts.configuration import Goal
from shared.service.auth import Principal, requires

TEXTS: Final = ("verb", "kind", "direction", *DIMENSIONS, "text", "url", "language", "object_id", "conversation_id",
                "in_reply_to", "model")  # fmt: skip
DRILL_COLUMNS: Final = {
    "id": "text", "occurred_at": "instant", **dict.fromkeys(TEXTS, "text"), "actor_id": "text", "actor_handle": "text",
    "actor_name": "text", "answered_at": "instant", "first_response_seconds": "float",
}  # fmt: skip
GOAL_COLUMNS: Final = {
    "department": "text", "metric": "text", "target": "float", "actual": "float", "pace": "float", "forecast": "float",
    "on_track": "text", "period": "text", "period_start": "text", "period_end": "text",
}  # fmt: skip


def insights_router(parts: MetricsParts, desk: SeriesDesk) -> APIRouter:
    """Return /silos, /goals and /activities."""
    router = APIRouter()
    reader = Depends(requires("metrics:read"))

    @router.get("/silos", responses={200: {"model": Silos}})
    def get_silos(
        parameters: Annotated[EngagementParameters, Query()], principal: Annotated[Principal, reader]
    ) -> Response:
        """Answer posts on the wrong desk, conversations two departments answered, questions asked to two."""
        if parameters.format != "json":
            raise unfit("query.format", "These are three lists: there is json.")
        query = parts.query(parameters, principal, whole=True)
        return json_answer(orjson.dumps(parts.stamps() | found_silos(parts, query)))

    @router.get("/goals", responses={200: {"model": Goals}})
    def get_goals(
        parameters: Annotated[EngagementParameters, Query()], principal: Annotated[Principal, reader]
    ) -> Response:
        """Answer every configured goal in its period that holds `to` (default now); filters narrow what counts."""
        stamps = parts.stamps()
        goals = [each.model_dump(mode="json") for each in goal_rows(desk, parameters, principal)]
        return _listed("goals", goals, stamps, parameters.format, GOAL_COLUMNS)

    @router.get("/activities", responses={200: {"model": Activities}})
    def get_activities(
        parameters: Annotated[ActivitiesParameters, Query()], principal: Annotated[Principal, reader]
    ) -> Response:
        """Answer the activities behind a number, newest first: ask with what the row was asked with, and its metric."""
        query, page, stamps = parts.query(parameters, principal, whole=True), parameters.page(), parts.stamps()
        found = parts.rows(activities(query, page, parts.voices))
        more = len(found) > page.limit
        rows = [_drilled(row) for row in found[: page.limit]]
        last = found[page.limit - 1] if more else None
        following = position_after(int(last["occurred_us"]), last["id"]) if last else None
        if parameters.format != "json":
            flat = [row | {f"actor_{name}": value for name, value in row["actor"].items()} for row in rows]
            answer = _listed("activities", flat, stamps, parameters.format, DRILL_COLUMNS)
            if following:
                answer.headers["X-Earshot-Next"] = following
            return answer
        counted = parts.rows(total(query, page, parts.voices))[0]["total"]
        return json_answer(orjson.dumps({**stamps, "total": counted, "activities": rows, "next": following}))

    return router


def found_silos(parts: MetricsParts, query: EngagementQuery) -> dict[str, Any]:
    """Return the three lists of an answer."""
    asked = [
        silos.Question(row["id"], row["department"], silos.words(row["text"]))
        for row in parts.rows(silos.questions(query))
    ]
    return {
        "misrouted": parts.rows(silos.misrouted(query)),
        "answered_by_two": parts.rows(silos.answered_by_two(query)),
        "asked_twice": [
            {"ids": each.ids, "departments": each.departments, "similarity": each.similarity}
            for each in silos.asked_twice(asked)
        ],
    }


def goal_rows(desk: SeriesDesk, parameters: EngagementParameters, principal: Principal) -> list[GoalRow]:
    """Return how every goal stands."""
    parts = desk.parts
    hours = parts.configuration.queues.business_hours
    named = parameters.tz if "tz" in parameters.model_fields_set or hours is None else hours.timezone
    at = parameters.end or parts.clock()
    found = []
    for goal in parts.configuration.goals:
        if parameters.department is not None and goal.department not in parameters.department:
            continue
        bounds = period_bounds(goal.period, at, ZoneInfo(named))
        held = {name: tuple(values) for name in DIMENSIONS if (values := getattr(parameters, name)) is not None}
        filters = held | {"department": (goal.department,)}
        internal = principal.may(INTERNAL)
        query = EngagementQuery(bounds[0], at, filters=filters, internal=internal, zone=named, whole=True)
        rows = _measured(desk, goal, query) if bounds[0] < at else []
        actual = rows[0].get(goal.metric) if rows else None
        found.append(GoalRow.model_validate(stand(goal, actual, at, bounds), from_attributes=True))
    return found


def _measured(desk: SeriesDesk, goal: Goal, query: EngagementQuery) -> list[dict[str, Any]]:
    """Return the one row of the view that holds a goal's metric."""
    for view in (ENGAGEMENT, SHIFT):
        if any(each.name == goal.metric for each in desk.metrics(view)):
            return desk.rows(view, query)
    return desk.rows(RESPONSIVENESS, query)


def _drilled(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as the answer has it: the actor as one value, unknown names as null."""
    actor = {name: value or None for name, value in row["actor"].items()} | {"followers": row["followers"]}
    kept = {name: value for name, value in row.items() if name not in {"occurred_us", "followers"}}
    seen = [
        {"counter": counter, "value": value, "observed_at": at, "approximate": True}
        for counter, value, at in row["snapshots"]
    ]
    return kept | {"actor": actor, "unsure": bool(row["unsure"]), "snapshots": seen}


def _listed(name: str, rows: list[dict[str, Any]], stamps: Stamps, form: str, columns: dict[str, str]) -> Response:
    """Return a list in the form that was asked."""
    if form == "json":
        return json_answer(orjson.dumps({**stamps, name: rows}))
    if form not in MEDIA_TYPES or form in {"svg", "png"}:
        raise unfit("query.format", f"There is no picture of {name}: there are json, csv, parquet and arrow.")
    texts = [{key: str(value) if columns.get(key) == "text" and value is not None else value
              for key, value in row.items()} for row in rows]  # fmt: skip
    named = {f"X-Earshot-{key.replace('_', '-').title()}": str(value) for key, value in stamps.items()}
    body = written(Table(columns, texts), form, stamps)
    return Response(body, media_type=MEDIA_TYPES[form], headers=NO_STORE | named)
