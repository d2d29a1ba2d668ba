"""The bluesky source as an operator sees it, on real lines too; test_bluesky_stream.py has the connection's fates."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
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
    uri,
)
from tests.waiting import eventually

HOUR_US = 3_600_000_000
FRAMES = [
    a_post(US, "1", "our news", at_us=NOON_US),
    a_like(ANN, "l", uri(US, "1"), at_us=NOON_US + 1_000_000),
    a_post(BEN, "m", "@us", record=mention_of(US), at_us=NOON_US + 2_000_000),
    a_post(BEN, "x", "nobody is meant", at_us=NOON_US + 3_000_000),
]
LAST_US = NOON_US + 3_200_000
IDS = {f"bluesky:{uri(US, '1')}", f"bluesky:{uri(ANN, 'l', LIKE)}", f"bluesky:{uri(BEN, 'm')}"}


def a_house(
    folder: Path, server: ScriptedJetstream, *, wire: str = "v1", account: str = US, terms: Sequence[str] = ()
) -> House:
    return House(
        folder,
        {
            "organisation": {"accounts": [{"channel": "bluesky", "id": account, "department": "marketing"}]},
            "tracking": {"terms": terms},
            "sources": [{"name": "bsky", "type": "bluesky", "url": server.url, "wire": wire}],
        },
    )


def hear(house: House, until: Callable[[TestClient], object]) -> dict[str, Any]:
    with house.client() as client:
        eventually(lambda: until(client), within_seconds=15)
        return source(client, "bsky")


def received(count: int) -> Callable[[TestClient], bool]:
    return lambda client: bool(source(client, "bsky")["counts"]["received"] >= count)


def as_wire_2(frames: Sequence[Mapping[str, Any]], first: int) -> list[dict[str, Any]]:
    return [as_v2(frame, first + number) for number, frame in enumerate(frames)]


def test_what_concerns_us_is_heard_and_the_state_tells_so(tmp_path: Path) -> None:
    with ScriptedJetstream([Script(FRAMES)]) as server:
        house = a_house(tmp_path, server)
        shown = hear(house, received(4))
    assert house.ids() == IDS
    assert (shown["state"], shown["type"], shown["cursor"], shown["gaps"]) == ("live", "bluesky", str(LAST_US), [])
    assert shown["counts"] == {"received": 4, "accepted": 3, "ignored": 1, "rejected": 0}
    assert shown["cursor_age_seconds"] >= 0


def test_an_unlike_after_a_restart_finds_what_was_liked(tmp_path: Path) -> None:
    later = [a_delete(ANN, "l", LIKE), a_delete(BEN, "never-heard", LIKE), an_account_event(BEN, "deleted")]
    with ScriptedJetstream([Script(FRAMES), Script(later)]) as server:
        hear(a_house(tmp_path, server), received(4))
        house = a_house(tmp_path, server)
        hear(house, received(3))
    assert {(each.verb.value, each.id, each.object_id) for each in house.activities()} == {
        ("undo", f"bluesky:{uri(ANN, 'l', LIKE)}", f"bluesky:{uri(US, '1')}"),
        ("delete", f"bluesky:{uri(BEN, 'm')}", f"bluesky:{uri(BEN, 'm')}"),
    }


def test_a_refused_number_is_asked_for_as_a_time_and_then_not_at_all_and_is_one_gap(tmp_path: Path) -> None:
    refused = Script(refusal=(400, json.dumps({"error": "CursorTooOld", "message": "gone"})))
    after = [a_post(US, "9", "later", at_us=NOON_US + 40 * HOUR_US)]
    scripts = [Script(as_wire_2(FRAMES, 100)), refused, refused, Script(as_wire_2(after, 900))]
    with ScriptedJetstream(scripts) as server:
        assert hear(a_house(tmp_path, server, wire="v2"), received(4))["cursor"] == "103"
        shown = hear(a_house(tmp_path, server, wire="v2"), received(1))
        assert server.cursors() == [None, "103", str(LAST_US - 10_000_000), None]
    assert shown["gaps"] == [
        {"from": "2026-11-23T12:00:03.200Z", "to": "2026-11-25T04:00:00.200Z", "reason": "cursor_too_old"}
    ]
    assert shown["cursor"] == "900"


def test_malformed_frames_are_rejections_and_stop_nothing(tmp_path: Path) -> None:
    with ScriptedJetstream([Script([b"junk", b"[]", *FRAMES])]) as server:
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


@pytest.mark.parametrize(("body", "ours"), [(b'{"error":"CursorTooOld"}', CursorRefusedError), (b"busy", EarshotError)])
def test_only_a_refused_cursor_is_told_apart_among_refusals(body: bytes, ours: type[Exception]) -> None:
    response = Response(400, "Bad Request", Headers(), body)
    with pytest.raises(ours), translated("ws://x"):
        raise exceptions.InvalidStatus(response)


@pytest.mark.data
def test_the_real_lines_over_a_real_socket_played_twice_are_counted_once(tmp_path: Path, shared_folder: Path) -> None:
    lines = (shared_folder / "payloads/bluesky/jetstream_expected_v1.jsonl").read_bytes().splitlines()
    author = "did:plc:u4lmvw4wwzaql3z5kcf3r7h4"
    with ScriptedJetstream([Script(lines, hangs_up=True)]) as server:
        house = a_house(tmp_path, server, account=author, terms=["band"])
        hear(house, received(2 * 152))
    outbound = {each.id for each in house.activities() if each.direction.value == "outbound"}
    ambient = {each.id for each in house.activities() if each.direction.value == "ambient"}
    assert (len(outbound), len(ambient), len(house.ids())) == (3, 1, 4)
    assert len({(each.id, each.version) for each in house.activities()}) == 4
    assert max(each.occurred_at for each in house.activities()) < datetime(2026, 7, 5, tzinfo=UTC)
