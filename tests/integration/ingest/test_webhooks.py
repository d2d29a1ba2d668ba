"""POST /v1/webhooks/{source}: genuine Slack deliveries are durable before the answer, the rest changes nothing."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from fastapi.testclient import TestClient

from services.ingest.core.signature import sign
from shared.errors import ConfigurationError
from tests.integration.ingest.house import House, source

SECRET = "invented-secret"
URL = "/v1/webhooks/chat"
CONFIGURATION = {
    "organisation": {"accounts": [{"channel": "slack", "id": "U0US", "department": "it"}]},
    "sources": [{"name": "chat", "type": "slack"}],
}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setenv("SLACK_SIGNING_SECRET", SECRET)
    return House(tmp_path, CONFIGURATION)


@pytest.fixture
def client(house: House) -> Iterator[TestClient]:
    with house.client() as client:
        client.headers.pop("authorization")
        yield client


def an_event(**event: object) -> bytes:
    return json.dumps({"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event": event}).encode()


def a_message(seconds_ago: int = 5, **changes: object) -> bytes:
    ts = f"{int(time.time()) - seconds_ago}.000100"
    return an_event(**({"type": "message", "channel": "C1", "user": "U1", "text": "hi", "ts": ts} | changes))


def deliver(client: TestClient, body: bytes, *, at: float | None = None, secret: str = SECRET) -> httpx2.Response:
    timestamp = str(int(time.time() if at is None else at))
    headers = {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": sign(body, timestamp, secret)}
    return client.post(URL, content=body, headers=headers)


def test_a_signed_message_is_taken_without_a_key(house: House, client: TestClient) -> None:
    answer = deliver(client, a_message())
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    assert [(each.verb.value, each.surface.value, each.direction.value) for each in house.activities()] == [
        ("create", "internal", "inbound")
    ]


def test_the_challenge_is_answered_when_it_is_signed(client: TestClient) -> None:
    body = json.dumps({"type": "url_verification", "challenge": "3eZbrw1aB", "token": "old"}).encode()
    assert deliver(client, body).json() == {"challenge": "3eZbrw1aB"}
    assert deliver(client, body, secret="other").status_code == 401


def test_a_delivery_that_comes_again_has_the_same_identity(house: House, client: TestClient) -> None:
    body = a_message()
    assert {deliver(client, body).status_code for _ in range(3)} == {200}
    assert len(house.ids()) == 1
    assert len({(each.id, each.version, each.verb) for each in house.activities()}) == 1


@pytest.mark.parametrize("seconds", [-400, 400, -1_000_000])
def test_an_old_or_early_delivery_is_refused(house: House, client: TestClient, seconds: int) -> None:
    answer = deliver(client, a_message(), at=time.time() + seconds)
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert house.activities() == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Slack-Request-Timestamp": "abc", "X-Slack-Signature": "v0=00"},
        {"X-Slack-Request-Timestamp": "1e9", "X-Slack-Signature": "v0=00"},
        {"X-Slack-Request-Timestamp": "٣", "X-Slack-Signature": "v0=00"},
        {"X-Slack-Request-Timestamp": "1", "X-Slack-Signature": "ü"},
        {"X-Slack-Signature": "v0=00"},
    ],
)
def test_a_request_that_is_not_signed_is_a_401_and_never_a_500(client: TestClient, headers: dict[str, str]) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert client.post(URL, content=a_message(), headers=raw).status_code == 401


def test_a_source_nobody_configured_is_not_found(client: TestClient) -> None:
    assert client.post("/v1/webhooks/other", content=b"{}").status_code == 404


def test_a_body_beyond_the_limit_is_too_large(client: TestClient) -> None:
    assert deliver(client, b" " * ((1 << 20) + 1)).status_code == 413


def test_a_signed_body_that_is_no_event_is_a_bad_request_and_a_rejection(house: House, client: TestClient) -> None:
    assert deliver(client, b"not json").status_code == 400
    assert [(each.reason.value, each.origin) for each in house.rejections()] == [("invalid_json", "slack/chat")]


def test_a_malformed_event_is_kept_as_a_rejection_and_not_sent_again(house: House, client: TestClient) -> None:
    assert deliver(client, a_message(user=7)).status_code == 200
    assert [(each.field, each.reason.value) for each in house.rejections()] == [("event.user", "wrong_type")]


def test_while_the_broker_is_away_slack_is_told_to_deliver_again(house: House, client: TestClient) -> None:
    house.log.away = True
    assert deliver(client, a_message()).status_code == 503
    house.log.away = False
    assert deliver(client, a_message()).status_code == 200


def test_the_state_tells_what_came(house: House, client: TestClient) -> None:
    client.headers["authorization"] = "Bearer test-key"
    assert source(client, "chat")["state"] == "waiting"
    for body in (a_message(), a_message(bot_id="B1"), a_message(ts="x")):
        assert deliver(client, body).status_code == 200
    minute = int(time.time()) // 60 * 60
    limited = json.dumps({"type": "app_rate_limited", "minute_rate_limited": minute}).encode()
    assert deliver(client, limited).status_code == 200
    shown = source(client, "chat")
    assert shown["counts"] == {"received": 3, "accepted": 1, "ignored": 1, "rejected": 1}
    assert [gap["reason"] for gap in shown["gaps"]] == ["app_rate_limited"]
    assert set(shown["gaps"][0]) == {"from", "to", "reason"}
    assert shown["last_activity_at"] is not None


def test_gaps_are_still_known_after_a_restart(house: House) -> None:
    limited = json.dumps({"type": "app_rate_limited", "minute_rate_limited": int(time.time()) - 60}).encode()
    with house.client() as client:
        deliver(client, limited)
    with house.client() as client:
        assert len(source(client, "chat")["gaps"]) == 1


def test_a_missing_secret_stops_the_start_and_names_the_variable(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"sources\.0: the environment variable SLACK_SIGNING_SECRET is not set"
    ):
        House(tmp_path, CONFIGURATION).app()
