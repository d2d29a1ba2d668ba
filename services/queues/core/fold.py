"""Folds activities into posts and items: idempotent, and independent of the order in which versions arrive."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from services.queues.core.post import WAITING_STATES, Post, State, item_name, microseconds
from services.queues.core.threads import Threads
from shared.contracts.activity import (
    POST_VERBS,
    Classification,
    ClassifiedActivity,
    Direction,
    Verb,
    desk,
    version_order,
)

MAX_ORDER: Final = 2**63 - 1
MOST_NAME_BYTES: Final = 1_280
"""An index of PostgreSQL holds 2,704 bytes an entry, and one of ours holds two names."""


@dataclass(frozen=True)
class Entry:
    """One line of an item's history: what happened, when, by whom, and through which key."""

    item: str
    at_us: int
    action: str
    agent: str | None
    key: str | None
    surface: str
    detail: Mapping[str, str | None]


def complaint(activity: ClassifiedActivity) -> tuple[str, str] | None:
    """Return (field, detail) of what keeps a decoded activity from being folded, or None."""
    if activity.verb not in POST_VERBS:
        return "verb", f"expected create, update or delete on this topic, found {activity.verb}"
    if version_order(activity.verb, activity.version) > MAX_ORDER:
        return "version", f"expected microseconds that fit 61 bits, found {activity.version}"
    wants_labels = activity.verb is not Verb.DELETE and activity.direction is not Direction.OUTBOUND
    if wants_labels and activity.classification is None:
        return "classification", f"expected labels on an {activity.direction} {activity.verb}, found null"
    return _unstorable(activity)


def _unstorable(activity: ClassifiedActivity) -> tuple[str, str] | None:
    """Return (field, detail) of a name that no index or no database can hold, or None."""
    names = {
        "id": activity.id,
        "conversation_id": activity.conversation_id,
        "in_reply_to": activity.in_reply_to,
        "actor.id": activity.actor.id.replace("\x00", "\ufffd"),
        "channel": activity.channel,
        "account": activity.account,
        "department": activity.department,
        "language": activity.language,
        "url": activity.url,
    }
    for field, name in names.items():
        if name is None:
            continue
        if "\x00" in name:
            return field, "expected no NUL character"
        if field != "url" and len(name.encode()) > MOST_NAME_BYTES:
            return field, f"expected at most {MOST_NAME_BYTES} bytes of UTF-8, found {len(name.encode())}"
    return None


def newest(before: Post | None, activity: ClassifiedActivity) -> Post | None:
    """Return the post after one more activity, work state untouched; `before` itself when nothing changes."""
    order = version_order(activity.verb, activity.version)
    if activity.verb is Verb.DELETE:
        return _removed(before, activity, order)
    if before is None or order > before.version_order:
        return _rewritten(before, activity, order)
    if order < before.version_order and (before.first_order is None or order < before.first_order):
        return _dated(before, activity, order)
    return before


def _dated(post: Post, activity: ClassifiedActivity, order: int) -> Post:
    """Return the post with the clocks of its oldest version."""
    return replace(
        post,
        first_order=order,
        occurred_at_us=microseconds(activity.occurred_at),
        received_at_us=microseconds(activity.received_at),
    )


def _dated_like(post: Post, before: Post) -> Post:
    return replace(
        post,
        first_order=before.first_order,
        occurred_at_us=before.occurred_at_us,
        received_at_us=before.received_at_us,
    )


def _removed(before: Post | None, activity: ClassifiedActivity, order: int) -> Post | None:
    """Return the tombstone: identity, order and clocks stay, everything anybody wrote goes."""
    if before is not None and order <= before.version_order:
        return before
    bare = _bare(activity, order, alive=False)
    if before is None:
        return bare
    return replace(_dated_like(bare, before), state=before.state, version=before.version)


def _bare(activity: ClassifiedActivity, order: int, *, alive: bool) -> Post:
    return Post(
        id=activity.id,
        item=item_name(activity.id),
        version_order=order,
        alive=alive,
        first_order=None,
        occurred_at_us=microseconds(activity.occurred_at),
        received_at_us=microseconds(activity.received_at),
        direction=activity.direction.value,
        surface=activity.surface.value,
        channel=activity.channel,
        conversation=activity.conversation_id or activity.id,
    )


def _rewritten(before: Post | None, activity: ClassifiedActivity, order: int) -> Post:
    """Return the post with the activity's content; clocks, work and a person's labels outlive an edit."""
    post = _labelled(_written(activity, order), activity.classification)
    if before is None:
        return replace(post, first_order=order)
    post = _dated(post, activity, order) if before.first_order is None else _dated_like(post, before)
    post = replace(
        post,
        state=before.state,
        owner=before.owner,
        lease_until_us=before.lease_until_us,
        snoozed_until_us=before.snoozed_until_us,
        version=before.version,
        waiting_us=before.waiting_us,
        urgency=before.urgency,
        due_us=before.due_us,
        risk_us=before.risk_us,
    )
    if before.labelled_by is None:
        return post
    return replace(
        post,
        labelled_by=before.labelled_by,
        department=before.department,
        intent=before.intent,
        sentiment=before.sentiment,
        unsure=before.unsure,
    )


def _written(activity: ClassifiedActivity, order: int) -> Post:
    return replace(
        _bare(activity, order, alive=True),
        conversation_id=activity.conversation_id,
        in_reply_to=activity.in_reply_to,
        account=activity.account,
        owner_department=activity.department,
        actor=activity.actor.model_dump_json(),
        actor_id=activity.actor.id.replace("\x00", "\ufffd"),
        # PostgreSQL text holds no NUL; the replacement character says that something stood here.
        text=(activity.text or "").replace("\x00", "\ufffd"),
        language=activity.language,
        url=activity.url,
    )


def _labelled(post: Post, labels: Classification | None) -> Post:
    if labels is None:
        return post
    return replace(
        post,
        department=desk(labels),
        intent=labels.intent.label,
        sentiment=labels.sentiment.label,
        probability=labels.department.probability,
        unsure=labels.unsure,
        suggested_department=labels.department.label if labels.unsure else None,
        suggested_intent=labels.intent.label if labels.unsure else None,
    )


class Fold:
    """Folds activities, in order of arrival, into the posts known so far.

    `posts` must hold every known post the activities name, by id or as parent, the parents that known posts among them
    name, and what else the authors of all these wrote in their conversations; `responses` are (parent, id, occurred_at)
    of living outbound replies to any of those posts.
    """

    def __init__(self, posts: Iterable[Post], responses: Iterable[tuple[str, str, int]]) -> None:
        self._before = {post.id: post for post in posts}
        self._posts = dict(self._before)
        self._threads = Threads(self._posts.values(), responses)
        self.history: list[Entry] = []

    def apply(self, activity: ClassifiedActivity, at_us: int) -> None:
        """Fold one activity that arrived at an instant."""
        before = self._posts.get(activity.id)
        after = newest(before, activity)
        if after is None or after == before:
            return
        earlier = {name: self._is_answered(name) for name in self._touched(before, after)}
        if before is not None:
            self._threads.forget(before)
        self._threads.learn(after)
        self._posts[activity.id] = self._as_item(before, after, at_us)
        for name, was in earlier.items():
            if self._is_answered(name) != was:
                self._settle(name, after, at_us)
        if (before is None or before.state is None) and self._posts[activity.id].state is not None:
            self._reopen_resolved(after, at_us)

    def changes(self) -> list[tuple[Post | None, Post]]:
        """Return (before, after) of every post that is not what it was, in order of first change."""
        pairs = ((self._before.get(name), post) for name, post in self._posts.items())
        return [(before, after) for before, after in pairs if before != after]

    def _touched(self, *versions: Post | None) -> Iterable[str]:
        """Return the ids of posts that may be answered, or no longer be, when a post changes from one to another."""
        names: dict[str | None, None] = {}
        for post in versions:
            if post is None:
                continue
            parent = self._posts.get(post.in_reply_to or "") if post.is_response else None
            for each in (parent, post):
                if each is not None:
                    names |= {each.id: None, self._threads.preceding(each): None}
        return [name for name in names if name is not None and name in self._posts]

    def _is_answered(self, name: str) -> bool:
        return self._threads.is_answered(self._posts[name])

    def _as_item(self, before: Post | None, after: Post, at_us: int) -> Post:
        """Return the post with its work state: entering, edited or leaving the queues."""
        if not after.alive or after.direction == Direction.OUTBOUND:
            return replace(after, state=None, owner=None, lease_until_us=None, snoozed_until_us=None)
        if after.state is None:
            state = State.ANSWERED if self._threads.is_answered(after) else State.NEW
            return replace(after, state=state, version=after.version + 1)
        if before is not None and before == replace(after, first_order=before.first_order):
            return after
        self._note(after, at_us, "edited", {})
        return replace(after, version=after.version + 1)

    def _settle(self, name: str, cause: Post, at_us: int) -> None:
        """Move an item to or from `answered`, as the posts around it say now."""
        item = self._posts[name]
        if self._threads.is_answered(item):
            if item.state in WAITING_STATES:
                self._move(item, State.ANSWERED, cause, at_us, "answered")
        elif item.state == State.ANSWERED:
            again = self._threads.is_responded(name)
            self._move(item, State.NEW, cause, at_us, "reopened" if again else "response_removed")

    def _reopen_resolved(self, post: Post, at_us: int) -> None:
        """Bring back what was resolved when its author writes on."""
        item = self._posts.get(self._threads.preceding(post) or "")
        if item is not None and item.state == State.RESOLVED:
            self._move(item, State.NEW, post, at_us, "reopened")

    def _move(self, item: Post, state: State, cause: Post, at_us: int, action: str) -> None:
        moved = replace(item, state=state, lease_until_us=None, snoozed_until_us=None, version=item.version + 1)
        if state == State.NEW:
            following = self._threads.following(item) if action == "reopened" else None
            moved = replace(moved, owner=None, waiting_us=following[0] if following else item.waiting_us)
        self._posts[item.id] = moved
        self._note(item, at_us, action, {"post": cause.id}, surface=cause.surface)

    def _note(
        self, item: Post, at_us: int, action: str, detail: Mapping[str, str | None], surface: str | None = None
    ) -> None:
        self.history.append(Entry(item.item, at_us, action, None, None, surface or item.surface, detail))
