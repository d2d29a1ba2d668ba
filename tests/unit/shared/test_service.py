"""How every service behaves over HTTP: keys, scopes, cookies, problem documents, health, metrics, docs."""

import asyncio
import hashlib

import pytest
from fastapi import APIRouter, Depends
from fastapi.testclient import TestClient

from shared.contracts.configuration import Configuration, Key
from shared.errors import TransientError
from shared.service.auth import COOKIE, Keyring, requires
from shared.service.health import Health
from shared.service.http import ServiceParts, create_app
from shared.service.telemetry import Telemetry

KEY, NARROW = "all-scopes", "narrow"


def a_client(health: Health | None = None) -> TestClient:
    narrow = Key(name="narrow", sha256=hashlib.sha256(NARROW.encode()).hexdigest().upper(), scopes=("queues:read",))
    router = APIRouter()

    @router.get("/v1/thing", dependencies=[Depends(requires("metrics:read"))])
    def thing(number: int = 0) -> dict[str, int]:
        return {"number": number}

    @router.post("/v1/change", dependencies=[Depends(requires("metrics:read"))])
    def change() -> dict[str, bool]:
        return {"changed": True}

    @router.get("/v1/away", dependencies=[Depends(requires("metrics:read"))])
    def away() -> None:
        raise TransientError("the store is away", retry_after_seconds=7)

    @router.get("/v1/bug", dependencies=[Depends(requires("metrics:read"))])
    def bug() -> None:
        raise ZeroDivisionError

    @router.get("/v1/cut", dependencies=[Depends(requires("metrics:read"))])
    async def cut() -> None:
        raise asyncio.CancelledError

    keyring = Keyring(Configuration(keys=(narrow,)), KEY)
    parts = ServiceParts("test", keyring, health or Health(), Telemetry("test"), prefix="/test")
    return TestClient(create_app(parts, [router]), raise_server_exceptions=False)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize("path", ["/v1/thing", "/metrics", "/docs", "/openapi.json"])
def test_every_route_but_health_needs_a_key(path: str) -> None:
    client = a_client()
    for headers in ({}, bearer("wrong"), {"Authorization": "Basic abc"}, {"Authorization": "Bearer "}):
        answer = client.get(path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json().keys() >= {"type", "title", "status", "detail", "errors"}
    assert client.get(path, headers=bearer(KEY)).status_code == 200
    assert client.get("/health/live").status_code == 200


def test_a_key_without_the_scope_is_refused_by_name() -> None:
    answer = a_client().get("/v1/thing", headers=bearer(NARROW))
    assert answer.status_code == 403
    assert "metrics:read" in answer.json()["detail"]


def test_the_cookie_reads_but_changes_only_from_our_own_pages() -> None:
    client = a_client()
    client.cookies.set(COOKIE, KEY)
    assert client.get("/v1/thing").status_code == 200
    assert client.post("/v1/change").status_code == 403
    assert client.post("/v1/change", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.post("/v1/change", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_signing_in_sets_a_guarded_cookie_and_leads_back_only_to_this_host() -> None:
    client = a_client()
    answer = client.post("/signin", data={"key": KEY, "next": "/test/page?x=1"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/test/page?x=1")
    assert "httponly" in answer.headers["set-cookie"].lower()
    assert "samesite=strict" in answer.headers["set-cookie"].lower()
    for elsewhere in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        answer = client.post("/signin", data={"key": KEY, "next": elsewhere}, follow_redirects=False)
        assert answer.headers["location"] == "/test/"


def test_a_wrong_key_stays_on_the_sign_in_page_without_a_cookie() -> None:
    answer = a_client().post("/signin", data={"key": "wrong", "next": '"><script>'})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "<script>" not in answer.text.split("<body>")[1].split("</main>")[0]


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/thing?number=x", 422), ("/v1/absent", 404), ("/v1/away", 503), ("/v1/bug", 500), ("/v1/change", 405)],
)
def test_every_error_is_a_problem_document(path: str, status: int) -> None:
    answer = a_client().get(path, headers=bearer(KEY))
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


def test_a_transient_error_says_when_to_come_back_and_a_bug_tells_nothing_of_the_inside() -> None:
    assert a_client().get("/v1/away", headers=bearer(KEY)).headers["retry-after"] == "7"
    assert "division" not in a_client().get("/v1/bug", headers=bearer(KEY)).text


def test_readiness_names_what_is_not_ready() -> None:
    health = Health()
    health.register("broker", lambda: "no answer from 127.0.0.1:1")
    health.register("store", lambda: None)
    answer = a_client(health).get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["not_ready"] == {"broker": "no answer from 127.0.0.1:1"}


def test_requests_are_counted_by_route_template() -> None:
    client = a_client()
    client.get("/v1/thing", headers=bearer(KEY))
    text = client.get("/metrics", headers=bearer(KEY)).text
    assert 'earshot_http_requests_total{route="/v1/thing",status="200"} 1.0' in text


def test_the_docs_page_loads_nothing_from_elsewhere() -> None:
    client = a_client()
    page = client.get("/docs", headers=bearer(KEY)).text
    assert "http://" not in page
    assert "https://" not in page
    assert client.get("/docs-assets/swagger-ui-bundle.js").status_code == 200


def test_a_request_that_a_restart_cuts_off_is_told_to_come_again() -> None:
    answer = a_client().get("/v1/cut", headers=bearer(KEY))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "send it again" in answer.json()["detail"]
