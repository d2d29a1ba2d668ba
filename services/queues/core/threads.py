"""Threads: which of our posts answer which, and which post of an author comes next, among posts a batch concerns."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable

from services.queues.core.post import Post
from shared.contracts.activity import Direction

Place = tuple[int, str]
"""When a post was made, and its id: the order of an author's posts in a conversation."""


class Threads:
    """An item is answered by a response to it, until its author writes on after that and nobody answers."""

    def __init__(self, posts: Iterable[Post], responses: Iterable[tuple[str, str, int]]) -> None:
        self._responses: dict[str, dict[str, int]] = {}
        self._lines: dict[tuple[str, str], list[Place]] = {}
        for parent, response, at_us in responses:
            self._responses.setdefault(parent, {})[response] = at_us
        for post in posts:
            self._enter_line(post)

    def learn(self, post: Post) -> None:
        """Take in a post as it is now."""
        if post.is_response and post.in_reply_to is not None:
            self._responses.setdefault(post.in_reply_to, {})[post.id] = post.occurred_at_us
        self._enter_line(post)

    def forget(self, post: Post) -> None:
        """Let go of a post as it was."""
        if post.is_response and post.in_reply_to is not None:
            self._responses.get(post.in_reply_to, {}).pop(post.id, None)
        line, at = self._lines.get(_line(post), []), _place(post)
        if (found := bisect_left(line, at)) < len(line) and line[found] == at:
            del line[found]

    def _enter_line(self, post: Post) -> None:
        if _is_theirs(post):
            insort(self._lines.setdefault(_line(post), []), _place(post))

    def is_responded(self, name: str) -> bool:
        """Tell whether a living post of ours replies to the post of that name."""
        return bool(self._responses.get(name))

    def is_answered(self, post: Post) -> bool:
        """Tell whether nobody waits for a word from us under this post."""
        responses = self._responses.get(post.id)
        if not responses:
            return False
        following = self.following(post)
        return following is None or following[0] <= max(responses.values()) or self.is_responded(following[1])

    def following(self, post: Post) -> Place | None:
        """Return the author's next post in the conversation."""
        line = self._lines.get(_line(post), [])
        found = bisect_right(line, _place(post))
        return line[found] if found < len(line) else None

    def preceding(self, post: Post) -> str | None:
        """Return the id of the author's post before this one in the conversation."""
        if not _is_theirs(post):
            return None
        line = self._lines.get(_line(post), [])
        found = bisect_left(line, _place(post))
        return line[found - 1][1] if found else None


def _is_theirs(post: Post) -> bool:
    return post.alive and post.direction != Direction.OUTBOUND and bool(post.actor_id)


def _line(post: Post) -> tuple[str, str]:
    return post.conversation, post.actor_id


def _place(post: Post) -> Place:
    return post.occurred_at_us, post.id
