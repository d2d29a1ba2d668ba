"""SqlWriter: everything that changes the database, each in one transaction, one transaction at a time."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, and_, delete, func, insert, or_, select

from services.queues.core.commands import Done, Held, Order, Stale, correction_of, decide, lapse
from services.queues.core.filters import Filter
from services.queues.core.fold import Entry
from services.queues.core.ports import KeyReused, Retry
from services.queues.core.positions import Ordering
from services.queues.core.post import Item, Post, State, item_of
from services.queues.core.priority import Ranking
from services.queues.store.dialect import serialise_writers
from services.queues.store.errors import translated
from services.queues.store.known import known
from services.queues.store.ordering import Sorted
from services.queues.store.outbox import write_correction
from services.queues.store.reader import visible
from services.queues.store.rows import ALL_POSTS, post_from, write_changes, write_history
from services.queues.store.schema import answers, events, posts
from shared.contracts.activity import ClassifiedActivity

LAPSES_AT_ONCE = 500


@dataclass(frozen=True)
class SqlWriter:
    """Implements FeedWriter and CommandWriter."""

    engine: Engine
    ranking: Ranking = field(default_factory=Ranking)

    @contextlib.contextmanager
    def _transaction(self, doing: str) -> Iterator[Connection]:
        with translated(doing), self.engine.begin() as connection:
            serialise_writers(connection)
            yield connection

    def apply(self, activities: Sequence[ClassifiedActivity], at_us: int) -> int:
        """See FeedWriter.apply."""
        with self._transaction("store a batch") as connection:
            fold = known(connection, activities)
            for activity in activities:
                fold.apply(activity, at_us)
            changed = write_changes(connection, fold.changes(), self.ranking, at_us)
            write_history(connection, fold.history)
        return changed

    def command(
        self, item: str, order: Order, *, internal: bool, now_us: int, retry: Retry | None
    ) -> Item | Held | Stale | KeyReused | None:
        """See CommandWriter.command."""
        with self._transaction("carry out a command") as connection:
            if (earlier := _earlier(connection, retry)) is not None:
                return earlier
            seen = visible(Filter(internal=internal))
            row = connection.execute(ALL_POSTS.where(posts.c.item == item, *seen)).one_or_none()
            if row is None:
                return None
            return self._carry_out(connection, post_from(row), order, now_us, retry)

    def claim_next(self, wanted: Filter, order: Order, *, now_us: int, retry: Retry | None) -> Item | KeyReused | None:
        """See CommandWriter.claim_next."""
        with self._transaction("claim the next item") as connection:
            if (earlier := _earlier(connection, retry)) is not None:
                return earlier
            free = or_(
                posts.c.state == State.NEW,
                and_(posts.c.state == State.CLAIMED, posts.c.lease_until_us <= now_us),
            )
            first = Sorted(Ordering.PRIORITY, now_us, self.ranking).columns()
            row = connection.execute(ALL_POSTS.where(free, *visible(wanted)).order_by(*first).limit(1)).one_or_none()
            if row is None:
                return None
            done = self._carry_out(connection, post_from(row), order, now_us, retry)
            # Nobody holds a free item and any version is accepted, so the command cannot be refused.
            return done if isinstance(done, Item) else None

    def _carry_out(
        self, connection: Connection, before: Post, order: Order, now_us: int, retry: Retry | None
    ) -> Item | Held | Stale:
        decision = decide(before, order, now_us)
        if not isinstance(decision, Done):
            return decision
        write_changes(connection, [(before, decision.post)], self.ranking, now_us)
        write_history(connection, [_entry(before, decision, now_us, order)])
        if (correction := correction_of(before, decision, order, now_us)) is not None:
            write_correction(connection, correction)
        ranked = self.ranking.ranked(decision.post)
        item = item_of(ranked, self.ranking.standing(ranked, now_us))
        if retry is not None:
            answer = {"principal": retry.principal, "key": retry.key, "fingerprint": retry.fingerprint}
            connection.execute(insert(answers), [answer | {"post": item.model_dump_json(), "at_us": now_us}])
        return item

    def lapse(self, now_us: int) -> int:
        """Put items whose lease or snooze has run out back into their queue; return how many."""
        due = or_(posts.c.lease_until_us <= now_us, posts.c.snoozed_until_us <= now_us)
        with translated("look for run-out leases"), self.engine.connect() as connection:
            if connection.execute(select(posts.c.id).where(due).limit(1)).first() is None:
                return 0
        with self._transaction("end leases") as connection:
            rows = connection.execute(ALL_POSTS.where(due).limit(LAPSES_AT_ONCE)).all()
            changes: list[tuple[Post | None, Post]] = []
            for before in map(post_from, rows):
                done = lapse(before, now_us)
                if done is not None:
                    changes.append((before, done.post))
                    write_history(connection, [_entry(before, done, now_us, None)])
            return write_changes(connection, changes, self.ranking, now_us)

    def forget(self, *, events_kept: int, answers_before_us: int) -> None:
        """Drop all but the newest events, and remembered answers that are old."""
        with self._transaction("drop old events") as connection:
            last = connection.execute(select(func.max(events.c.sequence))).scalar() or 0
            connection.execute(delete(events).where(events.c.sequence <= last - events_kept))
            connection.execute(delete(answers).where(answers.c.at_us < answers_before_us))


def _entry(before: Post, done: Done, at_us: int, order: Order | None) -> Entry:
    agent, key = (None, None) if order is None else (order.agent, order.key)
    return Entry(before.item, at_us, done.action, agent, key, before.surface, done.detail)


def _earlier(connection: Connection, retry: Retry | None) -> Item | KeyReused | None:
    """Return what the same request was answered before."""
    if retry is None:
        return None
    same = and_(answers.c.principal == retry.principal, answers.c.key == retry.key)
    row = connection.execute(select(answers).where(same)).one_or_none()
    if row is None:
        return None
    return Item.model_validate_json(row.post) if row.fingerprint == retry.fingerprint else KeyReused()
