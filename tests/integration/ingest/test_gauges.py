"""Prometheus is told what sources do, how old their cursors are, and how much the journal holds."""

from datetime import timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry

from services.ingest.cursors import Gap
from services.ingest.gauges import JournalGauges, SourceGauges
from services.ingest.journal import Journal, JournalledPublisher
from services.ingest.meters import Meters
from services.ingest.states import Phase, SourceState
from shared.contracts.codec import encode_activity
from shared.errors import TransientError
from shared.service.telemetry import Telemetry
from tests.builders import NOON, an_activity
from tests.fakes.log import FakeLog, FakePublisher
from tests.integration.ingest.house import House, a_submission, ndjson
from tests.waiting import eventually


def test_a_source_tells_its_state_its_cursor_and_its_silence() -> None:
    now = NOON
    state = SourceState("bsky", "bluesky", lambda: now, Meters(Telemetry("ingest")))
    registry = CollectorRegistry()
    SourceGauges([state], lambda: now, registry)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"earshot_source_{name}", {"source": "bsky"} | labels)

    assert (value("state", state="connecting"), value("state", state="live")) == (1, 0)
    assert value("cursor_age_seconds") is None
    state.live()
    state.heard(ignored=1)
    state.stands_at("5", saved_at=now, at=now - timedelta(seconds=90))
    now += timedelta(seconds=10)
    state.missed(Gap(NOON, NOON, "cursor_too_old"))
    assert (value("state", state="connecting"), value("state", state="live")) == (0, 1)
    assert (value("cursor_age_seconds"), value("silence_seconds"), value("gaps")) == (100, 10, 1)
    state.failed(TransientError("away"), phase=Phase.BACKING_OFF)
    assert value("state", state="backing_off") == 1


def test_a_finished_replay_shows_in_the_service_and_no_journal_shows_where_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "posts.jsonl").write_bytes(ndjson(a_submission(1)))
    house = House(tmp_path, {"sources": [{"name": "old", "type": "replay", "path": "posts.jsonl", "speed": "max"}]})
    with house.client() as client:
        wanted = 'earshot_source_state{source="old",state="finished"} 1.0'
        eventually(lambda: wanted in client.get("/metrics").text, within_seconds=10)
        assert "earshot_journal_records" not in client.get("/metrics").text


def test_the_journal_tells_what_it_holds_and_what_the_broker_has_not_taken(tmp_path: Path) -> None:
    journal, registry = Journal(tmp_path / "journal.db"), CollectorRegistry()
    publisher = JournalledPublisher(FakePublisher(FakeLog()), journal)
    JournalGauges(lambda: journal, registry)

    def value(name: str) -> float | None:
        return registry.get_sample_value(f"earshot_journal_{name}")

    publisher.publish([encode_activity(an_activity(f"web:{number}")) for number in range(3)])
    assert (value("records"), value("unacknowledged_records")) == (3, 0)
    assert (before := value("bytes")) is not None
    on_their_way = journal.append([encode_activity(an_activity("web:9", text="x" * 50_000))])
    assert (value("records"), value("unacknowledged_records")) == (4, 1)
    assert (after := value("bytes")) is not None
    assert after > before
    journal.acknowledge(on_their_way)
    assert value("unacknowledged_records") == 0
    journal.trim(on_their_way.last)
    assert value("records") == 0
    publisher.close()
