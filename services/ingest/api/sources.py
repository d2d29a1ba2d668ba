"""GET /v1/sources: what every source is doing."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends

from services.ingest.api.schemas import SourceCounts, SourceGap, SourcesView, SourceView
from services.ingest.states import Phase, SourceState
from services.ingest.told import Told
from shared.clock import Clock
from shared.service.auth import Principal, authenticate
from shared.service.problems import HttpProblem


def may_see_sources(principal: Annotated[Principal, Depends(authenticate)]) -> Principal:
    """Return the caller when the key has one of two scopes. Raises HttpProblem 403."""
    if not (principal.may("ingest:write") or principal.may("metrics:read")):
        raise HttpProblem(403, f"The key {principal.name!r} lacks the scope ingest:write or metrics:read.")
    return principal


def sources_router(states: Sequence[SourceState], clock: Clock, told: Told | None) -> APIRouter:
    """Return GET /v1/sources; with `told`, what other replicas run is shown as they told it."""
    router = APIRouter(prefix="/v1", tags=["sources"])

    @router.get("/sources", dependencies=[Depends(may_see_sources)])
    async def get_sources() -> SourcesView:
        """Answer state, last activity, cursor, counts, gaps and last error of every configured source."""
        now = clock()
        away = [state.name for state in states if state.phase is Phase.STANDBY]
        others = await asyncio.to_thread(told.fresh, away) if told is not None and away else {}
        return SourcesView(
            sources=[
                SourceView.model_validate_json(others[state.name]) if state.name in others else view_of(state, now)
                for state in states
            ]
        )

    return router


def view_of(state: SourceState, now: datetime) -> SourceView:
    """Return what is shown of a source that this replica runs."""
    age = state.cursor_age_seconds(now)
    return SourceView(
        name=state.name,
        type=state.kind,
        state=state.phase.value,
        last_activity_at=state.last_activity_at,
        cursor=state.cursor,
        cursor_age_seconds=None if age is None else round(age, 3),
        counts=SourceCounts(**asdict(state.counts)),
        gaps=[SourceGap(began_at=gap.began_at, ended_at=gap.ended_at, reason=gap.reason) for gap in state.gaps],
        last_error=state.last_error,
        last_error_at=state.last_error_at,
        progress=state.progress or None,
    )
