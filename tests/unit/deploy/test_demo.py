"""The invented company of `make demo`."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.__main__ import write_demo
from deploy.demo.company import SEED, texts
from deploy.demo.story import DAYS, Teller, history
from services.ingest.core.addressing import Accounts
from services.ingest.core.submission import Reading, read_submission
from shared.contracts.activity import Activity
from shared.contracts.configuration import Configuration, ReplaySource
from shared.contracts.rejection import Rejection
from shared.service.configuration import load_configuration

NOW = datetime(2026, 12, 1, 16, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def told() -> list[dict[str, Any]]:
    return list(history(NOW, None, NOW))


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    return load_configuration(write_demo(tmp_path_factory.mktemp("demo"), NOW).configuration)


def identity(each: dict[str, Any]) -> str:
    return f"{each['channel']}:{each['native_id']}"


def test_the_same_beginning_tells_the_same_two_weeks_in_order(told: list[dict[str, Any]]) -> None:
    assert told == list(history(NOW, None, NOW))
    times = [datetime.fromisoformat(each["occurred_at"]) for each in told]
    assert times == sorted(times)
    assert NOW - timedelta(days=DAYS) < times[0] < NOW - timedelta(days=DAYS - 1)
    assert NOW - timedelta(hours=1) < times[-1] <= NOW
    assert 3_000 < len(told) < 8_000


def test_every_activity_is_accepted_by_ingest_and_answers_what_is_there(
    told: list[dict[str, Any]], configuration: Configuration
) -> None:
    reading = Reading(Accounts(configuration.organisation.accounts), "demo", "demo", NOW)
    read = [read_submission(each, number, reading) for number, each in enumerate(told)]
    assert [each for each in read if isinstance(each, Rejection)] == []
    activities = [Activity.model_validate(each) for each in read]
    created = [each for each in activities if each.verb not in {"update", "delete"}]
    assert len({each.id for each in created}) == len(created)
    # The story begins in the middle of conversations; apart from those, everything named exists.
    known = {each.id for each in created}
    named = [each.in_reply_to for each in activities if each.in_reply_to]
    assert sum(name not in known for name in named) < len(named) / 20
    directions = Counter(each.direction for each in activities)
    assert min(directions.values()) > 50
    assert len(directions) == 3
    assert {each.surface for each in activities} == {"public", "internal"}
    departments = {account.department for account in configuration.organisation.accounts}
    assert {each.department for each in activities if each.direction == "inbound"} == departments


def test_the_company_is_lively(told: list[dict[str, Any]]) -> None:
    posts = [each for each in told if "text" in each]
    assert len({each["text"] for each in posts}) > len(posts) / 4
    assert {each["channel"] for each in posts} >= {"bluesky", "mastodon", "web", "email", "slack"}
    days = Counter(each["occurred_at"][:10] for each in posts)
    (worst, most), *_ = days.most_common(1)
    outage = (NOW - timedelta(days=5)).date().isoformat()
    assert worst == outage
    assert most > 1.6 * sorted(days.values())[-2]
    assert not [each for each in posts if "{" in each["text"]]


def test_a_later_start_adds_what_was_said_since_and_nothing_twice(tmp_path: Path) -> None:
    first = write_demo(tmp_path, NOW)
    later = NOW + timedelta(days=3, hours=2)
    second = write_demo(tmp_path, later)
    lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text(encoding="utf-8").splitlines()]
    assert (len(lines), second.added > 300) == (first.added + second.added, True)
    posted = [identity(each) for each in lines if each.get("verb") not in {"update", "delete"}]
    assert len(set(posted)) == len(posted)
    assert all(datetime.fromisoformat(each["occurred_at"]) <= later for each in lines)
    assert write_demo(tmp_path, later).added == 0
    (source,) = load_configuration(second.configuration).sources
    assert isinstance(source, ReplaySource)
    assert (second.configuration.parent / source.path).exists()


def test_every_authored_text_can_be_said() -> None:
    import random  # noqa: PLC0415

    teller = Teller("t", random.Random(SEED))
    said = texts()
    lines = [text for theme in said["themes"] for kind in ("opens", "answers", "follows") for text in theme[kind]]
    lines += said["ambient"] + said["outage"]["opens"] + said["outage"]["answers"] + said["tails"]
    assert len(lines) > 200
    assert not [line for line in lines if "{" in teller.say(line)]
