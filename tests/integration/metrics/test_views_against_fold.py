"""Every view, in zones whose days have 23 or 25 hours or begin at half past, says what a fold says."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from services.metrics.core.calendar import Bucket, bucket_starts
from services.metrics.core.query import EngagementQuery, series
from services.metrics.core.views import RESPONSIVENESS, SENTIMENT, SHIFT, View
from shared.contracts.activity import ClassifiedActivity
from tests.integration.metrics.fold import fold
from tests.integration.metrics.store import Store
from tests.integration.metrics.test_store_against_fold import some_post, some_reaction

CLOCKS_GO_BACK = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)
CLOCKS_GO_FORWARD = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
OURS_OR_TO_US = (
    "push", "responses", "own_replies", "outbound_reactions", "inbound_posts", "announces", "likes", "follows",
)  # fmt: skip


def near(at: datetime, draw: random.Random, number: int) -> ClassifiedActivity:
    """Return an activity within two days of an instant; one id is always at one time, so that edits do not matter."""
    made = some_post(draw, number) if number < 60 else some_reaction(draw, number)
    moved = at + timedelta(minutes=random.Random(number).randrange(-2_880, 2_880))
    return made.model_copy(update={"occurred_at": moved})


def asked(store: Store, query: EngagementQuery, view: View) -> dict[tuple[Any, ...], dict[str, Any]]:
    rows = orjson.loads(store.reader.fetch(series(query, view), "JSONEachRow") or b"[]")
    names = [metric.name for metric in view.metrics]
    return {
        (datetime.fromisoformat(row["bucket"]), *(row[name] for name in query.by)): {name: row[name] for name in names}
        for row in rows
    }


def share(above: float, below: float) -> float | None:
    return above / below if below else None


def expected_shift(heard: list[ClassifiedActivity], bucket: str, zone: ZoneInfo) -> dict[tuple[Any, ...], Any]:
    found: dict[tuple[Any, ...], dict[str, float]] = {}
    for (start, channel_class), row in fold(heard, bucket, ("channel_class",), zone).items():
        held = found.setdefault((start,), dict.fromkeys(("push", "responses", "social", "legacy"), 0))
        held["push"] += row["push"]
        held["responses"] += row["responses"]
        held[channel_class] += sum(row[name] for name in OURS_OR_TO_US)
    return {
        key: {
            "conversation_share": share(row["responses"], row["responses"] + row["push"]),
            "social_activities": row["social"],
            "legacy_activities": row["legacy"],
            "social_share": share(row["social"], row["social"] + row["legacy"]),
        }
        for key, row in found.items()
        if row["social"] + row["legacy"]
    }


@pytest.mark.parametrize(
    ("at", "name"),
    [
        (CLOCKS_GO_BACK, "Europe/Berlin"),
        (CLOCKS_GO_FORWARD, "Europe/Berlin"),
        (CLOCKS_GO_BACK, "Asia/Kathmandu"),
    ],
)
def test_every_view_counts_as_a_fold_in_local_time(store: Store, at: datetime, name: str) -> None:
    draw, zone = random.Random(name), ZoneInfo(name)
    heard = [near(at, draw, draw.randrange(90)) for _ in range(200)]
    store.hear(*heard[:120])
    store.hear(*heard[120:])
    for bucket in (Bucket.HOUR, Bucket.DAY, Bucket.WEEK):
        query = EngagementQuery(at - timedelta(days=9), at + timedelta(days=9), bucket, internal=True, zone=name)
        folded = {key: row for key, row in fold(heard, bucket, (), zone).items() if row["inbound_posts"]}
        sentiment, speed = asked(store, query, SENTIMENT), asked(store, query, RESPONSIVENESS)
        assert sentiment.keys() == speed.keys() == folded.keys()
        for key, row in folded.items():
            judged = {each: row[each] for each in ("inbound_posts", "negative", "neutral", "positive")}
            balance = share(row["positive"] - row["negative"], row["positive"] + row["neutral"] + row["negative"])
            assert sentiment[key] == pytest.approx({**judged, "net_sentiment": balance})
            names = ("inbound_posts", "answered", "first_response_seconds_p50", "first_response_seconds_p90")
            timed = {each: row[each] for each in names} | {
                "response_rate": share(row["answered"], row["inbound_posts"])
            }
            assert {each: speed[key][each] for each in timed} == pytest.approx(timed, abs=2e-6)
        shift = expected_shift(heard, bucket, zone)
        found = asked(store, query, SHIFT)
        assert found.keys() == shift.keys()
        for key, row in shift.items():
            assert {each: found[key][each] for each in row} == pytest.approx(row)


@pytest.mark.parametrize(("at", "hours"), [(CLOCKS_GO_BACK, 25), (CLOCKS_GO_FORWARD, 23)])
def test_a_local_day_is_as_long_as_its_clocks_say(at: datetime, hours: int) -> None:
    zone = ZoneInfo("Europe/Berlin")
    day, after = bucket_starts(at - timedelta(hours=3, minutes=30) + timedelta(hours=3), at + timedelta(hours=30),
                               Bucket.DAY, zone)[:2]  # fmt: skip
    assert (after - day) / timedelta(hours=1) == hours
    assert len(bucket_starts(day, after, Bucket.HOUR, zone)) == hours
