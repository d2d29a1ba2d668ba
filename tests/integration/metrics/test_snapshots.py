"""Legacy push beside social push: by hand, against a naive fold, without internal posts, through the answer."""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from fastapi.testclient import TestClient

from services.metrics.api.routes import MetricsParts, metrics_router
from services.metrics.core.query import Bucket, EngagementQuery
from services.metrics.core.snapshots import legacy_reach
from services.metrics.core.views import SNAPSHOT_METRICS
from shared.contracts.activity import ClassifiedActivity, Direction, Snapshot, Surface, Verb
from shared.contracts.configuration import Configuration, Goal
from shared.service.auth import Keyring
from shared.service.health import Health
from shared.service.http import ServiceParts, create_app
from shared.service.telemetry import Telemetry
from tests.builders import NOON, an_activity, classified
from tests.integration.metrics.fold import living, starts
from tests.integration.metrics.store import Store
from tests.integration.metrics.test_api import StillFreshness, a_key, bearer

DAY = {"from": "2026-11-23T00:00:00Z", "to": "2026-11-24T00:00:00Z", "bucket": "day"}
LATER = NOON + timedelta(hours=1)
Seen = tuple[str, int, float]
"""A counter, its value, and how many hours after the send it was looked at."""


def campaign(id: str, *seen: Seen, **more: Any) -> ClassifiedActivity:  # noqa: A002, ANN401
    given: dict[str, Any] = {"channel": id.partition(":")[0], "direction": Direction.OUTBOUND, "actor": "acme", **more}
    sent = an_activity(id, **given)
    taken = tuple(
        Snapshot(counter=name, value=value, observed_at=NOON + timedelta(hours=after)) for name, value, after in seen
    )
    return classified(sent.model_copy(update={"snapshots": taken}))


@pytest.fixture
def client(store: Store) -> Iterator[TestClient]:
    goals = (Goal(department="support", metric="legacy_clicks", target=100, period="month"),)
    configuration = Configuration(
        keys=(a_key("reader", "metrics:read"), a_key("insider", "metrics:read", "internal:read")), goals=goals
    )
    parts = ServiceParts("metrics", Keyring(configuration, None), Health(), Telemetry("metrics"))
    held = MetricsParts(store.reader, StillFreshness(NOON + timedelta(days=2)), lambda: LATER, configuration)
    with TestClient(create_app(parts, [metrics_router(held)])) as found:
        yield found


def shift(client: TestClient, key: str = "reader", **asked: str) -> list[dict[str, Any]]:
    answer = client.get("/v1/shift", params={**DAY, **asked}, headers=bearer(key))
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["series"]
    return rows


def test_the_last_observation_of_each_counter_counts_once_per_campaign(client: TestClient, store: Store) -> None:
    sent = campaign("email:1", ("audience", 1_000, 0), ("opens", 100, 1), ("clicks", 5, 1))
    later = campaign("email:1", ("opens", 250, 20), ("clicks", 20, 20))
    for batch in ([later], [sent, campaign("press:1", ("audience", 340, 0))], [sent], [later, sent]):
        store.hear(*batch)
    store.hear(classified(an_activity("bluesky:1", channel="bluesky", direction=Direction.OUTBOUND, actor="acme")))
    store.hear(campaign("bluesky:2", ("audience", 9_999, 0)), campaign("email:none"))
    (row,) = shift(client)
    assert (row["social_push"], row["legacy_push"], row["push"]) == (2, 3, 5)
    reach = [row[f"legacy_{name}"] for name in ("audience", "opens", "clicks", "open_rate", "click_rate")]
    assert reach == [1_340, 250, 20, 0.25, 0.02]
    by_channel = {each["channel"]: each["legacy_audience"] for each in shift(client, by="channel")}
    assert by_channel == {"bluesky": None, "email": 1_000, "press": 340}
    answer = client.get("/v1/shift", params=DAY, headers=bearer("reader")).json()
    assert answer["approximate"] == [
        "legacy_audience", "legacy_opens", "legacy_clicks", "legacy_open_rate", "legacy_click_rate",
    ]  # fmt: skip
    defined = client.get("/v1/definitions", headers=bearer("reader")).json()["metrics"]
    assert [each["name"] for each in defined if each["approximate"]] == answer["approximate"]
    (goal,) = client.get("/v1/goals", headers=bearer("reader")).json()["goals"]
    assert (goal["metric"], goal["actual"]) == ("legacy_clicks", 20)


def test_a_campaign_that_is_taken_back_or_internal_reaches_nobody(client: TestClient, store: Store) -> None:
    store.hear(
        campaign("email:1", ("audience", 10, 0)), campaign("email:2", ("audience", 1, 0), surface=Surface.INTERNAL)
    )
    assert [row["legacy_audience"] for row in shift(client)] == [10]
    assert [row["legacy_audience"] for row in shift(client, "insider")] == [11]
    gone = an_activity(
        "email:1",
        channel="email",
        verb=Verb.DELETE,
        direction=Direction.OUTBOUND,
        occurred_at=NOON + timedelta(hours=1),
    )
    store.hear(classified(gone))
    store.hear(campaign("email:1", ("audience", 20, 2)))
    assert shift(client) == []


def test_a_push_shows_what_was_last_seen_of_it(client: TestClient, store: Store) -> None:
    store.hear(campaign("email:1", ("opens", 7, 1), ("opens", 9, 2), ("audience", 50, 0)), campaign("email:2"))
    asked = {**DAY, "metric": "legacy_audience"}
    second, first = client.get("/v1/activities", params=asked, headers=bearer("reader")).json()["activities"]
    assert second["snapshots"] == []
    assert first["snapshots"] == [
        {"counter": "audience", "value": 50, "observed_at": "2026-11-23T12:00:00.000000Z", "approximate": True},
        {"counter": "opens", "value": 9, "observed_at": "2026-11-23T14:00:00.000000Z", "approximate": True},
    ]


def some_campaign(draw: random.Random, number: int) -> ClassifiedActivity:
    """Return a send of one of few campaigns, with few or no observations, at times and values that repeat."""
    seen = [(draw.choice(("audience", "opens", "clicks", "unsubscribed")), draw.randrange(50), draw.randrange(4))
            for _ in range(draw.randrange(4))]  # fmt: skip
    verb = draw.choice([Verb.CREATE] * 6 + [Verb.DELETE])
    channel = ("email", "press", "bluesky", "sms")[number % 4]
    at = NOON + timedelta(hours=7 * number)
    made = campaign(
        f"{channel}:c{number}", *seen, verb=verb, occurred_at=at, version=draw.choice([1_000, 2_000]),
        department=draw.choice(["marketing", "sales"]),
    )  # fmt: skip
    return made.model_copy(update={"snapshots": ()}) if verb is Verb.DELETE else made


def expected_reach(heard: Sequence[ClassifiedActivity]) -> dict[tuple[datetime, str], dict[str, float | None]]:
    facts, _ = living(heard)
    pushes: dict[tuple[datetime, str], list[dict[str, int]]] = {}
    for key, fact in facts.items():
        last: dict[str, tuple[datetime, int]] = {}
        for each in (snapshot for activity in heard if activity.id == key for snapshot in activity.snapshots):
            last[each.counter] = max(last.get(each.counter, (NOON, -1)), (each.observed_at, each.value))
        held = fact.dimensions()
        if held["channel_class"] == "legacy" and last:
            seen = {name: value for name, (_, value) in last.items()}
            pushes.setdefault((starts(fact.occurred_at, "day"), held["department"]), []).append(seen)
    return {key: reach(found) for key, found in pushes.items()}


def reach(pushes: list[dict[str, int]]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name in ("audience", "opens", "clicks"):
        known = [each[name] for each in pushes if name in each]
        found[f"legacy_{name}"] = sum(known) if known else None
    for name, rate in (("opens", "open_rate"), ("clicks", "click_rate")):
        both = [each for each in pushes if name in each and "audience" in each]
        below = sum(each["audience"] for each in both)
        found[f"legacy_{rate}"] = sum(each[name] for each in both) / below if below else None
    return found


@pytest.mark.parametrize("seed", range(4))
def test_any_order_and_any_batches_of_observations_count_as_a_fold_of_them(store: Store, seed: int) -> None:
    draw = random.Random(seed)
    history = [some_campaign(draw, draw.randrange(9)) for _ in range(60)]
    query = EngagementQuery(NOON - timedelta(days=1), NOON + timedelta(days=9), Bucket.DAY, ("department",))

    def found() -> dict[tuple[datetime, str], dict[str, float | None]]:
        answer = store.reader.fetch(legacy_reach(query, SNAPSHOT_METRICS), "JSONEachRow")
        rows = orjson.loads(answer or b"[]")
        names = [each.name for each in SNAPSHOT_METRICS]
        return {
            (datetime.fromisoformat(row["bucket"]), row["department"]): {name: row[name] for name in names}
            for row in rows
        }

    heard: list[ClassifiedActivity] = []
    for first in (0, 20, 40):
        store.hear(*history[first : first + 20])
        heard += history[first : first + 20]
        assert found() == {key: pytest.approx(row) for key, row in expected_reach(heard).items()}
    store.hear(*reversed(history[10:50]))
    assert found().keys() == expected_reach([*history, *reversed(history[10:50])]).keys()
