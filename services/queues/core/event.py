"""Event: one change of one item in the append-only feed that the stream is read from."""

import json
from dataclasses import dataclass
from typing import Literal

from services.queues.core.filters import Filter
from services.queues.core.post import NO_STANDING, Facets, Post, Standing, item_of

Kind = Literal["item", "removed"]


@dataclass(frozen=True)
class Change:
    """What happened to an item, before it has a place in the feed. `payload` is the item as JSON, None if removed."""

    kind: Kind
    item: str
    id: str
    was: Facets | None
    now: Facets | None
    payload: str | None


@dataclass(frozen=True)
class Event:
    """A change at its place in the feed."""

    sequence: int
    change: Change


def removal(change: Change) -> str:
    """Return the data of a `removed` event."""
    return json.dumps({"item": change.item, "id": change.id}, ensure_ascii=False)


def change_of(before: Post | None, after: Post, standing: Standing = NO_STANDING) -> Change | None:
    """Return what clients must hear of a changed post; None when it is and was no item, or looks the same."""
    was = before.facets() if before is not None else None
    now = after.facets()
    if now is None:
        return None if was is None else Change("removed", after.item, after.id, was, None, None)
    if was is not None and before is not None and before.version == after.version:
        return None
    return Change("item", after.item, after.id, was, now, item_of(after, standing).model_dump_json())


def told(change: Change, wanted: Filter) -> Kind | None:
    """Return which event a subscriber gets for a change: an item that left the filter is `removed` for it.

    An `item` change whose payload was blanked (its post has been deleted since) is told as a removal.
    """
    if change.payload is not None and wanted.matches(change.now):
        return "item"
    if wanted.matches(change.was) or wanted.matches(change.now):
        return "removed"
    return None
