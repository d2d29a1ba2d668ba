"""What a careful adversary sends: each case once slipped through, or came close."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from services.ingest.connectors.bluesky_batch import BatchReader, Heard
from services.ingest.core.addressing import Accounts
from services.ingest.core.fields import EARLIEST
from services.ingest.core.lines import Line
from services.ingest.core.slack import Workspace, interpret
from services.ingest.core.submission import Reading
from services.ingest.core.submissions import Batch, read_items, read_lines
from services.ingest.core.times import declared_instant
from services.ingest.intake import BrokerHealth
from services.ingest.meters import Meters
from services.ingest.probe import watch_broker
from services.ingest.states import Phase, SourceState
from shared.contracts.activity import Activity, Direction, Surface
from shared.contracts.configuration import Account
from shared.service.telemetry import Telemetry
from shared.stream.ports import Partition
from tests.unit.ingest.platforms import (
    ANN,
    NOON,
    NOON_US,
    US,
    FakeIndex,
    a_post,
    an_account_event,
    as_v2,
    ears,
    encoded,
    mention_of,
)  # fmt: skip
from tests.waiting import eventually

READING = Reading(
    Accounts([Account(channel="web", id="acme", handle="acme.example", department="support")]), "http", "http/t", NOON
)


def submitted(**changes: object) -> Batch:
    plain = {
        "channel": "web",
        "native_id": "p",
        "occurred_at": "2026-11-23T11:00:00Z",
        "actor": {"id": "a"},
        "text": "x",
    }
    return read_items([plain | changes], 0, READING)


def one(batch: Batch) -> Activity:
    assert not batch.rejected
    return Activity.model_validate_json(batch.accepted[0].value)


@pytest.mark.parametrize(
    "said",
    ["2026-11-23\ud80011:00:00", "2026-11-23\ud80011:00:00Z", "2026-11-23\x0011:00:00Z", "2026-11-23T11:00:00Z\n",
     "２０２６-11-23T11:00:00Z", "2026-11-23T24:00:01Z", "2026-11-23T11:00:61Z", "2026-11-23T11:00:00+24:00",
     "2026-02-29T11:00:00Z"],
)  # fmt: skip
def test_a_time_with_strange_characters_or_an_impossible_one_is_no_time(said: str) -> None:
    (rejected,) = submitted(occurred_at=said).rejected
    assert rejected.rejection.reason.value == "invalid_timestamp"
    rejected.rejection.model_dump_json()
    assert declared_instant(said) is None


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2016-12-31T23:59:60.5Z", datetime(2016, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC)),
        ("2017-01-01T05:44:60+05:45", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2026-11-23t11:00:00.123456789z", datetime(2026, 11, 23, 11, 0, 0, 123_456, tzinfo=UTC)),
        ("2026-11-23T11:00:00.1Z", datetime(2026, 11, 23, 11, 0, 0, 100_000, tzinfo=UTC)),
        ("2026-11-23 11:00:00-00:00", datetime(2026, 11, 23, 11, tzinfo=UTC)),
        ("20261123T110000+0545", datetime(2026, 11, 23, 5, 15, tzinfo=UTC)),
        ("2026-11-23T00:30:00+14:00", datetime(2026, 11, 22, 10, 30, tzinfo=UTC)),
    ],
)
def test_odd_but_valid_times_are_read(said: str, at: datetime) -> None:
    assert one(submitted(occurred_at=said)).occurred_at == at
    assert declared_instant(said) == at


def test_a_bad_item_nested_as_deep_as_the_parser_goes_is_a_rejection() -> None:
    line = b'{"channel": "web", "verb": "shout", "note": ' + b"[" * 1_000 + b"]" * 1_000 + b"}"
    (rejected,) = read_lines([Line(0, line)], READING).rejected
    assert rejected.rejection.reason.value == "unknown_value"


def test_numbers_beyond_any_machine_are_wrong_and_raise_nothing() -> None:
    for number in ("1e400", "-1e400", str(10**30), str(2**64), "1.0", "-0"):
        body = json.dumps({"version": 7, "channel": "web"}).replace("7", number)
        assert len(read_lines([Line(0, body.encode())], READING).rejected) == 1


def test_of_a_key_that_stands_twice_the_last_counts_however_it_is_parsed() -> None:
    body = '{"channel":"web","native_id":"a","native_id":"b","occurred_at":"2026-11-23T11:00:00Z","actor":{"id":"x"},'
    for rest in ('"text":"x"}', '"text":"x","note":"\\ud800"}'):
        (record,) = read_lines([Line(0, (body + rest).encode())], READING).accepted
        assert Activity.model_validate_json(record.value).id == "web:b"


def test_one_account_mentioned_by_id_and_by_handle_is_mentioned_once() -> None:
    assert one(submitted(mentions=["acme", "@Acme.Example", "bob", "acme.example"])).mentions == ("acme", "bob")


def heard(index: FakeIndex, *frames: dict[str, Any], terms: tuple[str, ...] = (), wire: str = "v1") -> Heard:
    reader = BatchReader(ears(*terms), "v2" if wire == "v2" else "v1", index, lambda: NOON)
    return reader.read(encoded(*frames))


def test_an_edit_that_drops_the_mention_but_holds_a_term_stays_with_whom_it_addressed() -> None:
    index = FakeIndex()
    heard(index, a_post(ANN, "p1", "hello acme", record=mention_of(US)), terms=("acme",))
    edited = heard(
        index, a_post(ANN, "p1", "goodbye acme", operation="update", at_us=NOON_US + 9_000_000), terms=("acme",)
    )
    activity = Activity.model_validate_json(edited.accepted[0].value)
    assert (activity.direction, activity.account, activity.text) == (Direction.INBOUND, US, "goodbye acme")


def test_an_account_event_without_any_time_is_refused_for_its_removals_could_lose_to_what_they_remove() -> None:
    frame = as_v2(an_account_event(ANN, "deleted"), 5)
    del frame["payload"]["time"], frame["payload"]["account"]["time"]
    found = heard(FakeIndex(), frame, wire="v2")
    assert [(each.field, each.reason.value) for each in found.rejected] == [("account.time", "invalid_timestamp")]


def slack_event(**event: object) -> dict[str, Any]:
    plain = {"type": "message", "channel": "C1", "ts": "1795000000.000200", "event_ts": "1795000000.000200"}
    return {"type": "event_callback", "team_id": "T1", "event": plain | event}


@pytest.mark.parametrize(
    "envelope",
    [
        slack_event(
            subtype="message_changed",
            message={"subtype": "channel_topic", "user": "U1", "text": "b", "ts": "1795000000.000100"},
            previous_message={"text": "a"},
        ),
        slack_event(
            subtype="message_deleted", deleted_ts="1795000000.000100",
            previous_message={"subtype": "channel_join", "user": "U1", "ts": "1795000000.000100"},
        ),
    ],
)  # fmt: skip
def test_changes_of_housekeeping_are_housekeeping(envelope: dict[str, Any]) -> None:
    assert interpret(envelope, Workspace("chat", Surface.INTERNAL, Accounts([])), NOON) is None


def test_what_a_server_says_can_always_be_shown() -> None:
    state = SourceState("sky", "bluesky", lambda: EARLIEST, Meters(Telemetry("ingest")))
    state.failed(RuntimeError("half a pair \ud800"), phase=Phase.BACKING_OFF)
    assert (state.last_error or "").encode() == b"half a pair ?"


def test_a_mistake_of_the_library_while_looking_at_the_broker_ends_nothing() -> None:
    class Broken:
        asked = 0

        def ends(self, topic: str) -> dict[Partition, int]:
            self.asked += 1
            raise KeyError(topic)

        def close(self) -> None:
            pass

    async def look(ends: Broken, health: BrokerHealth) -> None:
        task = asyncio.create_task(watch_broker(ends, health, 0.001))
        await asyncio.to_thread(eventually, lambda: ends.asked > 2, within_seconds=5)
        assert not task.done()
        task.cancel()

    health = BrokerHealth(lambda: 0.0)
    asyncio.run(look(Broken(), health))
    assert health.problem == "the look at the broker failed: KeyError('posts.received.v1')"
