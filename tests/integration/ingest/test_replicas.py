"""Two replicas on one database and one log: HTTP and webhooks work on each, and each shows what the other one runs."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.contracts.topics import SOURCES_LEASED
from shared.stream.ports import Partition, Record
from tests.fakes.log import FakeLog
from tests.integration.ingest.house import House, a_submission, ndjson, source
from tests.waiting import eventually

SECRET = "shhh"
CONFIGURATION = {
    "sources": [
        {"name": "old", "type": "replay", "path": "posts.jsonl", "speed": "max"},
        {"name": "chat", "type": "slack", "signing_secret_env": "SLACK_SIGNING_SECRET"},
    ]
}


@dataclass
class FixedGroup:
    """A membership that holds all leases, or none."""

    has_all: bool

    def poll(self, timeout_seconds: float, max_records: int) -> Sequence[Record]:
        time.sleep(0.01)
        return []

    def owned(self) -> frozenset[Partition]:
        held = range(SOURCES_LEASED.partitions) if self.has_all else ()
        return frozenset(Partition(SOURCES_LEASED.name, number) for number in held)

    def on_revoked(self, callback: Callable[[frozenset[Partition]], None]) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def replicas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[House, House]:
    monkeypatch.setenv("SLACK_SIGNING_SECRET", SECRET)
    (tmp_path / "posts.jsonl").write_bytes(ndjson(a_submission(1), a_submission(2), "broken"))
    log = FakeLog()
    return (
        House(tmp_path, CONFIGURATION, log, membership=FixedGroup(has_all=True)),
        House(tmp_path, CONFIGURATION, log, membership=FixedGroup(has_all=False)),
    )


def test_a_source_runs_on_one_replica_and_both_show_it(replicas: tuple[House, House]) -> None:
    owner, other = replicas
    with owner.client() as running, other.client() as standing_by:
        eventually(lambda: source(running, "old")["state"] == "finished", within_seconds=20)
        eventually(lambda: source(standing_by, "old")["state"] == "finished", within_seconds=10)
        shown, told = source(running, "old"), source(standing_by, "old")
        assert told["counts"] == shown["counts"] == {"received": 3, "accepted": 2, "ignored": 0, "rejected": 1}
        assert (told["cursor"], told["progress"]) == (shown["cursor"], shown["progress"])
        assert 'earshot_source_state{source="old",state="standby"} 1.0' in standing_by.get("/metrics").text
    assert len(owner.activities()) == 2


def test_http_and_webhooks_work_on_any_replica(replicas: tuple[House, House]) -> None:
    _, other = replicas
    event = {
        "type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event_time": 1_764_000_000,
        "event": {"type": "message", "channel": "C1", "user": "U1", "text": "hello", "ts": "1764000000.000100"},
    }  # fmt: skip
    body, now = json.dumps(event).encode(), str(int(time.time()))
    signed = hmac.new(SECRET.encode(), b"v0:" + now.encode() + b":" + body, hashlib.sha256).hexdigest()
    headers = {"X-Slack-Request-Timestamp": now, "X-Slack-Signature": f"v0={signed}"}
    with other.client() as client:
        assert client.post("/v1/activities", json=a_submission(7)).status_code == 202
        assert client.post("/v1/webhooks/chat", content=body, headers=headers).status_code == 200
        assert source(client, "chat")["state"] == "waiting"
    assert {activity.channel for activity in other.activities()} == {"web", "slack"}


def test_what_nobody_runs_is_shown_as_standing_by(replicas: tuple[House, House]) -> None:
    _, other = replicas
    with other.client() as client:
        eventually(lambda: source(client, "old")["state"] == "standby", within_seconds=10)
