"""The bluesky source on a real WebSocket: both wires, reconnects, cursors, gaps, silence, and crashes in between."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.ingest.core.fields import at_microseconds
from shared.contracts.topics import POSTS_RECEIVED, REACTIONS_RECEIVED
from shared.stream.ports import Record
from tests.fakes.log import FakeLog, FakePublisher
from tests.integration.ingest.house import House, source
from tests.integration.ingest.jetstream import Script, ScriptedJetstream
from tests.unit.ingest.platforms import (
    ANN,
    BEN,
    LIKE,
    NOON_US,
    US,
    a_delete,
    a_like,
    a_post,
    an_account_event,
    as_v2,
    mention_of,
    reply_to,
    uri,
)  # fmt: skip
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(60)
HOUR_US = 3_600_000_000
REPLY = f"bluesky:{uri(ANN, 'r1')}"
UNLIKED = f"bluesky:{uri(BEN, 'l1', LIKE)}"
STORY = [
    a_post(US, "p1", "we are open", at_us=NOON_US),
    a_post(ANN, "r1", "really?", record=reply_to(US, "p1"), at_us=NOON_US + 1_000_000),
    a_like(BEN, "l1", uri(US, "p1"), at_us=NOON_US + 2_000_000),
    a_post(BEN, "x1", "nothing of yours", at_us=NOON_US + 3_000_000),
    a_delete(BEN, "l1", LIKE, at_us=NOON_US + 4_000_000),
]


def a_house(home: Path, jetstream: ScriptedJetstream, **changes: Any) -> House:  # noqa: ANN401
    settings = {"name": "sky", "type": "bluesky", "url": jetstream.url} | changes.pop("source", {})
    account = {"channel": "bluesky", "id": US, "department": "marketing"}
    return House(home, {"organisation": {"accounts": [account]}, "sources": [settings]}, **changes)


def story(wire: str) -> list[dict[str, Any]]:
    return [as_v2(frame, 100 + number) if wire == "v2" else frame for number, frame in enumerate(STORY)]


def until(client: TestClient, check: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Wait until a source's view passes a check; return it."""

    def passing() -> dict[str, Any]:
        view = source(client, "sky")
        return view if check(view) else {}

    return eventually(passing, within_seconds=15)


def identities(house: House) -> list[tuple[str, str, int, str | None]]:
    return sorted((each.id, each.verb.value, each.version, each.object_id) for each in house.activities())


@pytest.mark.parametrize("wire", ["v1", "v2"])
def test_a_stream_played_twice_gives_the_same_records_twice(tmp_path: Path, wire: str) -> None:
    scripts = [Script(story(wire), hangs_up=True), Script(story(wire))]
    with ScriptedJetstream(scripts) as jetstream:
        house = a_house(tmp_path, jetstream, source={"wire": wire})
        with house.client() as client:
            view = until(client, lambda view: view["counts"]["received"] == 10)
    found = identities(house)
    assert found[::2] == found[1::2]
    assert [(identity, verb) for identity, verb, _, _ in found[::2]] == [
        (REPLY, "create"), (UNLIKED, "like"), (UNLIKED, "undo"), (f"bluesky:{uri(US, 'p1')}", "create"),
    ]  # fmt: skip
    assert {each[3] for each in found if each[1] == "undo"} == {f"bluesky:{uri(US, 'p1')}"}
    assert view["counts"] == {"received": 10, "accepted": 8, "ignored": 2, "rejected": 0}
    expected = "104" if wire == "v2" else str(STORY[-1]["time_us"] - 10_000_000)
    assert jetstream.cursors()[:2] == [None, expected]
    assert view["gaps"] == []


def test_both_wires_give_the_same_activities(tmp_path: Path) -> None:
    found = []
    for wire in ("v1", "v2"):
        (tmp_path / wire).mkdir()
        with ScriptedJetstream([Script(story(wire))]) as jetstream:
            house = a_house(tmp_path / wire, jetstream, source={"wire": wire})
            with house.client() as client:
                until(client, lambda view: view["counts"]["received"] == 5)
        found.append(identities(house))
    assert found[0] == found[1]


def test_each_wire_is_asked_for_the_collections_by_its_own_words(tmp_path: Path) -> None:
    for wire, word in (("v1", "wantedCollections"), ("v2", "collections")):
        with ScriptedJetstream([Script(story(wire))]) as jetstream:
            with a_house(tmp_path, jetstream, source={"wire": wire}).client():
                eventually(lambda: jetstream.queries, within_seconds=10)
            assert len(jetstream.queries[0][word]) == 4


def test_a_number_that_is_too_old_is_a_gap_that_survives_a_restart_and_the_stream_goes_on_from_now(
    tmp_path: Path,
) -> None:
    later = as_v2(a_post(US, "p9", "back", at_us=NOON_US + HOUR_US), 9_000)
    refused = Script(refusal=(400, '{"error":"CursorTooOld","message":"cursor is too old"}'))
    scripts = [Script(story("v2"), hangs_up=True), refused, refused, Script([later])]
    with ScriptedJetstream(scripts) as jetstream:
        house = a_house(tmp_path, jetstream, source={"wire": "v2"})
        with house.client() as client:
            view = until(client, lambda view: view["counts"]["received"] == 6)
        assert jetstream.cursors()[:4] == [None, "104", str(STORY[-1]["time_us"] - 10_000_000), None]
    (gap,) = view["gaps"]
    assert gap["reason"] == "cursor_too_old"
    began = at_microseconds(STORY[-1]["time_us"])
    assert began is not None
    assert gap["from"].startswith(began.isoformat()[:19])
    assert gap["to"].startswith((began + timedelta(microseconds=HOUR_US - 4_000_000)).isoformat()[:19])
    with ScriptedJetstream([Script()]) as silent, a_house(tmp_path, silent).client() as client:
        assert source(client, "sky")["gaps"] == [gap]


def test_an_outdated_cursor_is_a_gap_that_ends_with_the_next_event(tmp_path: Path) -> None:
    info = {
        "$type": "message",
        "payload": {"$type": "network.bsky.jetstream.subscribeEvents#info", "name": "OutdatedCursor", "message": "old"},
    }
    later = as_v2(a_post(US, "p9", "back", at_us=NOON_US + HOUR_US), 9_000)
    with (
        ScriptedJetstream([Script(story("v2"), hangs_up=True), Script([info, later])]) as jetstream,
        a_house(tmp_path, jetstream, source={"wire": "v2"}).client() as client,
    ):
        view = until(client, lambda view: view["gaps"] and view["counts"]["accepted"] == 5)
    assert [gap["reason"] for gap in view["gaps"]] == ["cursor_too_old"]
    assert view["state"] == "live"


def test_a_v1_server_that_begins_much_later_than_asked_leaves_a_gap(tmp_path: Path) -> None:
    later = a_post(US, "p9", "back", at_us=NOON_US + HOUR_US)
    with (
        ScriptedJetstream([Script(STORY, hangs_up=True), Script([later])]) as jetstream,
        a_house(tmp_path, jetstream).client() as client,
    ):
        view = until(client, lambda view: view["gaps"] and view["counts"]["accepted"] == 5)
    assert len(view["gaps"]) == 1


def test_a_server_that_says_nothing_is_left_and_asked_again(tmp_path: Path) -> None:
    with (
        ScriptedJetstream([Script(), Script(STORY)]) as jetstream,
        a_house(tmp_path, jetstream, source={"idle_seconds": 0.2}).client() as client,
    ):
        view = until(client, lambda view: view["counts"]["received"] >= 5)
    assert "said nothing" in view["last_error"]


def test_an_error_frame_or_a_refusal_is_a_back_off_and_then_heard_again(tmp_path: Path) -> None:
    error = {"$type": "error", "error": "ConsumerTooSlow", "message": "half a pair: \ud800"}
    scripts = [Script(refusal=(503, "warming up")), Script([error]), Script(story("v2"))]
    with (
        ScriptedJetstream(scripts) as jetstream,
        a_house(tmp_path, jetstream, source={"wire": "v2"}).client() as client,
    ):
        view = until(client, lambda view: view["counts"]["accepted"] == 4)
    assert "ConsumerTooSlow" in view["last_error"]


def test_an_account_that_is_gone_takes_back_all_it_did_also_before_a_restart(tmp_path: Path) -> None:
    with ScriptedJetstream([Script(STORY[:3])]) as jetstream, a_house(tmp_path, jetstream).client() as client:
        until(client, lambda view: view["counts"]["accepted"] == 3)
    mention = a_post(ANN, "m1", "hey", record=mention_of(US), at_us=NOON_US + 5_000_000)
    with ScriptedJetstream([Script([mention, an_account_event(ANN, "deleted")])]) as jetstream:
        house = a_house(tmp_path, jetstream)
        with house.client() as client:
            until(client, lambda view: view["counts"]["accepted"] == 3)
    removed = {(each.id, each.conversation_id) for each in house.activities() if each.verb.value == "delete"}
    mine = f"bluesky:{uri(ANN, 'm1')}"
    assert removed == {(REPLY, f"bluesky:{uri(US, 'p1')}"), (mine, mine)}


class _DyingPublisher(FakePublisher):
    """Loses everything, as a process that dies between the index and the broker does."""

    def publish(self, records: object) -> None:
        raise RuntimeError("the process dies here")


def test_a_crash_between_index_and_broker_loses_nothing_and_leaves_no_undo_unheard(tmp_path: Path) -> None:
    with (
        ScriptedJetstream([Script(STORY[:3])]) as jetstream,
        a_house(tmp_path, jetstream, publisher=_DyingPublisher(FakeLog())).client() as client,
    ):
        view = until(client, lambda view: view["last_error"])
    assert view["cursor"] is None
    with ScriptedJetstream([Script(STORY[4:] + STORY[:3])]) as jetstream:
        house = a_house(tmp_path, jetstream)
        with house.client() as client:
            until(client, lambda view: view["counts"]["accepted"] == 4)
        assert jetstream.cursors()[0] is None
    assert (UNLIKED, "undo") in {(each.id, each.verb.value) for each in house.activities()}


def test_a_broker_that_is_away_holds_the_cursor_and_nothing_is_lost(tmp_path: Path) -> None:
    log = FakeLog(away=True)
    with ScriptedJetstream([Script(STORY)]) as jetstream:
        house = a_house(tmp_path, jetstream, log=log)
        with house.client() as client:
            view = until(client, lambda view: view["state"] == "backing_off")
            assert view["cursor"] is None
            log.away = False
            view = until(client, lambda view: view["counts"]["accepted"] == 4)
    assert view["state"] == "live"
    assert len(house.activities()) == 4


def test_a_restart_goes_on_at_the_cursor_and_a_lost_broker_rewinds_it(tmp_path: Path) -> None:
    with ScriptedJetstream([Script(story("v2"))]) as jetstream:
        for rewind_seconds in (0, 0, 60):
            house = a_house(tmp_path, jetstream, source={"wire": "v2"}, rewind_seconds=rewind_seconds)
            with house.client() as client:
                until(client, lambda view: view["counts"]["received"] == 5)
        assert jetstream.cursors() == [None, "104", "100"]


def test_what_is_published_is_on_the_topic_of_its_kind_under_the_key_of_its_conversation(tmp_path: Path) -> None:
    with ScriptedJetstream([Script(STORY)]) as jetstream:
        house = a_house(tmp_path, jetstream)
        with house.client() as client:
            until(client, lambda view: view["counts"]["accepted"] == 4)

    def keys(topic: str) -> set[bytes]:
        records: list[Record] = house.log.all(topic)
        return {record.key for record in records}

    root = f"bluesky:{uri(US, 'p1')}".encode()
    assert (keys(POSTS_RECEIVED.name), keys(REACTIONS_RECEIVED.name)) == ({root}, {root})
