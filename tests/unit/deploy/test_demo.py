"""The invented company of `make demo`."""

import json
from datetime import UTC, datetime
from pathlib import Path

from deploy.demo import SPAN, activities, write_demo
from shared.contracts.configuration import ReplaySource
from shared.service.configuration import load_configuration

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


def test_the_same_seed_tells_the_same_two_days() -> None:
    told = list(activities(NOW))
    assert told == list(activities(NOW))
    times = [datetime.fromisoformat(each["occurred_at"]) for each in told]
    assert min(times) >= NOW - SPAN
    assert max(times) <= NOW


def test_every_activity_has_its_own_identity_and_answers_what_is_there() -> None:
    told = list(activities(NOW))
    ids = [f"web:{each['native_id']}" for each in told]
    assert len(set(ids)) == len(ids)
    assert {each["in_reply_to"] for each in told if "in_reply_to" in each} <= set(ids)
    assert {each["object_id"] for each in told if "object_id" in each} <= set(ids)


def test_the_demo_is_written_once_and_its_configuration_loads(tmp_path: Path) -> None:
    path = write_demo(tmp_path / "demo", NOW)
    first = (tmp_path / "demo" / "demo.jsonl").read_text()
    assert write_demo(tmp_path / "demo", NOW.replace(day=2)) == path
    assert (tmp_path / "demo" / "demo.jsonl").read_text() == first
    (source,) = load_configuration(path).sources
    assert isinstance(source, ReplaySource)
    assert all(json.loads(line) for line in (path.parent / source.path).read_text().splitlines())
