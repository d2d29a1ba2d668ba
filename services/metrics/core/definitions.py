"""Every metric once: its words, unit, caveats and its formula over the counters.

The API, the queries and the recompute all read this table, so that what is documented is what is computed.
"""

from dataclasses import dataclass
from typing import Final

from services.metrics.core.kinds import INBOUND_POSTS, Kind

DEFINITION_VERSION: Final = "1"

DIMENSIONS: Final = (
    "department", "owner_department", "channel", "channel_class", "surface", "account", "intent", "sentiment",
)  # fmt: skip
"""What can be grouped and filtered by, in the order of the tables' keys."""

_INBOUND_POST: Final = "kind IN ({})".format(", ".join(f"'{each}'" for each in INBOUND_POSTS))

COUNTERS: Final[dict[str, str]] = {
    "push": f"kind = '{Kind.PUSH}'",
    "responses": f"kind = '{Kind.RESPONSE}'",
    "own_replies": f"kind = '{Kind.OWN_REPLY}'",
    "replies": f"kind = '{Kind.REPLY}'",
    "mentions": f"kind = '{Kind.MENTION}'",
    "quotes": f"kind = '{Kind.QUOTE}'",
    "announces": f"kind = '{Kind.ANNOUNCE}'",
    "likes": f"kind = '{Kind.LIKE}'",
    "follows": f"kind = '{Kind.FOLLOW}'",
    "inbound_posts": _INBOUND_POST,
    "answered": f"{_INBOUND_POST} AND answered_at IS NOT NULL",
    "negative": f"{_INBOUND_POST} AND sentiment = 'negative'",
    "neutral": f"{_INBOUND_POST} AND sentiment = 'neutral'",
    "positive": f"{_INBOUND_POST} AND sentiment = 'positive'",
    "misrouted": f"{_INBOUND_POST} AND department NOT IN ('', 'triage') AND owner_department != ''"
    " AND department != owner_department",
    "ambient_posts": f"kind = '{Kind.AMBIENT_POST}'",
    "outbound_reactions": f"kind = '{Kind.OUTBOUND_REACTION}'",
}
"""Counter column of the aggregates -> which alive facts it counts."""


@dataclass(frozen=True)
class Metric:
    """One metric: what it is in words, and its formula over the summed counters of a group."""

    name: str
    formula: str
    unit: str
    sql: str
    caveats: str = ""
    formula_version: str = "1"
    approximate: bool = False


def _count(name: str, formula: str, caveats: str = "") -> Metric:
    return Metric(name, formula, "count", name, caveats)


def _ratio(name: str, numerator: str, denominator: str, *, unit: str = "ratio", caveats: str = "") -> Metric:
    words = f"{numerator} / {denominator}"
    sql = f"if(({denominator}) = 0, NULL, ({numerator}) / ({denominator}))"
    return Metric(name, words, unit, sql, f"null when {denominator} = 0. {caveats}".strip())


_OCCURRED: Final = "Counted where its create occurred: an edit never moves it, a delete or undo takes it away."
_ENGAGEMENT: Final = "replies + mentions + quotes + announces + likes + follows"
_RESPONSE_TIME: Final = (
    "Over answered inbound posts, by the bucket of the inbound post. Posts not answered yet are not in it. A response "
    "dated before its post counts as 0 s. Linear interpolation between the two nearest values."
)

METRICS: Final = (
    _count("push", "outbound posts that start a conversation", _OCCURRED),
    _count(
        "responses",
        "outbound replies to a post that is not ours",
        "Also when that post is unknown or deleted later; a reply to our own post counts neither here nor as push.",
    ),
    _count("replies", "inbound posts that reply", "A reply that also mentions is a reply."),
    _count("mentions", "inbound posts addressed to an account of ours that neither reply nor quote", _OCCURRED),
    _count("quotes", "inbound posts that quote and do not reply", _OCCURRED),
    _count("announces", "inbound reposts, boosts and shares", _OCCURRED),
    _count("likes", "inbound likes, favourites and emoji reactions", _OCCURRED),
    _count("follows", "inbound follows", _OCCURRED),
    Metric("engagement", _ENGAGEMENT, "count", _ENGAGEMENT),
    Metric(
        "people",
        "distinct inbound actors",
        "count",
        "people",
        "Exact. A person with two identities counts twice; values of several rows must not be added up.",
    ),
    _ratio("engagement_per_push", "engagement", "push"),
    _ratio("conversation_rate", "replies", "push", caveats="Kaushik's definition: per post."),
    _ratio("amplification_rate", "announces", "push", caveats="Kaushik's definition: per post."),
    _ratio("applause_rate", "likes", "push", caveats="Kaushik's definition: per post."),
    _ratio(
        "conversation_share",
        "responses",
        "responses + push",
        caveats="0 = only broadcasts, 1 = only converses. Its trend is the shift from push to engagement.",
    ),
    _count("inbound_posts", "inbound posts: replies, mentions, quotes, direct messages, posts on internal channels"),
    _count("answered", "inbound posts that got a response", "A deleted response answers nothing."),
    _ratio("response_rate", "answered", "inbound_posts", caveats="Rises while recent posts are still being answered."),
    Metric(
        "first_response_seconds_p50",
        "median of seconds from an inbound post to our first response to it",
        "seconds",
        "if(answered = 0, NULL, round(first_response[1], 6))",
        _RESPONSE_TIME,
    ),
    Metric(
        "first_response_seconds_p90",
        "90th percentile of seconds from an inbound post to our first response to it",
        "seconds",
        "if(answered = 0, NULL, round(first_response[2], 6))",
        _RESPONSE_TIME,
    ),
    _count("negative", "inbound posts classified negative"),
    _count("neutral", "inbound posts classified neutral"),
    _count("positive", "inbound posts classified positive"),
    _ratio("net_sentiment", "positive - negative", "positive + neutral + negative", unit="ratio from -1 to 1"),
    _count(
        "misrouted",
        "inbound posts whose classified department and owner_department are both known and differ",
        "A post on the triage desk has no known department.",
    ),
    _count("ambient_posts", "posts that only match a tracked term", "Not part of engagement."),
    _count("own_replies", "outbound replies to our own posts", "Neither push nor responses."),
    _count("outbound_reactions", "likes, reposts and follows by our accounts", "Not part of engagement."),
)
"""In the order in which a row of the answer holds them."""
