"""Rows from and to values, and writing changed posts with what follows from a change: events and history."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from services.queues.core.event import Change, Event, Kind, change_of
from services.queues.core.fold import Entry
from services.queues.core.post import POST_FIELDS, Facets, Post
from services.queues.core.priority import Ranking
from services.queues.store.schema import events, history, posts

CHUNK: Final = 500
COLUMNS: Final = tuple(posts.c[name] for name in POST_FIELDS)
ALL_POSTS: Final = select(*COLUMNS)
UPDATED: Final = (
    update(posts)
    .where(posts.c.id == bindparam("row_id"))
    .values({name: bindparam(name) for name in POST_FIELDS if name not in {"id", "item"}})
)
BLANKED: Final = update(events).where(events.c.item == bindparam("row_item")).values(payload=None)


def chunks(names: Iterable[str]) -> Iterable[Sequence[str]]:
    """Cut names, each once, into pieces that fit into one statement."""
    once = list(dict.fromkeys(names))
    for start in range(0, len(once), CHUNK):
        yield once[start : start + CHUNK]


def post_from(row: Row[Any]) -> Post:
    """Return the post of a row of ALL_POSTS."""
    return Post(**row._mapping)  # noqa: SLF001  # SQLAlchemy's public name for a row as a mapping


def row_from(post: Post) -> dict[str, Any]:
    """Return the columns of a post."""
    return {name: getattr(post, name) for name in POST_FIELDS}


def event_from(row: Row[Any]) -> Event:
    """Return the event of a row."""
    kind: Kind = "removed" if row.kind == "removed" else "item"
    return Event(row.sequence, Change(kind, row.item, row.id, _facets(row.was), _facets(row.now), row.payload))


def _facets(text: str | None) -> Facets | None:
    return None if text is None else Facets(*json.loads(text))


def _row_of_change(change: Change) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "item": change.item,
        "id": change.id,
        "was": None if change.was is None else json.dumps(change.was),
        "now": None if change.now is None else json.dumps(change.now),
        "payload": change.payload,
    }


def write_changes(
    connection: Connection, changes: Sequence[tuple[Post | None, Post]], ranking: Ranking, now_us: int
) -> int:
    """Rank and store changed posts and append what clients must hear; return how many events that are."""
    ranked = [(before, ranking.ranked(after)) for before, after in changes]
    fresh = [row_from(after) for before, after in ranked if before is None]
    known = [row_from(after) | {"row_id": after.id} for before, after in ranked if before is not None]
    if fresh:
        connection.execute(insert(posts), fresh)
    if known:
        connection.execute(UPDATED, [{name: row[name] for name in row if name not in {"id", "item"}} for row in known])
    told = (change_of(before, after, ranking.standing(after, now_us)) for before, after in ranked)
    heard = [change for change in told if change is not None]
    if removed := [{"row_item": change.item} for change in heard if change.kind == "removed"]:
        # What was deleted is not told again to those who resume.
        connection.execute(BLANKED, removed)
    if heard:
        connection.execute(insert(events), [_row_of_change(change) for change in heard])
    return len(heard)


def write_history(connection: Connection, entries: Sequence[Entry]) -> None:
    """Append lines of history."""
    if entries:
        rows = [
            {
                "item": entry.item,
                "at_us": entry.at_us,
                "action": entry.action,
                "agent": entry.agent,
                "key": entry.key,
                "surface": entry.surface,
                "detail": json.dumps(dict(entry.detail), ensure_ascii=False),
            }
            for entry in entries
        ]
        connection.execute(insert(history), rows)


def entry_from(row: Row[Any]) -> Entry:
    """Return the line of history of a row."""
    return Entry(row.item, row.at_us, row.action, row.agent, row.key, row.surface, json.loads(row.detail))
