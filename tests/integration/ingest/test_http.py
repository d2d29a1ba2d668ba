"""POST /v1/activities and its neighbours, over HTTP in process."""

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.fakes.log import FakePublisher
from tests.integration.ingest.house import House, a_submission, ndjson
from tests.waiting import eventually

URL = "/v1/activities"
NDJSON = {"Content-Type": "application/x-ndjson"}
JSON = {"Content-Type": "application/json"}
ACCOUNTS = {"organisation": {"accounts": [{"channel": "web", "id": "acme", "department": "support"}]}}


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, ACCOUNTS)


@pytest.fixture
def client(house: House) -> Iterator[TestClient]:
    with house.client() as client:
        yield client


def test_one_activity_is_taken(house: House, client: TestClient) -> None:
    answer = client.post(URL, json=a_submission(mentions=["acme"]))
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "rejected": []})
    assert [(each.id, each.account, each.department) for each in house.activities()] == [("web:p1", "acme", "support")]


def test_an_array_is_taken_but_for_its_bad_items(house: House, client: TestClient) -> None:
    items = [a_submission(1), 5, a_submission(2, verb="shout"), a_submission(3)]
    answer = client.post(URL, json=items)
    assert answer.status_code == 202
    assert answer.json() == {
        "accepted": 2,
        "rejected": [
            {"index": 1, "field": "", "reason": "not_an_object", "detail": "expected an object, found a number"},
            {
                "index": 2, "field": "verb", "reason": "unknown_value",
                "detail": "expected one of create, update, delete, announce, like, follow, undo",
            },
        ],
    }  # fmt: skip
    assert house.ids() == {"web:p1", "web:p3"}
    assert [each.origin for each in house.rejections()] == ["http/environment:1", "http/environment:2"]


def test_one_item_s_lone_surrogate_spoils_no_other_of_an_array(house: House, client: TestClient) -> None:
    body = json.dumps([a_submission(1), a_submission(2, text="X"), a_submission(3)]).replace('"X"', '"\\udfff"')
    answer = client.post(URL, content=body, headers=JSON)
    assert answer.json()["accepted"] == 2
    assert [(each["index"], each["reason"]) for each in answer.json()["rejected"]] == [(1, "invalid_unicode")]


def test_ndjson_is_taken_line_by_line_and_blank_lines_are_nothing(house: House, client: TestClient) -> None:
    body = b"\n" + ndjson(a_submission(1)) + b"\r\n\n{broken\n" + ndjson(a_submission(2)) + b"\n \n"
    answer = client.post(URL, content=body, headers=NDJSON)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 2)
    assert [(each["index"], each["reason"]) for each in answer.json()["rejected"]] == [(3, "invalid_json")]


@pytest.mark.parametrize(("body", "headers"), [(b"[]", JSON), (b"", NDJSON), (b"\n\n", NDJSON)])
def test_nothing_is_accepted_as_nothing(client: TestClient, body: bytes, headers: dict[str, str]) -> None:
    answer = client.post(URL, content=body, headers=headers)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 0, "rejected": []})


def test_a_long_stream_is_published_in_parts_and_counted_as_a_whole(house: House, client: TestClient) -> None:
    answer = client.post(URL, content=ndjson(*(a_submission(n) for n in range(3_500))), headers=NDJSON)
    assert answer.json()["accepted"] == 3_500
    assert len(house.ids()) == 3_500


def test_the_list_of_rejections_is_cut_but_their_number_is_told(house: House, client: TestClient) -> None:
    answer = client.post(URL, content=b"x\n" * 1_500, headers=NDJSON)
    assert (len(answer.json()["rejected"]), answer.json()["rejected_total"]) == (1_000, 1_500)
    assert len(house.rejections()) == 1_500


def test_a_single_bad_activity_is_a_problem_and_still_a_rejection(house: House, client: TestClient) -> None:
    answer = client.post(URL, json=a_submission(actor={}))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json()) == {"type", "title", "status", "detail", "errors"}
    assert answer.json()["errors"] == [{"field": "actor.id", "reason": "missing_field", "detail": "is required"}]
    assert [each.field for each in house.rejections()] == ["actor.id"]


@pytest.mark.parametrize("body", ["5", '"text"', "null", "true"])
def test_a_body_that_is_no_activity_is_a_problem(client: TestClient, body: str) -> None:
    answer = client.post(URL, content=body, headers=JSON)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["reason"] == "not_an_object"


@pytest.mark.parametrize("body", [b"", b"{", b"{}]", b"\xff\xfe", b"[" * 100_000, b'{"a":NaN}'])
def test_a_broken_body_is_a_bad_request(house: House, client: TestClient, body: bytes) -> None:
    answer = client.post(URL, content=body, headers=JSON)
    assert (answer.status_code, answer.json()["reason"]) == (400, "invalid_json")
    assert house.activities() == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/csv"}, 415),
        ({"Content-Type": ""}, 415),
        ({"Content-Type": "application/json; charset=latin-1"}, 415),
        ({"Content-Type": "application/json; charset=UTF-8"}, 202),
        ({"Content-Type": "Application/JSON"}, 202),
        (JSON | {"Content-Encoding": "br"}, 415),
        (JSON | {"Content-Encoding": "gzip, gzip"}, 415),
        (JSON | {"Content-Encoding": "identity"}, 202),
        (JSON | {"Content-Encoding": "gzip"}, 400),
        (NDJSON | {"Content-Encoding": "gzip"}, 400),
    ],
)
def test_the_form_of_a_body_is_what_its_headers_say(client: TestClient, headers: dict[str, str], status: int) -> None:
    answer = client.post(URL, content=ndjson(a_submission()), headers=headers)
    assert answer.status_code == status, answer.text
    if status != 202:
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("headers", [JSON, NDJSON])
def test_a_gzip_body_is_inflated(house: House, client: TestClient, headers: dict[str, str]) -> None:
    packed = gzip.compress(ndjson(a_submission()))
    answer = client.post(URL, content=packed, headers=headers | {"Content-Encoding": "gzip"})
    assert answer.json() == {"accepted": 1, "rejected": []}


@pytest.mark.parametrize(
    "packed", [gzip.compress(ndjson(a_submission()))[:-5], zlib.compress(ndjson(a_submission())), b"\x1f\x8b garbage"]
)
def test_a_body_that_lies_about_its_encoding_is_a_bad_request(client: TestClient, packed: bytes) -> None:
    answer = client.post(URL, content=packed, headers=NDJSON | {"Content-Encoding": "gzip"})
    assert answer.status_code == 400
    assert "gzip" in answer.json()["detail"]


def test_a_gzip_bomb_is_too_large(client: TestClient) -> None:
    packed = gzip.compress(b" " * (40 << 20))
    answer = client.post(URL, content=packed, headers=JSON | {"Content-Encoding": "gzip"})
    assert answer.status_code == 413


def test_an_array_of_a_million_is_too_large(house: House, client: TestClient) -> None:
    answer = client.post(URL, content=b"[" + b"{}," * 999_999 + b"{}]", headers=JSON)
    assert (answer.status_code, house.rejections()) == (413, [])


def test_a_text_of_two_mebibytes_is_too_long_in_every_form(house: House, client: TestClient) -> None:
    great = a_submission(1, text="x" * (2 << 20))
    assert client.post(URL, json=great).json()["errors"][0]["reason"] == "too_long"
    assert client.post(URL, json=[great, a_submission(2)]).json()["rejected"][0]["reason"] == "too_long"
    answer = client.post(URL, content=ndjson(great, a_submission(3)), headers=NDJSON)
    assert (answer.json()["accepted"], answer.json()["rejected"][0]["reason"]) == (1, "too_long")
    assert all(0 < len(each.excerpt) <= 200 for each in house.rejections())


def test_a_broker_that_is_away_is_a_503_and_resending_counts_once(house: House, client: TestClient) -> None:
    house.log.away = True
    answer = client.post(URL, json=[a_submission(1), 5])
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["content-type"] == "application/problem+json"
    eventually(lambda: client.get("/health/ready").status_code == 503, within_seconds=5)
    house.log.away = False
    eventually(lambda: client.get("/health/ready").status_code == 200, within_seconds=5)
    assert client.post(URL, json=[a_submission(1), 5]).status_code == 202
    assert house.ids() == {"web:p1"}


def test_a_lost_answer_is_a_503_and_the_resend_has_the_same_identities(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.publisher = FakePublisher(house.log, failures=1)
    items = [a_submission(n) for n in range(10)]
    with house.client() as client:
        assert client.post(URL, json=items).status_code == 503
        assert client.post(URL, json=items).json()["accepted"] == 10
    records = [record for records in house.log.records.values() for record in records]
    assert len(records) == 15
    assert len({record.header("ce_id") for record in records}) == 10


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", URL, 401), ("GET", "/v1/sources", 401), ("GET", "/metrics", 401), ("GET", "/health/ready", 200)],
)
def test_every_route_but_health_needs_a_key(house: House, method: str, path: str, status: int) -> None:
    with house.client() as client:
        eventually(lambda: client.get("/health/ready").status_code == 200, within_seconds=5)
        client.headers.pop("authorization")
        assert client.request(method, path, content=b"{}", headers=JSON).status_code == status


def test_a_key_with_the_wrong_scope_may_not_write_but_metrics_may_see_sources(tmp_path: Path) -> None:
    digest = hashlib.sha256(b"reader").hexdigest()
    house = House(tmp_path, {"keys": [{"name": "reader", "sha256": digest, "scopes": ["metrics:read"]}]})
    with house.client() as client:
        client.headers["authorization"] = "Bearer reader"
        assert client.post(URL, json=a_submission()).status_code == 403
        assert client.get("/v1/sources").json() == {"sources": []}
        assert 'earshot_http_requests_total{route="/v1/activities",status="403"} 1.0' in client.get("/metrics").text


def test_what_was_heard_and_refused_is_counted(client: TestClient) -> None:
    client.post(URL, json=[a_submission(1), 5, 6])
    shown = client.get("/metrics").text
    assert 'earshot_ingest_inputs_total{outcome="accepted",source="http"} 1.0' in shown
    assert 'earshot_ingest_inputs_total{outcome="rejected",source="http"} 2.0' in shown
    assert 'earshot_rejections_total{reason="not_an_object"} 2.0' in shown


def test_the_openapi_description_names_every_route(client: TestClient) -> None:
    paths: dict[str, Any] = client.get("/openapi.json").json()["paths"]
    assert {URL, "/v1/webhooks/{source}", "/v1/sources"} <= set(paths)
    assert set(paths[URL]["post"]["requestBody"]["content"]) == {"application/json", "application/x-ndjson"}
