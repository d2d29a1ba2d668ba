"""SqlReader: every question to the database, each answered from one consistent snapshot."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import ColumnElement, Connection, Engine, case, func, select

from services.queues.core.event import Event
from services.queues.core.filters import Filter
from services.queues.core.ports import Bounds, Detail, Page, QueueCount
from services.queues.core.positions import Cursor, Ordering, Position
from services.queues.core.post import Post, State
from services.queues.core.priority import Ranking
from services.queues.store.errors import translated
from services.queues.store.ordering import IS_OPEN, Sorted
from services.queues.store.rows import ALL_POSTS, entry_from, event_from, post_from
from services.queues.store.schema import events, history, meta, posts
from shared.contracts.activity import Surface
from shared.errors import EarshotError

CONVERSATION_POSTS: Final = 500
HISTORY_LINES: Final = 500
AUTHOR_POSTS: Final = 20
NEWEST_FIRST: Final = (posts.c.occurred_at_us.desc(), posts.c.item.desc())


def visible(wanted: Filter) -> list[ColumnElement[bool]]:
    """Return the conditions of a Filter on `posts`, the same that Filter.matches checks in memory."""
    conditions: list[ColumnElement[bool]] = [posts.c.state.is_not(None)]
    if not wanted.internal:
        conditions.append(posts.c.surface != Surface.INTERNAL)
    for column, values in (
        (posts.c.department, wanted.department),
        (posts.c.intent, wanted.intent),
        (posts.c.sentiment, wanted.sentiment),
        (posts.c.state, wanted.state),
        (posts.c.surface, wanted.surface),
    ):
        if values:
            conditions.append(column.in_(sorted(values)))
    return conditions


def _bounds(connection: Connection) -> Bounds:
    row = connection.execute(select(func.min(events.c.sequence), func.max(events.c.sequence))).one()
    return Bounds(row[0] or 1, row[1] or 0)


@dataclass(frozen=True)
class SqlReader:
    """Implements ItemReader and EventReader."""

    engine: Engine
    epoch: str
    ranking: Ranking = field(default_factory=Ranking)

    def queues(self, wanted: Filter, *, now_us: int) -> Sequence[QueueCount]:
        """See ItemReader.queues."""
        new = func.sum(case((posts.c.state == State.NEW, 1), else_=0))
        claimed = func.sum(case((posts.c.state == State.CLAIMED, 1), else_=0))
        at_risk = func.sum(case((posts.c.risk_us <= now_us, 1), else_=0))
        query = (
            select(posts.c.department, posts.c.intent, new, claimed, func.min(posts.c.occurred_at_us), at_risk)
            .where(IS_OPEN, *visible(wanted))
            .group_by(posts.c.department, posts.c.intent)
            .order_by(posts.c.department, posts.c.intent)
        )
        with translated("count the queues"), self.engine.begin() as connection:
            return [QueueCount(*row) for row in connection.execute(query)]

    def page(self, wanted: Filter, ordering: Ordering, *, after: Cursor | None, limit: int, now_us: int) -> Page:
        """See ItemReader.page."""
        as_of_us = now_us if after is None else after.now_us
        order = Sorted(ordering, as_of_us, self.ranking)
        # Narrow keys are found and sorted first: whole posts are read only for the page.
        keys = select(order.rank.label("rank"), posts.c.occurred_at_us, posts.c.item).where(*visible(wanted))
        if after is not None:
            keys = keys.where(order.behind(after))
        with translated("list items"), self.engine.begin() as connection:
            found = connection.execute(keys.order_by(*order.columns()).limit(limit + 1)).all()
            shown = found[:limit]
            rows = connection.execute(ALL_POSTS.where(posts.c.item.in_([key.item for key in shown])))
            by_item = {post.item: post for post in map(post_from, rows)}
            position = Position(self.epoch, _bounds(connection).last)
        last = None
        if len(found) > limit:
            last = Cursor(ordering, as_of_us, shown[-1].rank, shown[-1].occurred_at_us, shown[-1].item)
        return Page([by_item[key.item] for key in shown], last, position)

    def find(self, item: str, *, internal: bool) -> Post | None:
        """See ItemReader.find."""
        query = ALL_POSTS.where(posts.c.item == item, *visible(Filter(internal=internal)))
        with translated("find an item"), self.engine.begin() as connection:
            row = connection.execute(query).first()
        return None if row is None else post_from(row)

    def detail(self, item: str, *, internal: bool) -> Detail | None:
        """See ItemReader.detail."""
        seen = [] if internal else [posts.c.surface != Surface.INTERNAL]
        told = [] if internal else [history.c.surface != Surface.INTERNAL]
        with translated("read an item"), self.engine.begin() as connection:
            row = connection.execute(ALL_POSTS.where(posts.c.item == item, posts.c.state.is_not(None), *seen)).first()
            if row is None:
                return None
            post = post_from(row)
            around = ALL_POSTS.where(posts.c.conversation == post.conversation, posts.c.alive, *seen)
            # The newest posts of an endless conversation, shown in order of time.
            around = around.order_by(*NEWEST_FIRST).limit(CONVERSATION_POSTS)
            others = ALL_POSTS.where(
                posts.c.actor_id == post.actor_id, posts.c.channel == post.channel, posts.c.alive,
                posts.c.conversation != post.conversation, *seen,
            )  # fmt: skip
            others = others.order_by(*NEWEST_FIRST).limit(AUTHOR_POSTS)
            lines = select(history).where(history.c.item == item, *told).order_by(history.c.sequence.desc())
            conversation = [post_from(each) for each in connection.execute(around)]
            elsewhere = [post_from(each) for each in connection.execute(others)]
            entries = [entry_from(each) for each in connection.execute(lines.limit(HISTORY_LINES))]
        return Detail(post, conversation[::-1], elsewhere, entries[::-1])

    def bounds(self) -> Bounds:
        """See EventReader.bounds."""
        with translated("find the feed's place"), self.engine.begin() as connection:
            return _bounds(connection)

    def events(self, after: int, limit: int) -> Sequence[Event]:
        """See EventReader.events."""
        query = select(events).where(events.c.sequence > after).order_by(events.c.sequence).limit(limit)
        with translated("read the feed"), self.engine.begin() as connection:
            return [event_from(row) for row in connection.execute(query)]

    def problem(self) -> str | None:
        """Health check: why the database cannot be read, or None."""
        try:
            with translated("read"), self.engine.begin() as connection:
                connection.execute(select(meta.c.value).limit(1))
        except EarshotError as error:
            return str(error)
        return None
