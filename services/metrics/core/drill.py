"""From any number to the activities behind it: which facts a metric counts, newest first, in pages by key."""

# ruff: noqa: S608  # the text is put together from closed lists only

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from services.metrics.core.definitions import COUNTERS, DIMENSIONS
from services.metrics.core.ports import Parameter, Statement
from services.metrics.core.query import EngagementQuery, conditions
from services.metrics.core.voice import Voices

MAX_PAGE: Final = 1_000
_ENGAGEMENT: Final = ("replies", "mentions", "quotes", "announces", "likes", "follows")
_COUNTED: Final = ("push", "responses", "own_replies", "outbound_reactions", "inbound_posts", *_ENGAGEMENT[3:])


def _any(*counters: str) -> str:
    return " OR ".join(f"({COUNTERS[name]})" for name in counters)


def _of_class(channel_class: str, *counters: str) -> str:
    return f"channel_class = '{channel_class}' AND ({_any(*counters)})"


CONDITIONS: Final[dict[str, str]] = {
    **COUNTERS,
    "engagement": _any(*_ENGAGEMENT),
    "people": "direction = 'inbound'",
    "engagement_per_push": _any("push", *_ENGAGEMENT),
    "conversation_rate": _any("replies", "push"),
    "amplification_rate": _any("announces", "push"),
    "applause_rate": _any("likes", "push"),
    "conversation_share": _any("responses", "push"),
    "response_rate": COUNTERS["inbound_posts"],
    "first_response_seconds_p50": COUNTERS["answered"],
    "first_response_seconds_p90": COUNTERS["answered"],
    "first_response_business_seconds_p50": COUNTERS["answered"],
    "first_response_business_seconds_p90": COUNTERS["answered"],
    "net_sentiment": _any("negative", "neutral", "positive"),
    "social_activities": _of_class("social", *_COUNTED),
    "legacy_activities": _of_class("legacy", *_COUNTED),
    "social_share": _any(*_COUNTED),
    "social_push": _of_class("social", "push"),
    "legacy_push": _of_class("legacy", "push"),
    "social_engagement": _of_class("social", *_ENGAGEMENT),
    "legacy_engagement": _of_class("legacy", *_ENGAGEMENT),
    **{
        f"legacy_{name}": _of_class("legacy", "push")
        for name in ("audience", "opens", "clicks", "open_rate", "click_rate")
    },
    "posts": _any("inbound_posts", "ambient_posts"),
    "share": _any("inbound_posts", "ambient_posts"),
}
"""Metric -> the alive facts behind it; of a ratio those above and below the line."""

VOICE_NAMES: Final = ("posts", "share")

TEXTS: Final = """
SELECT id_hash, id, argMaxIf((text, url, actor_id, actor_handle, actor_name, actor_followers, object_id, verb, language,
    department_probability, intent_probability, sentiment_probability, model, unsure), (version_order, heard),
    removal = 0) AS said
FROM versions WHERE id_hash IN (SELECT id_hash FROM {page}) GROUP BY id_hash, id"""
"""What the latest version of each activity of a page says."""


SNAPSHOTS: Final = """
SELECT id_hash, id, groupArray((counter, last.2, formatDateTime(last.1, '%Y-%m-%dT%H:%i:%S.%fZ', 'UTC'))) AS observed
FROM (
  SELECT id_hash, id, counter, max((observed_at, value)) AS last FROM snapshots
  WHERE id_hash IN (SELECT id_hash FROM {page}) GROUP BY id_hash, id, counter ORDER BY counter
) GROUP BY id_hash, id"""
"""What was last observed of each counter of the posts of a page."""


@dataclass(frozen=True)
class Page:
    """Which facts, from where on, and how many."""

    metric: str | None = None
    after: str | None = None
    limit: int = 100
    group: str | None = None


def position_after(occurred_us: int, id_: str) -> str:
    """Return the opaque name of the place behind an activity."""
    return base64.urlsafe_b64encode(f"{occurred_us} {id_}".encode()).decode().rstrip("=")


def place(after: str) -> tuple[int, str]:
    """Return what position_after was made of. Raises ValueError for any other text."""
    try:
        text = base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)).decode()
        occurred, _, id_ = text.partition(" ")
        return int(occurred), id_
    except (binascii.Error, UnicodeError, ValueError) as error:
        raise ValueError("expected the `next` of the page before") from error


def facts_where(query: EngagementQuery, parameters: dict[str, Parameter]) -> str:
    """Return the condition of the living facts in a question's range that it may see."""
    parameters["from_minute"], parameters["to_minute"] = (int(each.timestamp()) for each in query.span())
    return (
        "alive AND minute >= toDateTime({from_minute:UInt32}, 'UTC') AND minute < toDateTime({to_minute:UInt32}, 'UTC')"
        + "".join(conditions(query, parameters))
    )


def activities(query: EngagementQuery, page: Page, voices: Voices) -> Statement:
    """Return the statement of one page, with one row more than asked so that its end is known."""
    parameters: dict[str, Parameter] = {"rows": page.limit + 1}
    where = _counted(query, page, voices, parameters)
    if page.after is not None:
        occurred, id_ = place(page.after)
        parameters |= {"after_us": occurred, "after_id": id_}
        where += " AND (occurred_at, id) < (fromUnixTimestamp64Micro({after_us:Int64}, 'UTC'), {after_id:String})"
    facts = f"""(SELECT * FROM activities FINAL WHERE {where}
  ORDER BY activities.occurred_at DESC, activities.id DESC LIMIT {{rows:UInt32}})"""
    dimensions = ", ".join(f"nullIf(fact.{name}, '') AS {name}" for name in DIMENSIONS)
    sql = f"""
WITH page AS {facts}
SELECT fact.id AS id, formatDateTime(fact.occurred_at, '%Y-%m-%dT%H:%i:%S.%fZ', 'UTC') AS occurred_at,
  said.8 AS verb, fact.kind AS kind, fact.direction AS direction, {dimensions},
  nullIf(said.1, '') AS text, nullIf(said.2, '') AS url, nullIf(said.9, '') AS language,
  map('id', said.3, 'handle', said.4, 'name', said.5) AS actor, said.6 AS followers,
  nullIf(said.7, '') AS object_id, nullIf(fact.conversation_id, '') AS conversation_id,
  nullIf(fact.in_reply_to, '') AS in_reply_to, said.14 = 1 AS unsure, nullIf(said.13, '') AS model,
  formatDateTime(fact.answered_at, '%Y-%m-%dT%H:%i:%S.%fZ', 'UTC') AS answered_at, fact.first_response_seconds
    AS first_response_seconds, counted.observed AS snapshots, toUnixTimestamp64Micro(fact.occurred_at) AS occurred_us
FROM page AS fact LEFT JOIN ({TEXTS.format(page="page")}) AS latest
  ON latest.id_hash = fact.id_hash AND latest.id = fact.id
LEFT JOIN ({SNAPSHOTS.format(page="page")}) AS counted ON counted.id_hash = fact.id_hash AND counted.id = fact.id
ORDER BY fact.occurred_at DESC, fact.id DESC"""
    return Statement(sql, parameters)


def total(query: EngagementQuery, page: Page, voices: Voices) -> Statement:
    """Return the statement that counts all activities behind a number."""
    parameters: dict[str, Parameter] = {}
    where = _counted(query, page, voices, parameters)
    return Statement(f"SELECT count() AS total FROM activities FINAL WHERE {where}", parameters)


def _counted(query: EngagementQuery, page: Page, voices: Voices, parameters: dict[str, Parameter]) -> str:
    where = facts_where(query, parameters)
    if page.metric is None:
        return f"{where} AND kind != ''" + _spoken(query, page, voices, parameters)
    counts = f"{where} AND ({CONDITIONS[page.metric]})"
    return counts + _spoken(query, page, voices, parameters)


def _spoken(query: EngagementQuery, page: Page, voices: Voices, parameters: dict[str, Parameter]) -> str:
    if page.group is None and page.metric not in VOICE_NAMES:
        return ""
    chosen = voices.only(page.group)
    texts = chosen.texts(facts_where(query, parameters), parameters)
    return f" AND (id_hash, id) IN (SELECT id_hash, id FROM ({texts}))"
