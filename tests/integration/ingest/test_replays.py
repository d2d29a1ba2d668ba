"""POST /v1/rejections/replay: the original goes out once more as it was, once, and only when it is the original."""

import hashlib
from pathlib import Path

import pytest

from shared.contracts.codec import Outgoing, encode_activity
from shared.contracts.rejection import excerpt_of
from shared.contracts.topics import POSTS_RECEIVED
from shared.stream.ports import Record
from tests.builders import an_activity
from tests.integration.ingest.house import House

REPLAY = "/v1/rejections/replay"


def a_rejected_record(house: House, number: int = 1) -> Record:
    return house.log.append(encode_activity(an_activity(f"web:{number}")))


def wanted(record: Record, **changes: str) -> dict[str, str]:
    return {"origin": record.origin, "excerpt": excerpt_of(record.value or b"")} | changes


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_a_record_goes_out_once_more_as_it_was_and_not_twice(house: House) -> None:
    record = a_rejected_record(house)
    with house.client() as client:
        (first,) = client.post(REPLAY, json={"rejections": [wanted(record)]}).json()["outcomes"]
        (second,) = client.post(REPLAY, json={"rejections": [wanted(record)]}).json()["outcomes"]
    assert (first["outcome"], second["outcome"]) == ("replayed", "replayed_before")
    assert second["replayed_at"] == first["replayed_at"]
    copies = house.log.all(POSTS_RECEIVED.name)
    assert len(copies) == 2
    assert {(each.key, each.value, each.headers) for each in copies} == {(record.key, record.value, record.headers)}
    with house.client() as client:  # a restart forgets nothing
        (third,) = client.post(REPLAY, json={"rejections": [wanted(record)]}).json()["outcomes"]
        (fourth,) = client.post(REPLAY, json={"rejections": [wanted(record)], "repeat": True}).json()["outcomes"]
    assert (third["outcome"], fourth["outcome"]) == ("replayed_before", "replayed")


def test_one_record_rejected_by_two_services_goes_out_once(house: House) -> None:
    record = a_rejected_record(house)
    with house.client() as client:
        outcomes = client.post(REPLAY, json={"rejections": [wanted(record)] * 2}).json()["outcomes"]
    assert [each["outcome"] for each in outcomes] == ["replayed", "replayed"]
    assert len(house.log.all(POSTS_RECEIVED.name)) == 2


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"excerpt": "something else"}, "Another record stands there now"),
        ({"origin": "posts.received.v1/0/999"}, "no longer has the record"),
        ({"origin": "records.rejected.v1/0/0"}, "Expected an origin"),
        ({"origin": "../../etc/passwd"}, "Expected an origin"),
        ({"origin": "http/client:3"}, "The sender was told"),
        ({"origin": "slack/chat"}, "Slack was told"),
        ({"origin": "bluesky/sky"}, "set the source's cursor back"),
        ({"origin": "replay/file:120"}, "correct it and give the file a new name"),
    ],
)
def test_what_cannot_be_replayed_says_why(house: House, changes: dict[str, str], why: str) -> None:
    record = a_rejected_record(house)
    with house.client() as client:
        (outcome,) = client.post(REPLAY, json={"rejections": [wanted(record, **changes)]}).json()["outcomes"]
    assert outcome["outcome"] == "not_replayable"
    assert why in outcome["detail"]
    assert len(house.log.all(POSTS_RECEIVED.name)) == 1


def test_a_record_without_a_value_has_nothing_to_send(house: House) -> None:
    record = house.log.append(Outgoing(POSTS_RECEIVED.name, b"k", b""))
    empty = Record(record.partition, 0, b"k", None)
    house.log.records[record.partition][0] = empty
    with house.client() as client:
        (outcome,) = client.post(REPLAY, json={"rejections": [wanted(empty)]}).json()["outcomes"]
    assert (outcome["outcome"], outcome["detail"]) == (
        "not_replayable", "The record has no value, so there is nothing to send.",
    )  # fmt: skip


def test_a_broker_that_is_away_is_a_503_and_nothing_is_remembered(house: House) -> None:
    record = a_rejected_record(house)
    with house.client() as client:
        house.log.away = True
        answer = client.post(REPLAY, json={"rejections": [wanted(record)]})
        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
        house.log.away = False


def test_only_an_operator_who_may_see_internal_posts_can_replay(tmp_path: Path) -> None:
    keys = [
        {"name": name, "sha256": hashlib.sha256(name.encode()).hexdigest(), "scopes": scopes}
        for name, scopes in (("operator", ["admin"]), ("writer", ["ingest:write", "internal:read"]))
    ]
    house = House(tmp_path, {"keys": keys})
    body = {"rejections": [wanted(a_rejected_record(house))]}
    with house.client() as client:
        for name in ("operator", "writer"):
            assert client.post(REPLAY, json=body, headers={"Authorization": f"Bearer {name}"}).status_code == 403
    assert len(house.log.all(POSTS_RECEIVED.name)) == 1
