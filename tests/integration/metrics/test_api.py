import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import pytest
from fastapi.testclient import TestClient

from services.metrics.api.page import page_router
from services.metrics.api.routes import MetricsParts, metrics_router
from services.metrics.core.definitions import METRICS
from services.metrics.core.rows import rejection_row
from services.metrics.store.clickhouse import ClickHouseAddress
from services.metrics.store.writer import ClickHouseRejections
from shared.contracts.activity import Surface
from shared.contracts.configuration import Configuration, Key, Scope
from shared.contracts.rejection import Reason, reject
from shared.service.auth import Keyring
from shared.service.health import Health
from shared.service.http import ServiceParts, create_app
from shared.service.telemetry import Telemetry
from tests.builders import NOON, a_classification, an_activity, classified
from tests.integration.metrics.store import Store

RANGE = {"from": "2026-11-23T00:00:00Z", "to": "2026-11-24T00:00:00Z"}


@dataclass(frozen=True)
class StillFreshness:
    """Freshness that does not move."""

    as_of: datetime = NOON

    def lag_ms(self) -> int:
        return 420


def a_key(name: str, *scopes: Scope) -> Key:
    return Key(name=name, sha256=sha256(name.encode()).hexdigest(), scopes=scopes)


@pytest.fixture
def client(store: Store) -> Iterator[TestClient]:
    keys = (
        a_key("reader", "metrics:read"),
        a_key("insider", "metrics:read", "internal:read"),
        a_key("operator", "admin"),
        a_key("inside-operator", "admin", "internal:read"),
        a_key("stranger", "queues:read"),
    )
    parts = ServiceParts("metrics", Keyring(Configuration(keys=keys), None), Health(), Telemetry("metrics"))
    clock = lambda: NOON + timedelta(hours=1)  # noqa: E731  # shorter than a function with one line
    app = create_app(parts, [metrics_router(MetricsParts(store.reader, StillFreshness(), clock)), page_router("")])
    with TestClient(app, follow_redirects=False) as found:
        yield found


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {name}"}


def test_engagement_answers_the_shape_of_the_contract(client: TestClient, store: Store) -> None:
    store.hear(classified(an_activity("web:1"), a_classification("billing")))
    answer = client.get("/v1/engagement", params={**RANGE, "by": "department,channel"}, headers=bearer("reader"))
    assert answer.status_code == 200
    body = answer.json()
    assert {name: body[name] for name in ("definition_version", "as_of", "lag_ms")} == {
        "definition_version": "1",
        "as_of": "2026-11-23T12:00:00.000Z",
        "lag_ms": 420,
    }
    (row,) = body["series"]
    assert list(row) == ["bucket", "department", "channel", *(metric.name for metric in METRICS)]
    assert (row["bucket"], row["department"], row["engagement"]) == ("2026-11-23T12:00:00Z", "billing", 1)
    assert row["engagement_per_push"] is None


def test_nothing_heard_is_an_empty_series(client: TestClient) -> None:
    assert client.get("/v1/engagement", headers=bearer("reader")).json()["series"] == []


def test_csv_has_a_heading_and_empty_cells_for_null(client: TestClient, store: Store) -> None:
    store.hear(classified(an_activity("web:1", account=None, department=None), a_classification("billing")))
    answer = client.get("/v1/engagement", params={"format": "csv", "by": "account"}, headers=bearer("reader"))
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["x-earshot-as-of"] == "2026-11-23T12:00:00.000Z"
    assert answer.headers["x-earshot-definition-version"] == "1"
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert (row["bucket"], row["account"], row["inbound_posts"], row["push"]) == ("2026-11-23T12:00:00Z", "", "1", "0")
    assert row["engagement_per_push"] == ""


def test_no_cell_of_a_csv_is_a_formula_and_numbers_stay_numbers(client: TestClient, store: Store) -> None:
    for number, text in enumerate(('=HYPERLINK("http://evil.example","x")', "+4930", "-1+1", "@SUM(1)", "\t=1", "＝1")):
        store.hear(classified(an_activity(f"web:{number}", text=text, account="+4930123")))
    asked = {**RANGE, "format": "csv", "by": "account"}
    (row,) = csv.DictReader(io.StringIO(client.get("/v1/sentiment", params=asked, headers=bearer("reader")).text))
    assert (row["account"], row["net_sentiment"]) == ("'+4930123", "-1")
    listed = client.get("/v1/activities", params={**RANGE, "format": "csv"}, headers=bearer("reader")).text
    assert {each["text"][:2] for each in csv.DictReader(io.StringIO(listed))} == {"'=", "'+", "'-", "'@", "'\t", "'＝"}


def test_internal_posts_are_seen_with_the_scope_only(client: TestClient, store: Store) -> None:
    store.hear(classified(an_activity("web:1", surface=Surface.INTERNAL)))
    for parameters in (RANGE, {**RANGE, "surface": "internal"}, {**RANGE, "by": "surface", "format": "json"}):
        for name in ("reader", "operator"):
            assert client.get("/v1/engagement", params=parameters, headers=bearer(name)).json()["series"] == []
        seen = client.get("/v1/engagement", params=parameters, headers=bearer("insider")).json()["series"]
        assert [row["inbound_posts"] for row in seen] == [1]


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"from": "2026-11-23T12:00:00"}, "zone"),
        ({"from": "2026-11-24T00:00:00Z", "to": "2026-11-23T00:00:00Z"}, "before"),
        ({"bucket": "minute", "from": "2020-01-01T00:00:00Z"}, "50000"),
        ({"by": "colour"}, "colour"),
        ({"format": "svg"}, "no pictures"),
        ({"tz": "Europe/Paradise"}, "IANA"),
        ({"compare": "next"}, "previous"),
        ({"departement": "billing"}, "Extra"),
        ({"bucket": "second"}, "minute"),
    ],
)
def test_a_request_that_does_not_fit_is_a_problem_that_says_why(
    client: TestClient, parameters: dict[str, str], word: str
) -> None:
    answer = client.get("/v1/engagement", params=parameters, headers=bearer("reader"))
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert word in answer.json()["errors"][0]["detail"]


def test_a_key_is_needed_and_its_scope(client: TestClient) -> None:
    for path in ("/v1/engagement", "/v1/definitions", "/v1/rejections"):
        assert client.get(path).status_code == 401
        assert client.get(path, headers=bearer("stranger")).status_code == 403
    assert client.get("/v1/rejections", headers=bearer("insider")).status_code == 403


def test_definitions_name_every_metric_of_a_row(client: TestClient) -> None:
    body = client.get("/v1/definitions", headers=bearer("reader")).json()
    assert body["definition_version"] == "1"
    names = [each["name"] for each in body["metrics"]]
    assert names[: len(METRICS)] == [metric.name for metric in METRICS]
    assert {"social_share", "posts", "share", "first_response_business_seconds_p90"} <= set(names)
    assert all(each["formula"] and each["unit"] and each["formula_version"] for each in body["metrics"])


def test_rejections_are_listed_newest_first_once_and_their_words_for_insiders_only(
    client: TestClient, address: ClickHouseAddress
) -> None:
    kept = ClickHouseRejections(address)
    rows = [
        rejection_row(reject(reason, "text", "why", origin="http", raw="words", at=NOON + timedelta(seconds=seconds)))
        for seconds, reason in enumerate((Reason.TOO_LONG, Reason.INVALID_JSON, Reason.TOO_LONG))
    ]
    kept.keep(rows)
    kept.keep(rows)
    kept.close()
    listed = client.get("/v1/rejections", headers=bearer("operator")).json()["rejections"]
    assert [each["reason"] for each in listed] == ["too_long", "invalid_json", "too_long"]
    assert listed[0]["received_at"] == "2026-11-23T12:00:02.000000Z"
    assert {(each["detail"], each["excerpt"]) for each in listed} == {(None, None)}
    wanted = {"reason": "too_long", "limit": "1"}
    (one,) = client.get("/v1/rejections", params=wanted, headers=bearer("inside-operator")).json()["rejections"]
    assert (one["detail"], one["excerpt"]) == ("why", "words")
    assert one["received_at"] == "2026-11-23T12:00:02.000000Z"


def test_rejections_are_counted_by_reason_paged_and_found_by_id(client: TestClient, address: ClickHouseAddress) -> None:
    kept = ClickHouseRejections(address)
    told = [(second // 2, number) for number, second in enumerate(range(7))]
    kept.keep([
        rejection_row(
            reject(
                Reason.TOO_LONG if number % 3 else Reason.INVALID_JSON, "text", "why", origin=f"http:{number}",
                raw="words", at=NOON + timedelta(seconds=second),
            )
        )
        for second, number in told
    ])  # fmt: skip
    kept.close()
    operator = bearer("operator")
    counts = client.get("/v1/rejections/reasons", headers=operator).json()["reasons"]
    assert [(each["reason"], each["rejections"]) for each in counts] == [("too_long", 4), ("invalid_json", 3)]
    assert counts[0]["oldest"] == "2026-11-23T12:00:00.000000Z"
    whole = client.get("/v1/rejections", headers=operator).json()["rejections"]
    paged: list[dict[str, object]] = []
    while page := client.get(
        "/v1/rejections",
        params={"limit": 2, **({"after": str(paged[-1]["id"])} if paged else {})},
        headers=operator,
    ).json()["rejections"]:
        paged += page
    assert paged == whole
    assert len({each["origin"] for each in paged}) == 7
    one = client.get(f"/v1/rejections/{whole[3]['id']}", headers=bearer("inside-operator")).json()
    assert (one["origin"], one["excerpt"]) == (whole[3]["origin"], "words")
    assert client.get("/v1/rejections/1-0000000000000000", headers=operator).status_code == 404
    assert client.get("/v1/rejections/last", headers=operator).status_code == 422
    assert client.get("/v1/rejections", params={"after": "x"}, headers=operator).status_code == 422
    assert client.get("/v1/rejections/reasons", headers=bearer("insider")).status_code == 403


def test_the_page_leads_to_the_sign_in_and_allows_no_foreign_code(client: TestClient) -> None:
    away = client.get("/")
    assert (away.status_code, away.headers["location"]) == (303, "/signin?next=/")
    page = client.get("/", headers=bearer("reader"))
    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert client.get("/assets/main.js").status_code == 401
    assert client.get("/assets/main.js", headers=bearer("reader")).headers["content-type"].startswith("text/javascript")


def test_the_api_describes_itself(client: TestClient) -> None:
    described = client.get("/openapi.json", headers=bearer("reader")).json()
    row = described["components"]["schemas"]["SeriesRow"]["properties"]
    assert set(row) >= {"bucket", "department", *(metric.name for metric in METRICS)}
