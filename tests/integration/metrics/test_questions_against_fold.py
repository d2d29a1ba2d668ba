"""Share of voice, silos and goals say what a naive fold says, over edits, deletes, late arrival and 25-hour days."""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from fastapi.testclient import TestClient

from services.metrics.api.routes import MetricsParts, metrics_router
from services.metrics.core.ports import Statement
from services.metrics.core.query import Bucket, EngagementQuery
from services.metrics.core.silos import answered_by_two, misrouted
from services.metrics.core.voice import Voices
from services.metrics.core.voice_series import share_of_voice
from shared.contracts.activity import ClassifiedActivity
from shared.contracts.configuration import Configuration, Goal, Term
from shared.contracts.vocabulary import GOAL_METRICS
from shared.service.auth import Keyring
from shared.service.health import Health
from shared.service.http import ServiceParts, create_app
from shared.service.telemetry import Telemetry
from tests.builders import NOON
from tests.integration.metrics.fold import Fact, counted, living, starts
from tests.integration.metrics.store import Store
from tests.integration.metrics.test_api import StillFreshness, a_key, bearer
from tests.integration.metrics.test_snapshots import campaign
from tests.integration.metrics.test_store_against_fold import some_post, some_reaction

CLOCKS_GO_BACK = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)
TERMS = {"us": ("acme",), "globex": ("globex", "globex pro")}
SAID = ("ACME is down", "acmeists unite", "Globex  PRO beats acme!", "globexes", "globex", "", "where is my order?")


Spoken = tuple[datetime, str | None, str]
"""A day, a channel and a group."""


def history(draw: random.Random, at: datetime, size: int) -> list[ClassifiedActivity]:
    """Return versions of posts around an instant that speak of terms and share few conversations."""
    found = []
    for _ in range(size):
        number = draw.randrange(60)
        made = some_post(draw, number) if draw.random() < 0.8 else some_reaction(draw, number)
        changes: dict[str, Any] = {
            "occurred_at": at + timedelta(minutes=random.Random(number).randrange(-2_880, 2_880)),
            "conversation_id": f"web:c{number % 4}",
        }
        if made.text is not None:
            changes["text"] = draw.choice(SAID)
        found.append(made.model_copy(update=changes))
    return found


def visible(heard: Sequence[ClassifiedActivity], *, internal: bool) -> tuple[dict[str, Fact], set[str]]:
    facts, ours = living(heard)
    return {key: each for key, each in facts.items() if internal or each.dimensions()["surface"] == "public"}, ours


def rows(store: Store, statement: Statement) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = orjson.loads(store.reader.fetch(statement, "JSONEachRow") or b"[]")
    return found


def spoken(text: str) -> list[str]:
    return [group for group, terms in TERMS.items()
            if any(re.search(rf"(?<!\w){term}(?!\w)", " ".join(text.lower().split())) for term in terms)]  # fmt: skip


def expected_voice(facts: dict[str, Fact], ours: set[str], zone: ZoneInfo) -> dict[Spoken, int]:
    counts: Counter[Spoken] = Counter()
    for fact in facts.values():
        if {"inbound_posts", "ambient_posts"} & set(counted(fact, ours)):
            for group in spoken(fact.activity.text or ""):
                channel = fact.dimensions()["channel"]
                counts[starts(fact.occurred_at, "day", zone), channel, group] += 1
    return dict(counts)


def spoken_of(row: dict[str, Any]) -> Spoken:
    return datetime.fromisoformat(row["bucket"]), row["channel"], row["group"]


@pytest.mark.parametrize("internal", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_share_of_voice_and_silos_count_as_a_fold(store: Store, seed: int, *, internal: bool) -> None:
    draw, zone = random.Random(seed), ZoneInfo("Europe/Berlin")
    heard = history(draw, CLOCKS_GO_BACK, 240)
    for first in range(0, 240, 80):
        store.hear(*heard[first : first + 80])
    facts, ours = visible(heard, internal=internal)
    query = EngagementQuery(
        CLOCKS_GO_BACK - timedelta(days=4), CLOCKS_GO_BACK + timedelta(days=4), Bucket.DAY, ("channel",),
        internal=internal, zone="Europe/Berlin",
    )  # fmt: skip
    voices = Voices.of([Term(term=term, group=group) for group, terms in TERMS.items() for term in terms])
    voice = expected_voice(facts, ours, zone)
    found = rows(store, share_of_voice(query, voices))
    assert {spoken_of(row): row["posts"] for row in found} == voice
    for row in found:
        together = sum(count for each, count in voice.items() if each[:2] == spoken_of(row)[:2])
        assert row["share"] == pytest.approx(row["posts"] / together)
    desks = Counter(
        (each.dimensions()["owner_department"], each.dimensions()["department"])
        for each in facts.values()
        if "misrouted" in counted(each, ours)
    )
    matrix = {(row["owner_department"], row["department"]): row["posts"] for row in rows(store, misrouted(query))}
    assert matrix == dict(desks)
    answering: dict[str, set[str]] = defaultdict(set)
    for each in facts.values():
        if "responses" in counted(each, ours) and each.dimensions()["department"]:
            answering[str(each.activity.conversation_id)].add(each.dimensions()["department"])
    several = {each["conversation_id"]: set(each["departments"]) for each in rows(store, answered_by_two(query))}
    assert several == {name: names for name, names in answering.items() if len(names) > 1}


@pytest.fixture
def client(store: Store) -> Iterator[TestClient]:
    periods = ("week", "month", "quarter", "year")
    goals = tuple(
        Goal(department="support", metric=name, target=5, period=period) for period in periods for name in GOAL_METRICS
    )
    configuration = Configuration(keys=(a_key("reader", "metrics:read"),), goals=goals)
    parts = ServiceParts("metrics", Keyring(configuration, None), Health(), Telemetry("metrics"))
    held = MetricsParts(store.reader, StillFreshness(NOON), lambda: NOON + timedelta(days=1), configuration)
    with TestClient(create_app(parts, [metrics_router(held)])) as found:
        yield found


def test_a_goal_of_any_metric_and_period_stands_where_the_series_of_its_period_stands(
    client: TestClient, store: Store
) -> None:
    store.hear(*history(random.Random(5), NOON - timedelta(days=20), 150), *history(random.Random(6), NOON, 150))
    store.hear(campaign("email:1", ("audience", 90, 0), ("opens", 9, 1), ("clicks", 3, 1)))
    now = NOON + timedelta(days=1)
    goals = client.get("/v1/goals", params={"tz": "Europe/Berlin"}, headers=bearer("reader")).json()["goals"]
    assert len(goals) == 4 * len(GOAL_METRICS)
    defined = client.get("/v1/definitions", headers=bearer("reader")).json()["metrics"]
    units = {each["name"]: each["unit"] for each in defined}
    series: dict[str, dict[str, Any]] = {}
    for goal in goals:
        start, end = goal["period_start"], datetime.fromisoformat(goal["period_end"])
        if start not in series:
            asked = {"from": start, "to": now.isoformat(), "bucket": "range", "department": "support"}
            series[start] = {}
            for path in ("engagement", "shift"):
                answer = client.get(f"/v1/{path}", params=asked, headers=bearer("reader")).json()["series"]
                series[start] |= answer[0]
        actual = series[start].get(goal["metric"], "absent")
        if goal["metric"].startswith("first_response_business"):
            assert goal["actual"] is None  # no business hours are configured here
            continue
        assert goal["actual"] == pytest.approx(actual), goal
        passed = (now - datetime.fromisoformat(start)) / (end - datetime.fromisoformat(start))
        grows = units[goal["metric"]] in {"count", "observed count"}
        assert goal["pace"] == pytest.approx(5 * passed if grows else 5)
        assert goal["forecast"] == pytest.approx(actual / passed if grows else actual)
        assert (goal["on_track"] is None) == (actual is None)
