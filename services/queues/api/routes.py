"""Read routes: queues, items and one item."""

import re
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Response
from fastapi import Path as PathParameter

from services.queues.api.filters import Reader, Wanted, may_see_internal
from services.queues.api.schemas import (
    DetailBody,
    HistoryLine,
    ItemsBody,
    QueueBody,
    QueuesBody,
    conversation_post,
)
from services.queues.core.ports import Detail, ItemReader, QueueCount
from services.queues.core.positions import Cursor, Ordering, parse_cursor
from services.queues.core.post import Standing, instant, item_of, microseconds
from services.queues.core.priority import Ranking
from shared.clock import Clock
from shared.service.problems import FieldError, HttpProblem

ITEM: Final = re.compile(r"[a-z2-7]{1,64}")


def etag(version: int) -> str:
    """Return the strong ETag of an item's version."""
    return f'"{version}"'


def no_such_item(item: str) -> HttpProblem:
    """Return the answer for an item that does not exist, or that this key may not know of."""
    return HttpProblem(404, f"There is no item {item!r} in the queues; its post may have been deleted.")


def the_item(item: Annotated[str, PathParameter(description="Opaque name of an item.")]) -> str:
    """Return the item's name. Raises HttpProblem 404 for what cannot be one; no database has to be asked."""
    if ITEM.fullmatch(item) is None:
        raise no_such_item(item[:64])
    return item


ItemName = Annotated[str, Depends(the_item)]


def items_router(reader: ItemReader, clock: Clock, ranking: Ranking) -> APIRouter:
    """Return GET /v1/queues, /v1/items and /v1/items/{item}."""
    router = APIRouter(prefix="/v1", tags=["queues"])

    @router.get("/queues")
    def queues(wanted: Wanted, response: Response) -> QueuesBody:
        """Answer the open items per department and intent: new, claimed, oldest age, at risk."""
        response.headers["Cache-Control"] = "no-store"
        now_us = microseconds(clock())
        counts = reader.queues(wanted, now_us=now_us)
        return QueuesBody(queues=[_queue(count, now_us) for count in counts])

    @router.get("/items")
    def items(
        wanted: Wanted,
        response: Response,
        order: Annotated[Ordering, Query(description="Which items come first.")] = Ordering.NEWEST,
        after: Annotated[str | None, Query(max_length=200, description="`next` of the page before.")] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> ItemsBody:
        """Answer items, newest first or in another order, a page at a time; new posts never shift a page."""
        response.headers["Cache-Control"] = "no-store"
        now_us = microseconds(clock())
        page = reader.page(wanted, order, after=_cursor(after, order), limit=limit, now_us=now_us)
        return ItemsBody(
            items=[item_of(post, ranking.standing(post, now_us)) for post in page.posts],
            next=None if page.next is None else str(page.next),
            position=str(page.position),
        )

    @router.get("/items/{item}")
    def item(item: ItemName, principal: Reader, response: Response) -> DetailBody:
        """Answer the item, its conversation and its history; the ETag is its version."""
        detail = reader.detail(item, internal=may_see_internal(principal))
        if detail is None:
            raise no_such_item(item)
        response.headers["ETag"] = etag(detail.post.version)
        response.headers["Cache-Control"] = "no-store"
        return _detail(detail, ranking.standing(detail.post, microseconds(clock())))

    return router


def _cursor(text: str | None, order: Ordering) -> Cursor | None:
    if text is None or text == "":
        return None
    cursor = parse_cursor(text)
    if cursor is None or cursor.ordering is not order:
        error = FieldError(field="query.after", detail="expected `next` of a page in the same order, unchanged")
        raise HttpProblem(422, "The cursor is not one of ours; start without it.", errors=[error])
    return cursor


def _queue(count: QueueCount, now_us: int) -> QueueBody:
    return QueueBody(
        department=count.department,
        intent=count.intent,
        new=count.new,
        claimed=count.claimed,
        open=count.new + count.claimed,
        oldest_seconds=max(0, now_us - count.oldest_us) // 1_000_000,
        at_risk=count.at_risk,
    )


def _detail(detail: Detail, standing: Standing) -> DetailBody:
    lines = [
        HistoryLine(
            at=instant(entry.at_us), action=entry.action, agent=entry.agent, key=entry.key, detail=dict(entry.detail)
        )
        for entry in detail.history
    ]
    elsewhere = [conversation_post(post) for post in detail.elsewhere]
    conversation = [conversation_post(post) for post in detail.conversation]
    return DetailBody(
        **item_of(detail.post, standing).model_dump(), conversation=conversation, author_posts=elsewhere, history=lines
    )
