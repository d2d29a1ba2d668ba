"""POST /v1/rejections/replay: sends rejected records again, after what rejected them was mended."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from services.ingest.core.replays import Rejected
from services.ingest.replays import Outcome, Replays
from shared.contracts.activity import Instant
from shared.contracts.rejection import EXCERPT_CHARACTERS
from shared.service.auth import Principal, requires
from shared.service.problems import HttpProblem

AT_ONCE: Final = 200
INTERNAL: Final = "internal:read"


class RejectedInput(BaseModel):
    """A rejection as GET /metrics/v1/rejections shows it."""

    origin: str = Field(max_length=1_000)
    excerpt: str = Field(max_length=EXCERPT_CHARACTERS)


class ReplayWanted(BaseModel):
    """Rejections whose inputs are to be sent again; `repeat` sends also what was sent before."""

    rejections: list[RejectedInput] = Field(min_length=1, max_length=AT_ONCE)
    repeat: bool = False


class ReplayOutcome(BaseModel):
    """What became of one of them."""

    outcome: Outcome
    detail: str
    replayed_at: Instant | None


class ReplayOutcomes(BaseModel):
    """One outcome for each, in order."""

    outcomes: list[ReplayOutcome]


def replays_router(replays: Replays) -> APIRouter:
    """Return the route; needs the scopes admin and internal:read, for the excerpt proves which record is meant."""
    router = APIRouter(prefix="/v1", tags=["rejections"])

    @router.post("/rejections/replay")
    async def post_replay(
        wanted: ReplayWanted, principal: Annotated[Principal, Depends(requires("admin"))]
    ) -> ReplayOutcomes:
        """Send rejected records again as they were, at most 200 a time; answered once they are durable."""
        if not principal.may(INTERNAL):
            raise HttpProblem(403, f"The key {principal.name!r} lacks the scope {INTERNAL}.")
        rejected = [Rejected(each.origin, each.excerpt) for each in wanted.rejections]
        verdicts = await replays.replay(rejected, repeat=wanted.repeat)
        return ReplayOutcomes(
            outcomes=[
                ReplayOutcome(outcome=each.outcome, detail=each.detail, replayed_at=each.replayed_at)
                for each in verdicts
            ]
        )

    return router
