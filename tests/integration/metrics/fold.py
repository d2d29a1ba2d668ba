"""The definitions of design.md section 7 as a naive fold, to compare the store with. Shares no code with it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from shared.contracts.activity import ClassifiedActivity

DIMENSIONS = (
    "department", "owner_department", "channel", "channel_class", "surface", "account", "intent", "sentiment",
)  # fmt: skip
LEGACY = {"email", "phone", "sms", "press", "web"}
RANK = {"create": 0, "announce": 0, "like": 0, "follow": 0, "update": 1, "delete": 2, "undo": 2}
COUNTS = (
    "push", "responses", "own_replies", "replies", "mentions", "quotes", "announces", "likes", "follows",
    "inbound_posts", "answered", "negative", "neutral", "positive", "misrouted", "ambient_posts", "outbound_reactions",
)  # fmt: skip


@dataclass
class Fact:
    """Where one living activity stands."""

    activity: ClassifiedActivity
    occurred_at: datetime

    @property
    def is_post(self) -> bool:
        return self.activity.verb in {"create", "update"}

    @property
    def is_inbound_post(self) -> bool:
        return self.is_post and self.activity.direction == "inbound"

    def dimensions(self) -> dict[str, str]:
        made, activity = self.activity.classification, self.activity
        department = activity.department or ""
        if made is not None and activity.direction != "outbound":
            department = "triage" if made.unsure else made.department.label
        return {
            "department": department,
            "owner_department": activity.department or "",
            "channel": activity.channel,
            "channel_class": "legacy" if activity.channel in LEGACY else "social",
            "surface": activity.surface.value,
            "account": activity.account or "",
            "intent": made.intent.label if made else "",
            "sentiment": made.sentiment.label if made else "",
        }


def living(heard: Iterable[ClassifiedActivity]) -> tuple[dict[str, Fact], set[str]]:
    """Return the activities that are not deleted, by id, and the ids that are known as ours."""
    versions: dict[str, list[tuple[int, int, int, ClassifiedActivity]]] = defaultdict(list)
    for place, each in enumerate(heard):
        versions[each.id].append((each.version, RANK[each.verb], place, each))
    ours = {key for key, held in versions.items() if any(each.direction == "outbound" for *_, each in held)}
    facts = {}
    for key, held in versions.items():
        held.sort(key=lambda version: version[:3])
        said = [version for version in held if version[1] < 2]
        if held[-1][1] == 2 or not said:
            continue
        create = min(said, key=lambda version: (version[1] == 1, version[0], version[3].occurred_at))
        facts[key] = Fact(said[-1][3], create[3].occurred_at)
    return facts, ours


def counted(fact: Fact, ours: set[str]) -> list[str]:
    """Return the counters that a fact adds one to, answered left out."""
    activity = fact.activity
    names = {"announce": "announces", "like": "likes", "follow": "follows"}
    if not fact.is_post:
        if activity.direction == "inbound":
            return [names[activity.verb]]
        return ["outbound_reactions"] if activity.direction == "outbound" else []
    if activity.direction == "ambient":
        return ["ambient_posts"]
    if activity.direction == "outbound":
        if not activity.in_reply_to:
            return ["push"]
        return ["own_replies" if activity.in_reply_to in ours else "responses"]
    return ["inbound_posts", *_inbound_kind(activity), *_judged(fact)]


def _inbound_kind(activity: ClassifiedActivity) -> list[str]:
    if activity.in_reply_to:
        return ["replies"]
    if activity.quotes:
        return ["quotes"]
    return ["mentions"] if activity.account else []


def _judged(fact: Fact) -> list[str]:
    held = fact.dimensions()
    known = held["department"] not in {"", "triage"} and held["owner_department"] != ""
    wrong = ["misrouted"] if known and held["department"] != held["owner_department"] else []
    return [*wrong, *([held["sentiment"]] if held["sentiment"] in {"negative", "neutral", "positive"} else [])]


def responses(facts: dict[str, Fact]) -> dict[str, datetime]:
    """Return when the first living response to each post was made, by the post's id."""
    first: dict[str, datetime] = {}
    for fact in facts.values():
        parent = fact.activity.in_reply_to
        if fact.is_post and fact.activity.direction == "outbound" and parent:
            first[parent] = min(first.get(parent, fact.occurred_at), fact.occurred_at)
    return first


def first_response(fact: Fact, first: dict[str, datetime]) -> float | None:
    """Return the seconds to the first living response to an inbound post, or None."""
    at = first.get(fact.activity.id)
    if not fact.is_inbound_post or at is None:
        return None
    return max(0.0, (at - fact.occurred_at) / timedelta(seconds=1))


def starts(at: datetime, bucket: str, zone: tzinfo = UTC) -> datetime:
    """Return the start of the bucket that holds an instant, on the clocks of a zone, as an instant."""
    at = at.astimezone(zone).replace(second=0, microsecond=0)
    if bucket in {"minute", "hour"}:
        return (at if bucket == "minute" else at.replace(minute=0)).astimezone(UTC)
    at = at.replace(hour=0, minute=0, fold=0)
    if bucket == "week":
        at -= timedelta(days=at.weekday())
    return (at.replace(day=1) if bucket == "month" else at).astimezone(UTC)


def percentile(values: list[float], share: float) -> float | None:
    """Return the value below which a share of the values lies, between the two nearest ones."""
    if not values:
        return None
    values = sorted(values)
    place = (len(values) - 1) * share
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


def fold(
    heard: Iterable[ClassifiedActivity], bucket: str, by: tuple[str, ...] = (), zone: tzinfo = UTC
) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return per (bucket, groups...) the counters, people and response times."""
    facts, ours = living(heard)
    first = responses(facts)
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    people: dict[tuple[Any, ...], set[tuple[str, str]]] = defaultdict(set)
    times: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    for fact in facts.values():
        names = counted(fact, ours)
        if not names:
            continue
        held = fact.dimensions()
        key = (starts(fact.occurred_at, bucket, zone), *(held[name] or None for name in by))
        row = groups.setdefault(key, dict.fromkeys(COUNTS, 0))
        seconds = first_response(fact, first)
        if seconds is not None:
            names.append("answered")
            times[key].append(seconds)
        for name in names:
            row[name] += 1
        if fact.activity.direction == "inbound":
            people[key].add((fact.activity.channel, fact.activity.actor.id))
    for key, row in groups.items():
        row["people"] = len(people[key])
        row["first_response_seconds_p50"] = percentile(times[key], 0.5)
        row["first_response_seconds_p90"] = percentile(times[key], 0.9)
    return groups
