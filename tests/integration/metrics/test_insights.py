"""The other questions: responsiveness, sentiment, shift, share of voice, silos, goals, and what is behind a number."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

from services.metrics.api.routes import MetricsParts, metrics_router
from services.metrics.charts import SPECS
from services.metrics.core.chart import drawn
from services.metrics.core.query import EngagementQuery
from services.metrics.core.voice import Voices
from services.metrics.core.voice_series import share_of_voice
from services.metrics.painter import VegaPainter
from shared.contracts.activity import ClassifiedActivity, Direction, Surface, Verb
from shared.contracts.configuration import BusinessHours, Configuration, Goal, Queues, Term, Tracking
from shared.service.auth import Keyring
from shared.service.health import Health
from shared.service.http import ServiceParts, create_app
from shared.service.telemetry import Telemetry
from tests.builders import NOON, a_classification, an_activity, classified
from tests.integration.metrics.store import Store, unclassified
from tests.integration.metrics.test_api import StillFreshness, a_key, bearer

DAY = {"from": "2026-11-23T00:00:00Z", "to": "2026-11-24T00:00:00Z"}
MARCH = {"from": "2026-03-29T00:00:00+01:00", "to": "2026-03-30T00:00:00+02:00", "tz": "Europe/Berlin"}
CONFIGURATION = Configuration(
    keys=(a_key("reader", "metrics:read"), a_key("insider", "metrics:read", "internal:read")),
    tracking=Tracking(terms=("acme", Term(term="acme cloud"), Term(term="Globex", group="globex"))),
    goals=(
        Goal(department="support", metric="response_rate", target=0.9, period="week"),
        Goal(department="support", metric="push", target=10, period="month"),
        Goal(department="billing", metric="first_response_seconds_p50", target=60, period="quarter"),
    ),
    queues=Queues(business_hours=BusinessHours(timezone="Europe/Berlin")),
)


@pytest.fixture
def client(store: Store) -> Iterator[TestClient]:
    parts = ServiceParts("metrics", Keyring(CONFIGURATION, None), Health(), Telemetry("metrics"))
    held = MetricsParts(
        store.reader, StillFreshness(NOON + timedelta(days=2)), lambda: NOON, CONFIGURATION, VegaPainter()
    )
    with TestClient(create_app(parts, [metrics_router(held)])) as found:
        yield found


def asked(client: TestClient, path: str, key: str = "reader", **parameters: str | int) -> dict[str, Any]:
    answer = client.get(f"/v1/{path}", params={**DAY, **parameters}, headers=bearer(key))
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert {"definition_version", "as_of", "lag_ms"} <= body.keys()
    return body


def a_reply(id: str, to: str, department: str, minutes: float = 1, **more: Any) -> ClassifiedActivity:  # noqa: A002, ANN401
    at = more.pop("at", NOON) + timedelta(minutes=minutes)
    given: dict[str, Any] = {"conversation_id": to, "account": f"acme_{department}", **more}
    return classified(
        an_activity(id, direction=Direction.OUTBOUND, actor="acme", in_reply_to=to, occurred_at=at,
                    department=department, **given)
    )  # fmt: skip


def test_responsiveness_counts_wall_clock_and_business_hours(client: TestClient, store: Store) -> None:
    friday = NOON - timedelta(days=3) + timedelta(hours=3)  # 16:00 in Berlin, one hour before the weekend
    store.hear(
        classified(an_activity("web:1", occurred_at=friday)),
        classified(an_activity("web:2", occurred_at=friday)),
        a_reply("web:a", "web:1", "support", at=friday, minutes=66 * 60),  # Monday 10:00 in Berlin
    )
    found = asked(client, "responsiveness", **{"from": "2026-11-16T00:00:00Z"}, bucket="week", by="department")
    assert found["series"] == [
        {
            "bucket": "2026-11-16T00:00:00Z", "department": "support", "inbound_posts": 2, "answered": 1,
            "response_rate": 0.5, "first_response_seconds_p50": 237600.0, "first_response_seconds_p90": 237600.0,
            "first_response_business_seconds_p50": 7200.0, "first_response_business_seconds_p90": 7200.0,
        }
    ]  # fmt: skip


def test_sentiment_is_a_balance_of_inbound_posts(client: TestClient, store: Store) -> None:
    for number, sentiment in enumerate(("negative", "positive", "positive", "neutral")):
        store.hear(classified(an_activity(f"web:{number}"), a_classification(sentiment=sentiment)))
    (row,) = asked(client, "sentiment")["series"]
    assert {**row} == {
        "bucket": "2026-11-23T12:00:00Z", "inbound_posts": 4, "negative": 1, "neutral": 1, "positive": 2,
        "net_sentiment": 0.25,
    }  # fmt: skip


def test_the_shift_shows_old_and_new_channels_side_by_side(client: TestClient, store: Store) -> None:
    out = {"direction": Direction.OUTBOUND, "actor": "acme"}
    store.hear(
        classified(an_activity("email:1", channel="email", **out)),  # type: ignore[arg-type]
        classified(an_activity("bluesky:1", channel="bluesky", **out)),  # type: ignore[arg-type]
        classified(an_activity("bluesky:2", channel="bluesky")),
        a_reply("bluesky:3", "bluesky:2", "support", channel="bluesky"),
        unclassified(an_activity("bluesky:4", verb=Verb.LIKE, channel="bluesky", object_id="bluesky:1")),
        classified(an_activity("bluesky:5", channel="bluesky", direction=Direction.AMBIENT, account=None)),
    )
    (row,) = asked(client, "shift", bucket="day", by="department")["series"]
    assert row == {
        "bucket": "2026-11-23T00:00:00Z", "department": "support", "push": 2, "responses": 1,
        "conversation_share": pytest.approx(1 / 3), "social_activities": 4, "legacy_activities": 1,
        "social_share": 0.8, "social_push": 1, "legacy_push": 1, "social_engagement": 2, "legacy_engagement": 0,
        "legacy_audience": None, "legacy_opens": None, "legacy_clicks": None, "legacy_open_rate": None,
        "legacy_click_rate": None,
    }  # fmt: skip


def test_share_of_voice_finds_whole_words_in_any_case_and_sees_edits(client: TestClient, store: Store) -> None:
    ambient = {"direction": Direction.AMBIENT, "account": None, "department": None}
    store.hear(
        classified(an_activity("web:1", text="ACME cloud is down", **ambient)),  # type: ignore[arg-type]
        classified(an_activity("web:2", text="acmeists and globexes", **ambient)),  # type: ignore[arg-type]
        classified(an_activity("web:3", text="globex beats\nacme.")),
        classified(an_activity("web:4", text="globex")),
        classified(an_activity("web:5", text="acme", surface=Surface.INTERNAL)),
        classified(an_activity("web:6", text="acme", direction=Direction.OUTBOUND, actor="acme")),
    )
    rows = asked(client, "share-of-voice", bucket="day")["series"]
    assert [(row["group"], row["posts"], row["share"]) for row in rows] == [("globex", 2, 0.5), ("us", 2, 0.5)]
    inside = asked(client, "share-of-voice", "insider", bucket="day")["series"]
    assert [(row["group"], row["posts"], row["share"]) for row in inside] == [("globex", 2, 0.4), ("us", 3, 0.6)]
    edit = an_activity("web:4", verb=Verb.UPDATE, occurred_at=NOON + timedelta(hours=1), text="nothing")
    store.hear(classified(edit))
    rows = asked(client, "share-of-voice", bucket="day", by="channel")["series"]
    assert [(row["channel"], row["group"], row["posts"]) for row in rows] == [("web", "globex", 1), ("web", "us", 2)]
    behind = asked(client, "activities", metric="posts", group="globex")
    assert [each["id"] for each in behind["activities"]] == ["web:3"]


def test_silos_are_misrouted_posts_double_answers_and_repeated_questions(client: TestClient, store: Store) -> None:
    where = "Where can I find the invoice of last month?"
    store.hear(
        classified(an_activity("web:1", text=where), a_classification("billing", "question")),
        classified(
            an_activity("web:2", text="where can i find the INVOICE of last month", department="sales", account="s"),
            a_classification("sales", "question"),
        ),
        classified(an_activity("web:3", text=where, department="support"), a_classification("support", "question")),
        classified(
            an_activity("web:4", text=where, department="press", surface=Surface.INTERNAL),
            a_classification("press", "question"),
        ),
        a_reply("web:a", "web:1", "billing"),
        a_reply("web:b", "web:1", "sales", 5),
        a_reply("web:c", "web:2", "sales"),
        a_reply("web:d", "web:2", "press", surface=Surface.INTERNAL),
    )
    found = asked(client, "silos")
    assert found["misrouted"] == [{"owner_department": "support", "department": "billing", "posts": 1}]
    assert found["answered_by_two"] == [{"conversation_id": "web:1", "departments": ["billing", "sales"]}]
    assert found["asked_twice"] == [
        {"ids": ["web:1", "web:2", "web:3"], "departments": ["sales", "support"], "similarity": 1.0}
    ]
    inside = asked(client, "silos", "insider")
    assert [each["conversation_id"] for each in inside["answered_by_two"]] == ["web:1", "web:2"]
    assert inside["asked_twice"][0]["departments"] == ["press", "sales", "support"]


def test_goals_say_where_a_period_stands(client: TestClient, store: Store) -> None:
    store.hear(
        classified(an_activity("web:1", occurred_at=NOON - timedelta(hours=1))),
        a_reply("web:a", "web:1", "support", at=NOON - timedelta(hours=1)),
        *(
            classified(an_activity(f"web:p{day}", direction=Direction.OUTBOUND, actor="acme",
                                   occurred_at=NOON - timedelta(days=day)))
            for day in range(1, 10)
        ),
    )  # fmt: skip
    answer = client.get("/v1/goals", headers=bearer("reader")).json()
    rate, push, speed = answer["goals"]
    assert (rate["actual"], rate["pace"], rate["forecast"], rate["on_track"]) == (1.0, 0.9, 1.0, True)
    passed = (22 * 24 + 13) / (30 * 24)  # of November in Berlin, at 13:00 on the 23rd
    assert (push["actual"], push["pace"]) == (9, pytest.approx(10 * passed))
    assert (push["forecast"], push["on_track"]) == (pytest.approx(9 / passed), True)
    assert (speed["actual"], speed["forecast"], speed["on_track"]) == (None, None, None)
    assert push["period_start"] == "2026-10-31T23:00:00Z"


def test_the_activities_behind_a_number_come_in_pages_newest_first(client: TestClient, store: Store) -> None:
    posts = [
        classified(an_activity(f"web:{number}", text=f"post {number}", occurred_at=NOON + timedelta(seconds=number)))
        for number in range(7)
    ]
    hidden = classified(an_activity("web:hidden", text="secret", surface=Surface.INTERNAL))
    gone = classified(an_activity("web:3", verb=Verb.DELETE, occurred_at=NOON + timedelta(minutes=1)))
    store.hear(*posts, hidden, gone, a_reply("web:a", "web:6", "support"))
    seen: list[str] = []
    after: dict[str, str] = {}
    for _ in range(3):
        page = asked(client, "activities", metric="inbound_posts", limit=2, **after)
        assert page["total"] == 6
        seen += [each["id"] for each in page["activities"]]
        after = {"after": page["next"]} if page["next"] else {}
    assert seen == ["web:6", "web:5", "web:4", "web:2", "web:1", "web:0"]
    assert page["next"] is None
    (answered,) = asked(client, "activities", metric="answered", department="support")["activities"]
    assert (answered["text"], answered["actor"]["id"], answered["first_response_seconds"]) == ("post 6", "ann", 54.0)
    assert asked(client, "activities", "insider", metric="inbound_posts")["total"] == 7
    assert "secret" not in client.get("/v1/activities", params=DAY, headers=bearer("reader")).text
    (none,) = (asked(client, "activities", surface="internal"),)
    assert (none["total"], none["activities"]) == (0, [])
    table = client.get("/v1/activities", params={**DAY, "format": "csv"}, headers=bearer("reader"))
    assert len(list(csv.DictReader(io.StringIO(table.text)))) == 7
    wrong = client.get("/v1/activities", params={**DAY, "after": "§"}, headers=bearer("reader"))
    assert wrong.status_code == 422


def test_every_metric_of_a_row_opens_the_activities_it_counts(client: TestClient, store: Store) -> None:
    store.hear(
        classified(an_activity("web:1"), a_classification("billing", sentiment="positive")),
        a_reply("web:a", "web:1", "support"),
        classified(an_activity("web:p", direction=Direction.OUTBOUND, actor="acme")),
        unclassified(an_activity("web:l", verb=Verb.LIKE, object_id="web:p")),
    )
    (row,) = asked(client, "engagement")["series"]
    defined = client.get("/v1/definitions", headers=bearer("reader")).json()["metrics"]
    units = {each["name"]: each["unit"] for each in defined}
    for name, unit in units.items():
        found = asked(client, "activities", metric=name)
        if name in row and unit == "count" and name != "people":
            assert found["total"] == row[name] == len(found["activities"]), name


def test_a_local_day_has_23_hours_and_india_begins_at_half_past(client: TestClient, store: Store) -> None:
    first = NOON.replace(month=3, day=28, hour=22, minute=59)
    times = [first, first + timedelta(minutes=1), first + timedelta(hours=23), first + timedelta(hours=23, minutes=1)]
    store.hear(*(classified(an_activity(f"web:{n}", occurred_at=at)) for n, at in enumerate(times)))
    whole = {"from": "2026-03-27T00:00:00Z", "to": "2026-04-01T00:00:00Z", "bucket": "day"}
    rows = asked(client, "engagement", **whole, tz="Europe/Berlin")["series"]
    assert [(row["bucket"], row["bucket_local"], row["inbound_posts"]) for row in rows] == [
        ("2026-03-27T23:00:00Z", "2026-03-28T00:00:00+01:00", 1),
        ("2026-03-28T23:00:00Z", "2026-03-29T00:00:00+01:00", 2),
        ("2026-03-29T22:00:00Z", "2026-03-30T00:00:00+02:00", 1),
    ]
    rows = asked(client, "engagement", **MARCH, bucket="hour", fill="zero")["series"]
    assert len(rows) == 23
    rows = asked(client, "engagement", **whole, tz="Asia/Kolkata")["series"]
    assert [(row["bucket"], row["inbound_posts"]) for row in rows] == [
        ("2026-03-28T18:30:00Z", 2),
        ("2026-03-29T18:30:00Z", 2),
    ]


def test_gaps_are_filled_and_the_period_before_is_beside_it(client: TestClient, store: Store) -> None:
    store.hear(
        classified(an_activity("web:1")),
        classified(an_activity("web:2", occurred_at=NOON - timedelta(days=1), channel="bluesky")),
    )
    found = asked(client, "engagement", bucket="hour", fill="zero", compare="previous", by="channel")
    assert (len(found["series"]), sum(row["inbound_posts"] for row in found["series"])) == (24, 1)
    assert found["series"][0]["engagement_per_push"] is None
    assert found["previous_range"] == {"from": "2026-11-22T00:00:00.000Z", "to": "2026-11-23T00:00:00.000Z"}
    assert {row["channel"] for row in found["previous"]} == {"bluesky"}
    month = {"from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z", "compare": "previous"}
    assert asked(client, "sentiment", **month)["previous_range"]["from"] == "2026-10-01T00:00:00.000Z"
    table = client.get("/v1/engagement", params={**DAY, "compare": "previous", "format": "csv"},
                       headers=bearer("reader")).text  # fmt: skip
    assert [row["period"] for row in csv.DictReader(io.StringIO(table))] == ["current", "previous"]


def test_a_closed_range_has_an_etag_that_changes_with_the_figures(client: TestClient, store: Store) -> None:
    store.hear(classified(an_activity("web:1")))
    for form in ("json", "csv", "parquet"):
        first = client.get("/v1/engagement", params={**DAY, "format": form}, headers=bearer("reader"))
        held = {**bearer("reader"), "If-None-Match": first.headers["etag"]}
        assert client.get("/v1/engagement", params={**DAY, "format": form}, headers=held).status_code == 304
    store.hear(classified(an_activity("web:2")))
    assert client.get("/v1/engagement", params={**DAY, "format": "parquet"}, headers=held).status_code == 200
    open_range = {"from": DAY["from"], "to": "2026-12-24T00:00:00Z"}
    assert "etag" not in client.get("/v1/engagement", params=open_range, headers=bearer("reader")).headers


@pytest.mark.parametrize("path", ["engagement", "responsiveness", "sentiment", "shift", "share-of-voice"])
def test_parquet_and_arrow_hold_typed_columns_and_the_stamps(client: TestClient, store: Store, path: str) -> None:
    store.hear(classified(an_activity("web:1", text="acme")), a_reply("web:a", "web:1", "support"))
    get = {**DAY, "by": "channel"}
    answers = [client.get(f"/v1/{path}", params={**get, "format": form}, headers=bearer("reader"))
               for form in ("parquet", "arrow")]  # fmt: skip
    parquet = pq.read_table(io.BytesIO(answers[0].content))
    arrow = pa.ipc.open_stream(answers[1].content).read_all()
    assert parquet.equals(arrow)
    assert parquet.schema.field("bucket").type == pa.timestamp("us", tz="UTC")
    assert parquet.schema.metadata[b"earshot.definition_version"] == b"1"
    rows = asked(client, path, by="channel")["series"]
    columns = [name for name in parquet.column_names if name != "bucket"]
    assert parquet.select(columns).to_pylist() == [{name: row[name] for name in columns} for row in rows]


@pytest.mark.parametrize("path", ["engagement", "responsiveness", "sentiment", "shift", "share-of-voice"])
def test_a_chart_is_drawn_as_a_picture(client: TestClient, store: Store, path: str) -> None:
    store.hear(classified(an_activity("web:1", text="acme")), a_reply("web:a", "web:1", "support"))
    svg = client.get(f"/v1/{path}", params={**DAY, "format": "svg", "by": "channel"}, headers=bearer("reader"))
    assert svg.headers["content-type"] == "image/svg+xml"
    assert svg.text.startswith("<svg")
    assert "2026-11-23T00:00:00.000Z" in svg.text
    if path == "engagement":
        png = client.get(f"/v1/{path}", params={**DAY, "format": "png", "theme": "dark"}, headers=bearer("reader"))
        assert png.content.startswith(b"\x89PNG")


def test_a_range_is_one_row_whose_people_are_counted_once(client: TestClient, store: Store) -> None:
    days = (NOON - timedelta(days=2), NOON - timedelta(days=1), NOON)
    store.hear(*(classified(an_activity(f"web:{n}", occurred_at=at, actor="ann")) for n, at in enumerate(days)))
    whole = {"from": "2026-11-20T00:00:00Z", "bucket": "range", "tz": "Europe/Berlin"}
    found = asked(client, "engagement", **whole, compare="previous")
    assert [(row["bucket"], row["people"], row["inbound_posts"]) for row in found["series"]] == [
        ("2026-11-20T00:00:00Z", 1, 3)
    ]
    assert found["previous"] == []
    (row,) = asked(client, "shift", **whole, by="channel")["series"]
    assert (row["channel"], row["legacy_activities"]) == ("web", 3)


def test_a_picture_shows_the_clocks_of_the_zone_that_was_asked() -> None:
    rows = [{"bucket": "2026-11-22T23:00:00Z", "bucket_local": "2026-11-23T00:00:00+01:00", "engagement": 1, "push": 0}]
    made = drawn(SPECS["engagement"], rows, (), (900, 360, "light"), "")
    assert made["data"]["values"][0]["bucket"] == "2026-11-23T00:00:00"


def test_a_term_may_hold_any_sign(store: Store) -> None:
    terms = [Term(term="C++ (2€_x)", group="sign"), Term(term="東京", group="city")]
    found = Voices.of(terms)
    ambient = {"direction": Direction.AMBIENT, "account": None, "department": None}
    store.hear(
        classified(an_activity("web:1", text="I like c++\u00a0(2€_X).", **ambient)),  # type: ignore[arg-type]
        classified(an_activity("web:2", text="昨日東京で", **ambient)),  # type: ignore[arg-type]
        classified(an_activity("web:3", text="c++ (2€_xy", **ambient)),  # type: ignore[arg-type]
    )
    query = EngagementQuery(NOON, NOON + timedelta(minutes=1), internal=True)
    rows = orjson.loads(store.reader.fetch(share_of_voice(query, found), "JSONEachRow"))
    assert [(row["group"], row["posts"]) for row in rows] == [("city", 1), ("sign", 1)]
