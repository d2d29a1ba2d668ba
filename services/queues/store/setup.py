"""Creates the tables of a fresh database, brings an old one up to this version, and ranks items anew when told to."""

import json
from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, Engine, delete, insert, inspect, select, text, update
from sqlalchemy.schema import CreateColumn

from services.queues.core.post import Post, item_of
from services.queues.core.priority import Ranking
from services.queues.store.dialect import serialise_writers
from services.queues.store.errors import translated
from services.queues.store.rows import ALL_POSTS, post_from
from services.queues.store.schema import SCHEMA_VERSION, answers, meta, metadata, posts
from shared.errors import ContractError

ROWS_AT_ONCE: Final = 1_000
PATIENCE_SECONDS: Final = 60
"""How long a replica waits for another one that prepares the same database."""
ADDED_IN_2: Final = ("actor_id", "waiting_us", "urgency", "due_us", "risk_us")
REPLACED_IN_2: Final = ("posts_facets", "posts_conversation")


def prepare(engine: Engine, new_epoch: Callable[[], str], ranking: Ranking) -> str:
    """Return the epoch of the database's feed, created together with its tables when it is fresh.

    Raises:
        ContractError: The tables are of a version this one does not know.
        TransientError: The database is away.
    """
    with translated("prepare the database"), engine.begin() as connection:
        serialise_writers(connection, wait_seconds=PATIENCE_SECONDS)
        if inspect(connection).has_table(meta.name):
            _bring_up(connection, _held(connection).get("schema"))
        metadata.create_all(connection)
        held = _held(connection)
        if "epoch" not in held:
            held["epoch"] = new_epoch()
            _remember(connection, "epoch", held["epoch"])
        _remember(connection, "schema", SCHEMA_VERSION)
        if held.get("ranking") != ranking.fingerprint:
            _rank_all(connection, ranking)
            _remember(connection, "ranking", ranking.fingerprint)
    return held["epoch"]


def _held(connection: Connection) -> dict[str, str]:
    return {row.name: row.value for row in connection.execute(select(meta))}


def _remember(connection: Connection, name: str, value: str) -> None:
    connection.execute(delete(meta).where(meta.c.name == name))
    connection.execute(insert(meta).values(name=name, value=value))


def _bring_up(connection: Connection, version: str | None) -> None:
    if version == "1":
        _to_version_2(connection)
    elif version not in {None, "2", SCHEMA_VERSION}:  # what 3 adds is a table of its own
        raise ContractError(
            f"the queues database has schema {version}, this version needs {SCHEMA_VERSION}: start the version "
            "that wrote it, or set QUEUES_DATABASE_URL to a fresh database and let the topic fill it."
        )


def _to_version_2(connection: Connection) -> None:
    """Add who wrote each post and what items are sorted by; ranks are made by the caller, for they have none yet."""
    for name in ADDED_IN_2:
        column = CreateColumn(posts.c[name]).compile(dialect=connection.dialect)
        connection.execute(text(f"ALTER TABLE posts ADD COLUMN {column}"))
    for row in connection.execute(select(posts.c.id, posts.c.actor).where(posts.c.alive)).all():
        actor_id = str(json.loads(row.actor).get("id", "")).replace("\x00", "\ufffd")
        connection.execute(update(posts).where(posts.c.id == row.id).values(actor_id=actor_id))
    for row in connection.execute(select(answers)).all():
        same = (answers.c.principal == row.principal, answers.c.key == row.key)
        item = item_of(Post(**json.loads(row.post))).model_dump_json()
        connection.execute(update(answers).where(*same).values(post=item))
    for name in REPLACED_IN_2:
        connection.execute(text(f"DROP INDEX IF EXISTS {name}"))
    for index in posts.indexes:
        index.create(connection, checkfirst=True)


def _rank_all(connection: Connection, ranking: Ranking) -> None:
    last = ""
    while True:
        some = ALL_POSTS.where(posts.c.state.is_not(None), posts.c.id > last).order_by(posts.c.id).limit(ROWS_AT_ONCE)
        found = [post_from(row) for row in connection.execute(some)]
        for post in map(ranking.ranked, found):
            ranks = {"urgency": post.urgency, "due_us": post.due_us, "risk_us": post.risk_us}
            connection.execute(update(posts).where(posts.c.id == post.id).values(ranks))
        if len(found) < ROWS_AT_ONCE:
            return
        last = found[-1].id
