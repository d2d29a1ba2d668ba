"""POST /v1/activities: one activity, an array or NDJSON; answered once the broker has everything."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Request, Response

from services.ingest.api.body import Form, Room, body_form, pieces
from services.ingest.api.schemas import Taken
from services.ingest.core.addressing import Accounts
from services.ingest.core.fields import InvalidField
from services.ingest.core.lines import Line, LineSplitter
from services.ingest.core.parsing import parse
from services.ingest.core.submission import Reading
from services.ingest.core.submissions import Batch, Rejected, read_items, read_lines
from services.ingest.intake import Intake
from services.ingest.meters import Meters
from shared.clock import Clock
from shared.contracts.rejection import Reason
from shared.contracts.trace import HEADER, Trace, Tracing, parse_trace, trace_in
from shared.service.auth import Principal, requires
from shared.service.problems import HttpProblem

SOURCE: Final = "http"
BODY_BYTES: Final = 32 << 20
HELD_BYTES: Final = 128 << 20
STREAM_BYTES: Final = 4 << 30
ARRAY_ITEMS: Final = 10_000
BATCH_ITEMS: Final = 1_000
BATCH_BYTES: Final = 4 << 20
REJECTED_SHOWN: Final = 1_000
REQUEST_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": ["object", "array"]}},
            "application/x-ndjson": {"schema": {"type": "string"}},
        },
    }
}


@dataclass
class Tally:
    """What became of the inputs of one request so far."""

    accepted: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    rejected_total: int = 0

    def add(self, batch: Batch) -> None:
        """Count a batch that is durable."""
        self.accepted += len(batch.accepted)
        self.rejected_total += len(batch.rejected)
        self.rejected += batch.rejected[: REJECTED_SHOWN - len(self.rejected)]

    def answer(self, trace: Trace | None = None) -> Response:
        """Return the 202; with the trace that the one accepted activity has got."""
        content: dict[str, object] = {
            "accepted": self.accepted,
            "rejected": [_shown(each) for each in self.rejected],
        }
        if self.rejected_total > len(self.rejected):
            content["rejected_total"] = self.rejected_total
        headers = {} if trace is None else {HEADER: str(trace)}
        return Response(orjson.dumps(content), 202, media_type="application/json", headers=headers)


def _shown(rejected: Rejected) -> dict[str, object]:
    rejection = rejected.rejection
    return {
        "index": rejected.number,
        "field": rejection.field,
        "reason": rejection.reason.value,
        "detail": rejection.detail,
    }


@dataclass(frozen=True)
class ActivitiesEndpoint:
    """Takes activities of HTTP clients."""

    intake: Intake
    accounts: Accounts
    meters: Meters
    clock: Clock
    trace_share: float = 0.0
    room: Room = field(default_factory=lambda: Room(HELD_BYTES))

    async def take(self, request: Request, holder: str) -> Response:
        """Return the answer to a request. Raises HttpProblem, TransientError."""
        if body_form(request) is Form.NDJSON:
            return (await self._take_stream(request, holder, self._tracing(request))).answer()
        async with self.room.whole(request, BODY_BYTES) as body:
            try:
                value = await self.intake.compute(partial(parse, body, ""))
            except InvalidField as wrong:
                raise HttpProblem(400, wrong.detail, extra={"reason": wrong.reason.value}) from None
            tracing = self._tracing(request)
            if isinstance(value, list):
                return (await self._take_array(value, self._reading(holder, tracing))).answer()
            # Who sends one activity at a time wants to see where it went.
            return await self._take_one(value, self._reading(holder, tracing._replace(share=1.0)))

    def _tracing(self, request: Request) -> Tracing:
        return Tracing(parse_trace(request.headers.get(HEADER)), self.trace_share)

    def _reading(self, holder: str, tracing: Tracing) -> Reading:
        return Reading(self.accounts, SOURCE, f"{SOURCE}/{holder}", self.clock(), tracing)

    async def _take_stream(self, request: Request, holder: str, tracing: Tracing) -> Tally:
        tally, splitter = Tally(), LineSplitter()
        waiting: list[Line] = []
        waiting_bytes = 0
        async for piece in pieces(request, STREAM_BYTES):
            waiting += splitter.feed(piece)
            waiting_bytes += len(piece)
            while len(waiting) >= BATCH_ITEMS or (waiting and waiting_bytes >= BATCH_BYTES):
                tally.add(await self._take(waiting[:BATCH_ITEMS], holder, tracing))
                waiting, waiting_bytes = waiting[BATCH_ITEMS:], 0
        waiting += splitter.finish()
        if waiting:
            tally.add(await self._take(waiting, holder, tracing))
        return tally

    async def _take_array(self, items: Sequence[object], reading: Reading) -> Tally:
        if len(items) > ARRAY_ITEMS:
            raise HttpProblem(
                413, f"Expected at most {ARRAY_ITEMS} activities in an array, found {len(items)}; send NDJSON."
            )
        tally = Tally()
        for start in range(0, len(items), BATCH_ITEMS):
            some = items[start : start + BATCH_ITEMS]
            batch = await self.intake.take(len(some), partial(read_items, some, start, reading))
            self._count(batch)
            tally.add(batch)
        return tally

    async def _take_one(self, value: object, reading: Reading) -> Response:
        batch = await self.intake.take(1, partial(read_items, [value], 0, reading))
        self._count(batch)
        if not batch.rejected:
            tally = Tally()
            tally.add(batch)
            return tally.answer(trace_in(batch.accepted[0].headers))
        rejection = batch.rejected[0].rejection
        error = {"field": rejection.field, "reason": rejection.reason.value, "detail": rejection.detail}
        where = f" in {rejection.field}" if rejection.field else ""
        detail = (
            "Expected an activity, an array of activities or NDJSON."
            if rejection.reason is Reason.NOT_AN_OBJECT
            else f"The activity cannot be taken: {rejection.reason.value}{where}."
        )
        raise HttpProblem(422, detail, extra={"errors": [error]})

    async def _take(self, lines: list[Line], holder: str, tracing: Tracing) -> Batch:
        reading = self._reading(holder, tracing)  # a stream may last for hours: each batch is received when it is
        batch = await self.intake.take(len(lines), partial(read_lines, lines, reading))
        self._count(batch)
        return batch

    def _count(self, batch: Batch) -> None:
        rejected = [each.rejection for each in batch.rejected]
        self.meters.heard(SOURCE, accepted=len(batch.accepted), rejected=rejected)


def activities_router(endpoint: ActivitiesEndpoint) -> APIRouter:
    """Return POST /v1/activities."""
    router = APIRouter(prefix="/v1", tags=["activities"])

    @router.post("/activities", status_code=202, response_model=Taken, openapi_extra=REQUEST_BODY)
    async def post_activities(
        request: Request, principal: Annotated[Principal, Depends(requires("ingest:write"))]
    ) -> Response:
        """Take one activity, an array of at most 10,000, or NDJSON of any length; 202 once the broker has them."""
        return await endpoint.take(request, principal.name)

    return router
