"""The Bluesky source against a real WebSocket: what is heard, what a restart asks for, what counts as missed."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from websockets import exceptions
from websockets.datastructures import Headers
from websockets.http11 import Response

from services.ingest.connectors.bluesky import CursorRefusedError, translated
from shared.errors import EarshotError
from tests.integration.ingest.house import House, source
from tests.integration.ingest.jetstream_server import JetstreamServer
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
    encoded,
    mention_of,
    uri,
)
from tests.waiting import eventually

FRAMES = encoded(
    a_post(US, "1", "our news", at_us=NOON_US),
    a_like(ANN, "l", uri(US, "1"), at_us=NOON_US + 1_000_000),
    a_post(BEN, "m", "@us", record=mention_of(US), at_us=NOON_US + 2_000_000),
    a_post(BEN, "x", "nobody is meant", at_us=NOON_US + 3_000_000),
)
LAST_US = NOON_US + 3_200_000
IDS = {f"bluesky:{uri(US, '1')}", f"bluesky:{uri(ANN, 'l', LIKE)}", f"bluesky:{uri(BEN, 'm')}"}


def a_house(  # what a test changes, by name
    folder: Path,
    server: JetstreamServer,
    *,
    wire: str = "v1",
    idle_seconds: float = 30,
    rewind_seconds: float = 10,
    lost_seconds: float = 0,
    account: str = US,
    terms: Sequence[str] = (),
) -> House:
    return House(
        folder,
        {
            "organisation": {"accounts": [{"channel": "bluesky", "id": account, "department": "marketing"}]},
            "tracking": {"terms": terms},
            "sources": [
                {"name": "bsky", "type": "bluesky", "url": server.url, "wire": wire, "idle_seconds": idle_seconds,
                 "rewind_seconds": rewind_seconds}
            ],
        },
        rewind_seconds=lost_seconds,
    )  # fmt: skip


def hear(house: House, until: Callable[[TestClient], object]) -> dict[str, Any]:
    with house.client() as client:
        eventually(lambda: until(client), within_seconds=15)
        return source(client, "bsky")


def received(count: int) -> Callable[[TestClient], bool]:
    return lambda client: bool(source(client, "bsky")["counts"]["received"] >= count)


def test_what_concerns_us_is_heard_and_the_state_tells_so(tmp_path: Path) -> None:
    with JetstreamServer(FRAMES).running() as server:
        house = a_house(tmp_path, server)
        shown = hear(house, received(4))
    assert house.ids() == IDS
    assert shown["state"] == "live"
    assert shown["counts"] == {"received": 4, "accepted": 3, "ignored": 1, "rejected": 0}
    assert (shown["cursor"], shown["gaps"], shown["type"]) == (str(LAST_US), [], "bluesky")
    assert shown["cursor_age_seconds"] >= 0
    assert server.asked[0]["wantedCollections"] == [
        "app.bsky.feed.post", "app.bsky.feed.like", "app.bsky.feed.repost", "app.bsky.graph.follow",
    ]  # fmt: skip
    assert server.cursors() == [None]


def test_played_twice_it_has_the_same_ids_and_versions(tmp_path: Path) -> None:
    with JetstreamServer(FRAMES, holds=False).running() as server:
        house = a_house(tmp_path, server)
        hear(house, received(8))
    assert house.ids() == IDS
    assert len({(each.id, each.version, each.verb) for each in house.activities()}) == 3
    assert server.cursors()[1] == str(LAST_US - 10_000_000)


def test_a_restart_asks_for_what_came_after_the_saved_cursor(tmp_path: Path) -> None:
    with JetstreamServer(FRAMES).running() as server:
        hear(a_house(tmp_path, server), received(4))
        hear(a_house(tmp_path, server, rewind_seconds=1), received(4))
        assert server.cursors() == [None, str(LAST_US - 1_000_000)]


def test_after_a_lost_broker_the_source_goes_back_in_time_of_hearing(tmp_path: Path) -> None:
    with JetstreamServer(FRAMES).running() as server:
        hear(a_house(tmp_path, server), received(4))
        hear(a_house(tmp_path, server, rewind_seconds=0, lost_seconds=600), received(4))
        assert server.cursors() == [None, str(NOON_US + 200_000)]


def test_a_cursor_is_saved_only_after_the_broker_has_what_lies_before(tmp_path: Path) -> None:
    with JetstreamServer(FRAMES).running() as server:
        house = a_house(tmp_path, server)
        house.log.away = True
        with house.client() as client:
            eventually(lambda: source(client, "bsky")["state"] == "backing_off", within_seconds=10)
            assert source(client, "bsky")["cursor"] is None
        house.log.away = False
        hear(a_house(tmp_path, server), received(4))
        assert server.cursors() == [None, None]


def test_an_unlike_after_a_restart_finds_what_was_liked(tmp_path: Path) -> None:
    with JetstreamServer(FRAMES).running() as server:
        hear(a_house(tmp_path, server), received(4))
        server.frames = encoded(
            a_delete(ANN, "l", LIKE), a_delete(BEN, "never-heard", LIKE), an_account_event(BEN, "deleted")
        )
        house = a_house(tmp_path, server)
        hear(house, received(3))
    assert {(each.verb.value, each.id, each.object_id) for each in house.activities()} == {
        ("undo", f"bluesky:{uri(ANN, 'l', LIKE)}", f"bluesky:{uri(US, '1')}"),
        ("delete", f"bluesky:{uri(BEN, 'm')}", f"bluesky:{uri(BEN, 'm')}"),
    }


def test_a_silent_server_is_left_and_asked_again(tmp_path: Path) -> None:
    with JetstreamServer([]).running() as server:
        shown = hear(a_house(tmp_path, server, idle_seconds=0.1), lambda _: len(server.asked) >= 2)
    assert "said nothing for 0.1 s" in shown["last_error"]


def test_a_server_that_is_not_there_is_tried_again_until_it_is(tmp_path: Path) -> None:
    server = JetstreamServer(FRAMES)
    with server.running():
        pass
    house = a_house(tmp_path, server)
    with house.client() as client:
        eventually(lambda: source(client, "bsky")["state"] == "backing_off", within_seconds=5)
        assert client.get("/health/live").status_code == 200
        with server.running():
            eventually(lambda: house.ids() == IDS, within_seconds=15)


def a_gap_frame(offset: timedelta) -> list[bytes]:
    return encoded(a_post(US, "9", "later", at_us=NOON_US + int(offset.total_seconds() * 1_000_000)))


def test_v1_events_that_begin_much_later_than_asked_are_a_gap(tmp_path: Path) -> None:
    with JetstreamServer(FRAMES).running() as server:
        hear(a_house(tmp_path, server), received(4))
        server.frames = a_gap_frame(timedelta(hours=40))
        shown = hear(a_house(tmp_path, server), received(1))
        server.frames = a_gap_frame(timedelta(hours=40, seconds=30))
        again = hear(a_house(tmp_path, server), received(1))
    expected = [{"from": "2026-11-23T12:00:03.200Z", "to": "2026-11-25T04:00:00.200Z", "reason": "cursor_too_old"}]
    assert shown["gaps"] == expected
    assert again["gaps"] == expected


def as_wire_2(frames: Sequence[bytes], first: int) -> list[bytes]:
    return encoded(*(as_v2(json.loads(frame), first + number) for number, frame in enumerate(frames)))


def test_v2_goes_on_at_its_number_and_a_refused_number_is_a_gap(tmp_path: Path) -> None:
    with JetstreamServer(as_wire_2(FRAMES, 100)).running() as server:
        house = a_house(tmp_path, server, wire="v2")
        assert hear(house, received(4))["cursor"] == "103"
        assert house.ids() == IDS
        assert "collections" in server.asked[0]
        server.refuses = lambda cursor: cursor is not None
        server.frames = as_wire_2(a_gap_frame(timedelta(hours=40)), 900)
        shown = hear(a_house(tmp_path, server, wire="v2"), received(1))
    # Asked for the number, then for the time, then for whatever comes.
    assert server.cursors() == [None, "103", str(LAST_US - 10_000_000), None]
    assert [(gap["from"], gap["to"]) for gap in shown["gaps"]] == [
        ("2026-11-23T12:00:03.200Z", "2026-11-25T04:00:00.200Z")
    ]
    assert shown["cursor"] == "900"


def test_v2_tells_itself_when_a_time_was_too_old(tmp_path: Path) -> None:
    with JetstreamServer(as_wire_2(FRAMES, 100)).running() as server:
        hear(a_house(tmp_path, server, wire="v2"), received(4))
        server.refuses = lambda cursor: cursor == "103"
        info = {"$type": "message", "payload": {"$type": "x#info", "name": "OutdatedCursor", "message": "clamped"}}
        server.frames = [*encoded(info), *as_wire_2(a_gap_frame(timedelta(seconds=30)), 900)]
        shown = hear(a_house(tmp_path, server, wire="v2"), received(2))
    assert [(gap["from"], gap["to"]) for gap in shown["gaps"]] == [
        ("2026-11-23T12:00:03.200Z", "2026-11-23T12:00:30.200Z")
    ]


def test_a_stream_that_ends_with_an_error_is_taken_up_again(tmp_path: Path) -> None:
    error = encoded({"$type": "error", "error": "ConsumerTooSlow", "message": "bye"})
    with JetstreamServer([*as_wire_2(FRAMES, 100), *error]).running() as server:
        house = a_house(tmp_path, server, wire="v2")
        shown = hear(house, lambda client: "ConsumerTooSlow" in (source(client, "bsky")["last_error"] or ""))
    assert house.ids() == IDS
    assert shown["cursor"] == "103"


def test_malformed_frames_are_rejections_and_stop_nothing(tmp_path: Path) -> None:
    with JetstreamServer([b"junk", b"[]", *FRAMES]).running() as server:
        house = a_house(tmp_path, server)
        assert hear(house, received(6))["counts"]["rejected"] == 2
    assert house.ids() == IDS
    assert {each.origin for each in house.rejections()} == {"bluesky/bsky"}


def test_every_error_of_the_websocket_library_is_one_of_ours() -> None:
    raised = {
        each for each in vars(exceptions).values()
        if isinstance(each, type) and issubclass(each, exceptions.WebSocketException)
        and each is not exceptions.InvalidStatus
    }  # fmt: skip
    assert len(raised) > 15
    for error in raised:
        # The library's own constructors and texts want much that does not matter here.
        bare = type(error.__name__, (error,), {"__init__": lambda _: None, "__str__": lambda _: "bare"})
        with pytest.raises(EarshotError), translated("ws://x"):
            raise bare


def test_only_a_refused_cursor_is_told_apart_among_refusals() -> None:
    for body, expected in ((b'{"error":"CursorTooOld"}', CursorRefusedError), (b"busy", EarshotError)):
        response = Response(400, "Bad Request", Headers(), body)
        with pytest.raises(expected), translated("ws://x"):
            raise exceptions.InvalidStatus(response)


@pytest.mark.data
def test_the_real_lines_over_a_real_socket_played_twice_are_counted_once(tmp_path: Path, shared_folder: Path) -> None:
    lines = (shared_folder / "payloads/bluesky/jetstream_expected_v1.jsonl").read_bytes().splitlines()
    author = "did:plc:u4lmvw4wwzaql3z5kcf3r7h4"
    with JetstreamServer(lines, holds=False).running() as server:
        house = a_house(tmp_path, server, account=author, terms=["band"])
        hear(house, received(2 * 152))
    outbound = {each.id for each in house.activities() if each.direction.value == "outbound"}
    ambient = {each.id for each in house.activities() if each.direction.value == "ambient"}
    assert (len(outbound), len(ambient), len(house.ids())) == (3, 1, 4)
    assert max(each.occurred_at for each in house.activities()) < datetime(2026, 7, 5, tzinfo=UTC)
