"""What each series of the API shows: its metrics in order, and when a row has anything to show."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from services.metrics.core.definitions import COUNTERS, METRICS, Metric

OURS_OR_TO_US: Final = (
    "push + responses + own_replies + outbound_reactions + inbound_posts + announces + likes + follows"
)
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

DOCUMENTED: Final = (*METRICS, *SHIFT_METRICS, *WORKING_METRICS, *VOICE_METRICS)
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
    },
)
VOICE: Final = View("share-of-voice", VOICE_METRICS, "posts")
