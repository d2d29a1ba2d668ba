"""What each series of the API shows: its metrics in order, and when a row has anything to show."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from services.metrics.core.definitions import COUNTERS, METRICS, Metric

OURS_OR_TO_US: Final = (
    "push + responses + own_replies + outbound_reactions + inbound_posts + announces + likes + follows"
)
ENGAGED: Final = "replies + mentions + quotes + announces + likes + follows"
_OF_CLASS: Final = "everything our accounts did or that was addressed to them on {} channels"
_CAVEAT: Final = "Ambient posts are not in it."

SHIFT_METRICS: Final = (
    Metric("social_activities", _OF_CLASS.format("social"), "count", "social_activities", _CAVEAT),
    Metric("legacy_activities", _OF_CLASS.format("legacy"), "count", "legacy_activities", _CAVEAT),
    Metric(
        "social_share",
        "social_activities / (social_activities + legacy_activities)",
        "ratio",
        "if(social_activities + legacy_activities = 0, NULL,"
        " social_activities / (social_activities + legacy_activities))",
        "null when there is neither. Its trend is the shift from old channels to new ones.",
    ),
    Metric("social_push", "push on social channels", "count", "social_push"),
    Metric("legacy_push", "push on legacy channels (email, phone, sms, press, web)", "count", "legacy_push"),
    Metric("social_engagement", "engagement on social channels", "count", "social_engagement"),
    Metric("legacy_engagement", "engagement on legacy channels", "count", "legacy_engagement"),
)

OBSERVED: Final = "observed count"
"""Unit of what a tool showed: null where nobody reported, never counted from activities."""

_REPORTED: Final = (
    "Approximate: snapshots that the sending tool reported, the last one of each push; null when there is none. "
)


def _reported(counter: str, words: str, caveat: str) -> Metric:
    sql = f"if(countIf(seen.has_{counter}) = 0, NULL, sum(seen.{counter}))"
    return Metric(f"legacy_{counter}", words, OBSERVED, sql, _REPORTED + caveat, approximate=True)


def _rate(name: str, counter: str) -> Metric:
    below = f"sumIf(seen.audience, seen.has_{counter})"
    sql = f"if({below} = 0, NULL, sumIf(seen.{counter}, seen.has_audience) / {below})"
    words = f"legacy_{counter} / legacy_audience"
    return Metric(name, words, "ratio", sql, f"{_REPORTED}Over pushes of which both are known.", approximate=True)


SNAPSHOT_METRICS: Final = (
    _reported("audience", "people that push on legacy channels was sent to", "Once per push, however often the same."),
    _reported("opens", "opens of push on legacy channels", "A mail program that loads pictures by itself opens."),
    _reported("clicks", "clicks in push on legacy channels", "A scanner that follows links clicks."),
    _rate("legacy_open_rate", "opens"),
    _rate("legacy_click_rate", "clicks"),
)

WORKING_METRICS: Final = tuple(
    Metric(
        f"first_response_business_seconds_{name}",
        f"{words} of the seconds of business hours from an inbound post to our first response",
        "seconds",
        f"first_response_business_seconds_{name}",
        "Business hours as in the configuration (queues.business_hours); without any, every hour counts.",
    )
    for name, words in (("p50", "median"), ("p90", "90th percentile"))
)

VOICE_METRICS: Final = (
    Metric(
        "posts",
        "inbound and ambient posts in which a tracked term of the group stands as whole words, in any case",
        "count",
        "posts",
        "A post with terms of two groups counts for both. A changed list of terms holds for the past as well.",
    ),
    Metric("share", "posts of the group / posts of all groups", "ratio", "share", "Within bucket and grouping."),
)

DOCUMENTED: Final = (*METRICS, *SHIFT_METRICS, *SNAPSHOT_METRICS, *WORKING_METRICS, *VOICE_METRICS)
"""Every metric that some answer holds."""

_BY_NAME: Final = {metric.name: metric for metric in DOCUMENTED}


def metric_named(name: str) -> Metric | None:
    """Return a metric, or None."""
    return _BY_NAME.get(name)


@dataclass(frozen=True)
class View:
    """The columns of one kind of series; `sums` are counters of its own, `shown` says which groups have a row."""

    name: str
    metrics: tuple[Metric, ...]
    shown: str
    sums: Mapping[str, str] = field(default_factory=dict)


def _view(name: str, *metrics: str, shown: str) -> View:
    return View(name, tuple(_BY_NAME[each] for each in metrics), shown)


def _of_class(expression: str, channel_class: str) -> str:
    summed = " + ".join(f"source.{each}" for each in expression.split(" + "))
    return f"sumIf({summed}, source.channel_class = '{channel_class}')"


ENGAGEMENT: Final = View("engagement", METRICS, " + ".join(COUNTERS))
RESPONSIVENESS: Final = _view(
    "responsiveness", "inbound_posts", "answered", "response_rate", "first_response_seconds_p50",
    "first_response_seconds_p90", shown="inbound_posts",
)  # fmt: skip
SENTIMENT: Final = _view(
    "sentiment", "inbound_posts", "negative", "neutral", "positive", "net_sentiment", shown="inbound_posts"
)
SHIFT: Final = View(
    "shift",
    (*(_BY_NAME[each] for each in ("push", "responses", "conversation_share")), *SHIFT_METRICS),
    OURS_OR_TO_US,
    {
        "social_activities": _of_class(OURS_OR_TO_US, "social"),
        "legacy_activities": _of_class(OURS_OR_TO_US, "legacy"),
        "social_push": _of_class("push", "social"),
        "legacy_push": _of_class("push", "legacy"),
        "social_engagement": _of_class(ENGAGED, "social"),
        "legacy_engagement": _of_class(ENGAGED, "legacy"),
    },
)
VOICE: Final = View("share-of-voice", VOICE_METRICS, "posts")
