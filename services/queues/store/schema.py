"""The tables; instants are microseconds since 1970 (UTC), so that they sort and compare alike in every database."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, MetaData, Table
from sqlalchemy import Text as AnyText

SCHEMA_VERSION: Final = "3"
BOARD: Final = (
    *("state", "department", "intent", "sentiment", "surface", "occurred_at_us", "item"),
    *("waiting_us", "urgency", "risk_us", "due_us", "lease_until_us"),
)
metadata = MetaData()

# Sorted and compared by code point, as SQLite does, whatever language a PostgreSQL server speaks.
Text = AnyText().with_variant(AnyText(collation="C"), "postgresql")
# SQLite numbers rows by INTEGER PRIMARY KEY only; elsewhere the feed outgrows 32 bits.
Sequence = BigInteger().with_variant(Integer, "sqlite")

posts = Table(
    "posts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("item", Text, nullable=False, unique=True),
    Column("version_order", BigInteger, nullable=False),
    Column("alive", Boolean, nullable=False),
    Column("first_order", BigInteger),
    Column("occurred_at_us", BigInteger, nullable=False),
    Column("received_at_us", BigInteger, nullable=False),
    Column("direction", Text, nullable=False),
    Column("surface", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("conversation", Text, nullable=False),
    Column("conversation_id", Text),
    Column("in_reply_to", Text),
    Column("account", Text),
    Column("owner_department", Text),
    Column("actor", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("language", Text),
    Column("url", Text),
    Column("department", Text, nullable=False),
    Column("intent", Text, nullable=False),
    Column("sentiment", Text, nullable=False),
    Column("probability", Double, nullable=False),
    Column("unsure", Boolean, nullable=False),
    Column("suggested_department", Text),
    Column("suggested_intent", Text),
    Column("labelled_by", Text),
    Column("state", Text),
    Column("owner", Text),
    Column("lease_until_us", BigInteger),
    Column("snoozed_until_us", BigInteger),
    Column("version", BigInteger, nullable=False),
    Column("actor_id", Text, nullable=False, server_default=""),
    Column("waiting_us", BigInteger),
    Column("urgency", Integer, nullable=False, server_default="0"),
    Column("due_us", BigInteger),
    Column("risk_us", BigInteger),
    Index("posts_newest", "occurred_at_us", "item"),
    # Holds every column that filters, counts and orders look at, so they read no posts but those they show.
    Index("posts_board", *BOARD),
    Index("posts_line", "conversation", "actor_id"),
    Index("posts_author", "actor_id", "occurred_at_us"),
    Index("posts_parent", "in_reply_to"),
    Index("posts_lease", "lease_until_us"),
    Index("posts_snooze", "snoozed_until_us"),
)

events = Table(
    "events",
    metadata,
    Column("sequence", Sequence, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("item", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("was", Text),
    Column("now", Text),
    Column("payload", Text),
    Index("events_item", "item"),
    sqlite_autoincrement=True,  # a sequence is never given twice, also after old events were dropped
)

history = Table(
    "history",
    metadata,
    Column("sequence", Sequence, primary_key=True, autoincrement=True),
    Column("item", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("action", Text, nullable=False),
    Column("agent", Text),
    Column("key", Text),
    Column("surface", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index("history_item", "item"),
)

answers = Table(
    "answers",
    metadata,
    Column("principal", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("post", Text),
    Column("at_us", BigInteger, nullable=False),
    Index("answers_age", "at_us"),
)

# What still has to be told on labels.corrected.v1: written with the change itself, deleted once the topic holds it.
outbox = Table(
    "outbox",
    metadata,
    Column("sequence", Sequence, primary_key=True, autoincrement=True),
    Column("correction", Text, nullable=False),
)

# Who looks at what, shared by all replicas; rows that have run out are nobody.
looking = Table(
    "looking",
    metadata,
    Column("item", Text, primary_key=True),
    Column("agent", Text, primary_key=True),
    Column("until_us", BigInteger, nullable=False),
)

meta = Table("meta", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))
