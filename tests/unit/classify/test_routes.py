import json

import pytest
from fastapi.testclient import TestClient

from services.classify.api import routes
from services.classify.api.routes import classify_router
from shared.contracts.configuration import Configuration
from shared.service.auth import Keyring
from shared.service.health import Health
from shared.service.http import ServiceParts, create_app
from shared.service.telemetry import Telemetry
from tests.unit.classify.fakes import FakeScorer

KEY = {"Authorization": "Bearer secret"}


@pytest.fixture
def scorer() -> FakeScorer:
    return FakeScorer()


@pytest.fixture
def client(scorer: FakeScorer) -> TestClient:
    keyring = Keyring(Configuration(), "secret")
    parts = ServiceParts("classify", keyring, Health(), Telemetry("classify"))
    return TestClient(create_app(parts, [classify_router(scorer)]), headers=KEY)


def test_texts_are_answered_in_order(client: TestClient) -> None:
    answer = client.post("/v1/classify", json={"texts": ["billing twice", "it vpn", "billing twice"]})
    assert answer.status_code == 200
    body = answer.json()
    assert body["model"] == "fake.1"
    assert [each["department"]["label"] for each in body["classifications"]] == ["billing", "it", "billing"]
    assert set(body["classifications"][0]) == {"department", "intent", "sentiment", "unsure"}
    assert set(body["classifications"][0]["intent"]) == {"label", "probability"}


@pytest.mark.parametrize(
    "body",
    [
        {"texts": []}, {"texts": ["a"] * 1_001}, {"texts": [1]}, {"texts": [None]}, {"texts": "a"}, {}, [], "text",
        {"texts": ["a" * 100_001]}, {"texts": [["a"]]}, {"texts": ["a"], "more": 1},
    ],
)  # fmt: skip
def test_a_request_that_does_not_fit_is_a_422_problem_with_fields(client: TestClient, body: object) -> None:
    answer = client.post("/v1/classify", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"].startswith("body")
    assert len(answer.content) < 10_000


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000, b'{"texts": ["a"'])
def test_a_body_that_is_not_json_is_a_400_problem(client: TestClient, body: bytes) -> None:
    answer = client.post("/v1/classify", content=body)
    assert answer.status_code == 400
    assert answer.json()["status"] == 400


def test_lone_surrogates_and_nul_are_classified_like_the_rest(client: TestClient) -> None:
    answer = client.post("/v1/classify", content=b'{"texts": ["billing \\ud800 x", "it \\u0000", "", "\\udfff"]}')
    assert answer.status_code == 200
    found = [(each["department"]["label"], each["unsure"]) for each in answer.json()["classifications"]]
    assert found[:3] == [("billing", False), ("it", False), ("none", True)]
    assert len(found) == 4


def test_the_largest_request_is_answered(client: TestClient, scorer: FakeScorer) -> None:
    answer = client.post("/v1/classify", json={"texts": ["it " + "x" * 5_000] * 1_000})
    assert answer.status_code == 200
    assert len(answer.json()["classifications"]) == 1_000
    assert len(scorer.asked) == 1


def test_a_body_beyond_the_limit_is_refused(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "MAX_BODY_BYTES", 1_000)
    answer = client.post("/v1/classify", json={"texts": ["x" * 2_000]})
    assert answer.status_code == 413


def test_the_model_card_is_served(client: TestClient) -> None:
    assert client.get("/v1/model").json()["model"] == "fake.1"


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/classify"), ("GET", "/v1/model")])
def test_a_key_is_needed(client: TestClient, method: str, path: str) -> None:
    answer = client.request(method, path, headers={"Authorization": "Bearer wrong"}, json={"texts": ["a"]})
    assert answer.status_code == 401


def test_the_request_body_stands_in_the_openapi_description(client: TestClient) -> None:
    described = json.dumps(client.get("/openapi.json").json()["paths"]["/v1/classify"]["post"]["requestBody"])
    assert "texts" in described
