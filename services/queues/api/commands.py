"""Write routes: what agents do with items. If-Match guards against stale views, Idempotency-Key against doubles."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import BaseModel

from services.queues.api.bounded import BoundedRoute
from services.queues.api.filters import Writer, may_see_internal
from services.queues.api.routes import ItemName, etag, no_such_item
from services.queues.api.schemas import AssignBody, Body, ClaimNextBody, LabelBody, NoteBody, SnoozeBody
from services.queues.core.commands import (
    Assign,
    Claim,
    Command,
    Held,
    Note,
    Order,
    Relabel,
    Release,
    Resolve,
    Snooze,
    Stale,
)
from services.queues.core.filters import ANY, Filter
from services.queues.core.ports import CommandWriter, KeyReused, Retry
from services.queues.core.post import Item, instant, microseconds
from shared.clock import Clock
from shared.contracts.activity import wire_time
from shared.service.auth import Principal
from shared.service.problems import FieldError, HttpProblem

TAG: Final = re.compile(r'"?([0-9]{1,18})"?')
LONGEST_SNOOZE_US: Final = 366 * 86_400 * 1_000_000
IfMatch = Annotated[str | None, Header(max_length=400, description='The ETag last seen, e.g. "3"; * accepts any.')]
IdempotencyKey = Annotated[str | None, Header(max_length=200, description="The same key is answered the same.")]


@dataclass(frozen=True)
class Call:
    """Who calls, and what the headers say about the call."""

    principal: Principal
    path: str
    if_match: str | None
    idempotency_key: str | None

    @property
    def internal(self) -> bool:
        """Tell whether internal posts exist for this caller."""
        return may_see_internal(self.principal)

    def order(self, command: Command, agent: str) -> Order:
        """Return the command with what it is bound to. Raises HttpProblem 428."""
        return Order(command, agent, self.principal.name, versions(self.if_match))

    def retry(self, body: BaseModel) -> Retry | None:
        """Return what marks a repeated request; None without an Idempotency-Key."""
        if not self.idempotency_key:
            return None
        content = f"{self.path}\n{body.model_dump_json()}".encode("utf-8", "surrogatepass")
        return Retry(self.idempotency_key, self.principal.name, hashlib.sha256(content).hexdigest())


def the_call(
    request: Request, principal: Writer, if_match: IfMatch = None, idempotency_key: IdempotencyKey = None
) -> Call:
    """Return the Call of a request."""
    return Call(principal, request.url.path, if_match, idempotency_key)


TheCall = Annotated[Call, Depends(the_call)]


def versions(if_match: str | None) -> frozenset[int] | None:
    """Return the versions an If-Match header names, None for `*`. Raises HttpProblem 428 when there is none."""
    if if_match is None or not if_match.strip():
        raise HttpProblem(428, 'Send If-Match with the version you have seen, for example If-Match: "1" (the ETag).')
    if if_match.strip() == "*":
        return None
    found = (TAG.fullmatch(part.strip()) for part in if_match.split(","))
    # A tag that is not one of ours, or a weak one, matches nothing and so ends as 412.
    return frozenset(int(each[1]) for each in found if each is not None)


def answer(outcome: Item | Held | Stale | KeyReused, response: Response) -> Item:
    """Return the item, or raise the HttpProblem that says why the command was not carried out."""
    match outcome:
        case Held(owner, lease_until_us):
            until = wire_time(instant(lease_until_us))
            raise HttpProblem(
                409, f"{owner} holds this item until {until}.", extra={"owner": owner, "lease_until": until}
            )
        case Stale(version):
            detail = f"The item has version {version} by now; read it again, then repeat what still applies."
            raise HttpProblem(412, detail, headers={"ETag": etag(version)}, extra={"version": version})
        case KeyReused():
            raise HttpProblem(422, "This Idempotency-Key came with another request before; take a fresh one.")
        case Item():
            response.headers["ETag"] = etag(outcome.version)
            response.headers["Cache-Control"] = "no-store"
            return outcome


@dataclass(frozen=True)
class Desk:
    """Carries out commands for the routes and wakes the streams."""

    writer: CommandWriter
    clock: Clock
    changed: Callable[[], None]
    lease_seconds: int

    @property
    def lease_us(self) -> int:
        """How long a claim holds, in microseconds."""
        return self.lease_seconds * 1_000_000

    def now_us(self) -> int:
        """Return now, in microseconds."""
        return microseconds(self.clock())

    def carry_out(self, call: Call, item: str, command: Command, body: Body, response: Response) -> Item:
        """Return the item after a command. Raises HttpProblem."""
        order = call.order(command, body.agent)
        outcome = self.writer.command(item, order, internal=call.internal, now_us=self.now_us(), retry=call.retry(body))
        if outcome is None:
            raise no_such_item(item)
        self.changed()
        return answer(outcome, response)

    def claim_next(self, call: Call, body: ClaimNextBody) -> Item | KeyReused | None:
        """Return the claimed item, None when nothing is waiting."""
        wanted = Filter(
            internal=call.internal,
            department=frozenset({body.department}) if body.department else ANY,
            intent=frozenset({body.intent}) if body.intent else ANY,
        )
        order = Order(Claim(self.lease_us), body.agent, call.principal.name, None)
        outcome = self.writer.claim_next(wanted, order, now_us=self.now_us(), retry=call.retry(body))
        if outcome is not None:
            self.changed()
        return outcome


def commands_router(desk: Desk) -> APIRouter:
    """Return POST /v1/claim-next and /v1/items/{item}/claim, release, resolve, assign, snooze, label and note."""
    router = APIRouter(prefix="/v1", tags=["queues"], route_class=BoundedRoute)
    _add_holding(router, desk)
    _add_moving(router, desk)
    _add_writing(router, desk)
    return router


def _add_holding(router: APIRouter, desk: Desk) -> None:
    @router.post("/items/{item}/claim")
    def claim(item: ItemName, body: Body, call: TheCall, response: Response) -> Item:
        """Take the item, or renew the lease one holds."""
        return desk.carry_out(call, item, Claim(desk.lease_us), body, response)

    @router.post("/claim-next", responses={200: {"model": Item}, 204: {"description": "Nothing is waiting."}})
    def claim_next(body: ClaimNextBody, call: TheCall) -> Response:
        """Claim the new item of the highest priority; of equal ones the oldest."""
        outcome = desk.claim_next(call, body)
        if outcome is None:
            return Response(status_code=204)
        head = Response()
        content = answer(outcome, head).model_dump_json()
        return Response(content, media_type="application/json", headers={"ETag": head.headers["ETag"]})

    @router.post("/items/{item}/release")
    def release(item: ItemName, body: Body, call: TheCall, response: Response) -> Item:
        """Give the item back to its queue."""
        return desk.carry_out(call, item, Release(), body, response)

    @router.post("/items/{item}/assign")
    def assign(item: ItemName, body: AssignBody, call: TheCall, response: Response) -> Item:
        """Hand the item to an agent."""
        return desk.carry_out(call, item, Assign(body.to, desk.lease_us), body, response)


def _add_moving(router: APIRouter, desk: Desk) -> None:
    @router.post("/items/{item}/resolve")
    def resolve(item: ItemName, body: Body, call: TheCall, response: Response) -> Item:
        """Say that nothing is left to do."""
        return desk.carry_out(call, item, Resolve(), body, response)

    @router.post("/items/{item}/snooze")
    def snooze(item: ItemName, body: SnoozeBody, call: TheCall, response: Response) -> Item:
        """Put the item away until an instant."""
        until_us = microseconds(body.until)
        if not 0 < until_us - desk.now_us() <= LONGEST_SNOOZE_US:
            raise _unfit("body.until", "expected an instant within the next 366 days")
        return desk.carry_out(call, item, Snooze(until_us), body, response)


def _add_writing(router: APIRouter, desk: Desk) -> None:
    @router.post("/items/{item}/label")
    def label(item: ItemName, body: LabelBody, call: TheCall, response: Response) -> Item:
        """Correct labels; the item moves to its right queue at once."""
        if not (body.department or body.intent or body.sentiment):
            raise _unfit("body", "expected at least one of department, intent, sentiment")
        return desk.carry_out(call, item, Relabel(body.department, body.intent, body.sentiment), body, response)

    @router.post("/items/{item}/note")
    def note(item: ItemName, body: NoteBody, call: TheCall, response: Response) -> Item:
        """Write something down for colleagues; it stands in the item's history."""
        return desk.carry_out(call, item, Note(body.text), body, response)


def _unfit(field: str, detail: str) -> HttpProblem:
    return HttpProblem(422, "The request does not fit; see errors.", errors=[FieldError(field=field, detail=detail)])
