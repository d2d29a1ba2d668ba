"""Bad input through the front door: each answered as the contract says, nothing lost, nothing stored wrongly."""

import gzip
import hashlib
import hmac
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.conftest import ACME
from tests.e2e.system import KEY, System
from tests.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
SECRET = "slack-signing-secret-of-the-test"
GOOD: dict[str, Any] = {
    "channel": "web",
    "native_id": "good",
    "occurred_at": "2026-11-20T12:00:00Z",
    "actor": {"id": "ann"},
    "text": "my order has not arrived",
    "mentions": ["acme"],
}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One system for all bad input: what one case leaves behind, another would show."""
    folder: Path = tmp_path_factory.mktemp("bad-input")
    source = "sources: [{name: chat, type: slack, signing_secret_env: TEST_SIGNING_SECRET}]\n"
    made = System(folder / "home", ACME + source, {"TEST_SIGNING_SECRET": SECRET})
    made.start()
    yield made
    if made.process is not None and made.process.poll() is None:
        made.kill_tree()


def problem(answer: httpx2.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text[:300]
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body.keys() >= {"type", "title", "status", "detail", "errors"}
    return body


def only_rejection(answer: httpx2.Response) -> tuple[str, str]:
    assert answer.status_code == 202, answer.text[:300]
    body = answer.json()
    assert body["accepted"] == 0
    (rejected,) = body["rejected"]
    assert rejected["index"] == 0
    return rejected["field"], rejected["reason"]


@pytest.mark.parametrize("body", [b"{", b"[1,", b'{"a": nope}', b"\xff\xfe", b"", b'"text"', b"7"])
def test_a_body_that_is_no_activity_is_a_problem(system: System, body: bytes) -> None:
    assert system.post(body).status_code in {400, 422}
    assert system.post(body).headers["content-type"] == "application/problem+json"


def test_broken_json_is_400(system: System) -> None:
    problem(system.post(b'{"channel": "web"'), 400)


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"verb": "shout"}, "verb", "unknown_value"),
        ({"actor": None}, "actor", "missing_field"),
        ({"actor": {"name": "Ann"}}, "actor.id", "missing_field"),
        ({"actor": {"id": 7}}, "actor.id", "wrong_type"),
        ({"text": ["a"]}, "text", "wrong_type"),
        ({"text": None}, "text", "missing_field"),
        ({"text": "x" * (2 << 20)}, "", "too_long"),
        ({"occurred_at": "2026-11-20T12:00:00"}, "occurred_at", "timestamp_without_zone"),
        ({"occurred_at": "9999-12-31T23:59:59Z"}, "occurred_at", "timestamp_out_of_range"),
        ({"occurred_at": "1970-01-01T00:00:00Z"}, "occurred_at", "timestamp_out_of_range"),
        ({"occurred_at": "yesterday"}, "occurred_at", "invalid_timestamp"),
        ({"occurred_at": 1_700_000_000}, "occurred_at", "wrong_type"),
        ({"native_id": "a\x00b"}, "native_id", "control_character"),
        ({"native_id": None}, "id", "missing_field"),
        ({"mentions": "acme"}, "mentions", "wrong_type"),
    ],
)
def test_each_wrong_field_is_named_with_its_reason(
    system: System, changes: dict[str, Any], field: str, reason: str
) -> None:
    line = json.dumps(GOOD | changes).encode()
    found_field, found_reason = only_rejection(system.post(line, media_type="application/x-ndjson"))
    assert found_reason == reason
    assert found_field == field or not field


def test_a_lone_surrogate_rejects_its_item_and_keeps_the_others(system: System) -> None:
    bad = json.dumps(GOOD | {"native_id": "surrogate", "text": "\ud800 broken"})
    body = f"[{json.dumps(GOOD)}, {bad}]".encode()
    answer = system.post(body).json()
    assert answer["accepted"] == 1
    assert [(each["index"], each["field"], each["reason"]) for each in answer["rejected"]] == [
        (1, "text", "invalid_unicode")
    ]


def test_nul_marks_and_many_mentions_are_kept_as_they_can_be(system: System) -> None:
    text = "nul \x00 here, \u202eright to left\u202c and \u200f a mark"
    mentions = ["acme", *(f"user{number}" for number in range(199))]
    system.send([GOOD | {"native_id": "odd", "text": text, "mentions": mentions}])
    (item,) = eventually(lambda: [each for each in system.items() if each["id"] == "web:odd"], within_seconds=10)
    assert item["text"] == text.replace("\x00", "\ufffd")


def test_a_million_items_are_413_and_a_million_byte_array_is_not_read_to_its_end(system: System) -> None:
    problem(system.post(b"[" + b"1," * 999_999 + b"1]"), 413)


@pytest.mark.parametrize(
    ("headers", "media_type", "status"),
    [
        ({"Content-Encoding": "gzip"}, "application/json", 400),
        ({"Content-Encoding": "br"}, "application/json", 415),
        ({}, "text/plain", 415),
    ],
)
def test_a_body_that_is_not_what_its_headers_say(
    system: System, headers: dict[str, str], media_type: str, status: int
) -> None:
    problem(system.post(json.dumps(GOOD).encode(), media_type=media_type, **headers), status)


def test_gzip_is_read(system: System) -> None:
    body = gzip.compress(json.dumps(GOOD | {"native_id": "zipped"}).encode())
    answer = system.post(body, **{"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "rejected": []})


def test_a_body_shorter_than_its_length_stores_nothing_and_hangs_nobody(system: System) -> None:
    with socket.create_connection(("127.0.0.1", system.port), timeout=10) as connection:
        head = (
            f"POST /ingest/v1/activities HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
            "Content-Type: application/json\r\nContent-Length: 5000\r\n\r\n"
        )
        connection.sendall(head.encode() + json.dumps(GOOD | {"native_id": "short"}).encode())
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65_536)
    assert b" 202 " not in answer.split(b"\r\n")[0]
    assert system.get("/health/ready")["status"] == "ready"


def slack(
    system: System, event: dict[str, Any], *, timestamp: str | None = None, secret: str = SECRET
) -> httpx2.Response:
    body = json.dumps(event).encode()
    stamp = str(int(time.time())) if timestamp is None else timestamp
    digest = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    headers = {
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={digest}",
        "Content-Type": "application/json",
    }
    return httpx2.post(f"{system.base}/ingest/v1/webhooks/chat", content=body, headers=headers, timeout=30)


MESSAGE = {
    "team_id": "T1",
    "type": "event_callback",
    "event_id": "Ev1",
    "event_time": 1_795_000_000,
    "event": {
        "type": "message",
        "channel": "C1",
        "user": "U1",
        "text": "the VPN is down again",
        "ts": "1795000000.000100",
    },
}


@pytest.mark.parametrize("timestamp", ["", "soon", "1e9", "-1", "1795000000", "9" * 30, "\u0661"])
def test_a_slack_timestamp_that_is_old_or_no_number_is_401(system: System, timestamp: str) -> None:
    if timestamp.isascii():
        problem(slack(system, MESSAGE, timestamp=timestamp), 401)


def test_a_forged_slack_signature_is_401_and_stores_nothing(system: System) -> None:
    problem(slack(system, MESSAGE, secret="another secret"), 401)


def test_a_slack_message_replayed_is_one_item_and_internal(system: System) -> None:
    for _ in range(3):
        assert slack(system, MESSAGE).status_code == 200
    (item,) = eventually(lambda: [each for each in system.items() if each["channel"] == "slack"], within_seconds=10)
    assert (item["id"], item["surface"], item["version"]) == ("slack:T1/C1/1795000000.000100", "internal", 1)
    challenge = slack(system, {"type": "url_verification", "challenge": "abc"})
    assert (challenge.status_code, "abc" in challenge.text) == (200, True)


def test_nothing_but_the_good_was_stored_and_every_rejection_is_kept(system: System) -> None:
    system.send([GOOD, GOOD | {"native_id": "last"}])
    eventually(lambda: "web:last" in {each["id"] for each in system.items()}, within_seconds=10)
    assert {each["id"] for each in system.items()} <= {
        "web:good", "web:odd", "web:zipped", "web:last", "slack:T1/C1/1795000000.000100",
    }  # fmt: skip
    kept = eventually(lambda: system.get("/metrics/v1/rejections", limit=1000)["rejections"], within_seconds=10)
    assert {"unknown_value", "missing_field", "invalid_unicode", "too_long"} <= {each["reason"] for each in kept}
