"""What a batch touches: the stored posts and responses that its Fold has to know."""

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, Connection, and_, select

from services.queues.core.fold import Fold
from services.queues.core.post import Post
from services.queues.store.rows import ALL_POSTS, chunks, post_from
from services.queues.store.schema import posts
from shared.contracts.activity import ClassifiedActivity, Direction


def known(connection: Connection, activities: Sequence[ClassifiedActivity]) -> Fold:
    """Return a Fold that knows every stored post a batch touches, see Fold."""
    found: dict[str, Post] = {}

    def load(condition: ColumnElement[bool]) -> None:
        for row in connection.execute(ALL_POSTS.where(condition)):
            post = post_from(row)
            found[post.id] = post

    named = [name for each in activities for name in (each.id, each.in_reply_to) if name is not None]
    for some in chunks(named):
        load(posts.c.id.in_(some))
    parents = [post.in_reply_to for post in found.values() if post.in_reply_to is not None]
    for some in chunks(parent for parent in parents if parent not in found):
        load(posts.c.id.in_(some))
    # A post alone in its conversation stands in one of its own name: most batches look up little here.
    conversations = {each.conversation_id or each.id for each in activities}
    conversations |= {post.conversation for post in found.values()}
    authors = {each.actor.id.replace("\x00", "\ufffd") for each in activities}
    authors |= {post.actor_id for post in found.values() if post.actor_id}
    theirs = and_(posts.c.alive, posts.c.direction != Direction.OUTBOUND)
    for some in chunks(sorted(conversations)):
        for writers in chunks(sorted(authors)):
            load(and_(posts.c.conversation.in_(some), posts.c.actor_id.in_(writers), theirs))
    return Fold(found.values(), _responses(connection, [*named, *parents, *found]))


def _responses(connection: Connection, names: Iterable[str]) -> list[tuple[str, str, int]]:
    ours = and_(posts.c.alive, posts.c.direction == Direction.OUTBOUND)
    responses: list[tuple[str, str, int]] = []
    for some in chunks(names):
        query = select(posts.c.in_reply_to, posts.c.id, posts.c.occurred_at_us)
        rows = connection.execute(query.where(ours, posts.c.in_reply_to.in_(some)))
        responses += [(row.in_reply_to, row.id, row.occurred_at_us) for row in rows]
    return responses
