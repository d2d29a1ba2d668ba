"""Orderings in SQL: what a page is sorted by, and where the next one goes on; the priority of core/priority.py."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, and_, case, cast, func, literal, or_

from services.queues.core.positions import MAX_NUMBER, Cursor, Ordering
from services.queues.core.post import OPEN_STATES
from services.queues.core.priority import MOST, Ranking
from services.queues.store.schema import posts

Number = ColumnElement[Any]
IS_OPEN: Final = posts.c.state.in_(sorted(OPEN_STATES))


def priority(ranking: Ranking, now_us: int) -> Number:
    """Return the priority of every row at an instant: the same number as Ranking.standing gives."""
    weights = ranking.weights
    waited = literal(now_us) - func.coalesce(posts.c.waiting_us, posts.c.occurred_at_us)
    age = case(
        (waited <= 0, 0),
        (waited >= ranking.age_full_us, weights.age),
        else_=waited * weights.age // ranking.age_full_us,
    )
    promise = case(
        (posts.c.due_us <= now_us, weights.service_level),
        (posts.c.risk_us <= now_us, ranking.warned_points),
        else_=0,
    )
    points = posts.c.urgency + age + promise
    return case((IS_OPEN, case((points > MOST, MOST), else_=points)), else_=0)


@dataclass(frozen=True)
class Sorted:
    """How a page is sorted: by rank, then time, then item."""

    ordering: Ordering
    now_us: int
    ranking: Ranking

    @property
    def rank(self) -> Number:
        """What comes before the time of the post, smallest first."""
        match self.ordering:
            case Ordering.PRIORITY:
                # Cast, so that a cursor's rank may be any 64-bit number.
                return cast(-priority(self.ranking, self.now_us), BigInteger)
            case Ordering.AT_RISK:
                return case((IS_OPEN, func.coalesce(posts.c.risk_us, MAX_NUMBER)), else_=MAX_NUMBER)
            case _:
                return literal(0, BigInteger)

    def columns(self) -> list[Number]:
        """Return what ORDER BY names."""
        if self.ordering is Ordering.NEWEST:
            return [posts.c.occurred_at_us.desc(), posts.c.item.desc()]
        by_time: list[Number] = [posts.c.occurred_at_us, posts.c.item]
        return by_time if self.ordering is Ordering.OLDEST else [self.rank, *by_time]

    def behind(self, cursor: Cursor) -> ColumnElement[bool]:
        """Return the condition that a row comes after a cursor."""
        at, item = posts.c.occurred_at_us, posts.c.item
        if self.ordering is Ordering.NEWEST:
            return or_(at < cursor.occurred_at_us, and_(at == cursor.occurred_at_us, item < cursor.item))
        later = or_(at > cursor.occurred_at_us, and_(at == cursor.occurred_at_us, item > cursor.item))
        if self.ordering is Ordering.OLDEST:
            return later
        return or_(self.rank > cursor.rank, and_(self.rank == cursor.rank, later))
