"""Commands of the running service: leases, versions, repeated requests, races, and what streams and history say."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from shared.clock import utc_now
from shared.contracts.activity import Verb, wire_time
from shared.contracts.correction import Correction, Labels
from shared.contracts.topics import LABELS_CORRECTED
from tests.builders import NOON, an_activity, classified
from tests.integration.queues.system import ALL, PUBLIC, Hurried, Json, System, bearer, running, stream

COMMANDS: dict[str, dict[str, str]] = {
    "claim": {},
    "release": {},
    "resolve": {},
    "assign": {"to": "eve"},
    "snooze": {"until": wire_time(utc_now() + timedelta(hours=1))},
    "label": {"department": "billing"},
    "note": {"text": "calls back at noon"},
}


@pytest.fixture
def item(system: System) -> str:
    return arrived(system, "web:1")


def arrived(system: System, name: str, *, minutes: int = 0) -> str:
    system.send(classified(an_activity(name, occurred_at=NOON + timedelta(minutes=minutes))))
    system.until_handled()
    found: str = next(each["item"] for each in system.items() if each["id"] == name)
    return found


def test_a_claim_takes_the_item_and_tells_its_version(system: System, item: str) -> None:
    answer = system.post(f"/v1/items/{item}/claim", {"agent": "ann"}, if_match='"1"')
    assert answer.status_code == 200
    assert answer.headers["etag"] == '"2"'
    claimed = answer.json()
    assert (claimed["state"], claimed["owner"], claimed["version"]) == ("claimed", "ann", 2)
    lease = datetime.fromisoformat(claimed["lease_until"]) - utc_now()
    assert timedelta(minutes=9) < lease <= timedelta(minutes=10)
    assert system.get("/v1/queues")["queues"][0]["claimed"] == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_keeps_the_same_manners(system: System, item: str, command: str) -> None:
    path, body = f"/v1/items/{item}/{command}", {"agent": "ann"} | COMMANDS[command]
    assert system.post(path, body).status_code == 428
    stale = system.post(path, body, if_match='"7"')
    assert (stale.status_code, stale.headers["etag"]) == (412, '"1"')
    assert system.post(path, {}, if_match='"1"').status_code == 422
    assert system.post(path, body | {"agent": " "}, if_match='"1"').status_code == 422
    assert system.post("/v1/items/nothing/" + command, body, if_match='"1"').status_code == 404
    done = system.post(path, body, if_match='"1"', retry="once")
    assert (done.status_code, done.headers["etag"], done.json()["version"]) == (200, '"2"', 2)
    again = system.post(path, body, if_match='"1"', retry="once")
    assert (again.status_code, again.json()) == (200, done.json())
    other = system.post(path, body | {"agent": "ben"}, if_match='"2"', retry="once")
    assert other.status_code == 422
    assert len(system.get(f"/v1/items/{item}")["history"]) == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_an_item_another_agent_holds_is_refused_by_name(system: System, item: str, command: str) -> None:
    held = system.post(f"/v1/items/{item}/claim", {"agent": "ann"}, if_match='"1"').json()
    refused = system.post(f"/v1/items/{item}/{command}", {"agent": "ben"} | COMMANDS[command], if_match='"1"')
    assert refused.status_code == 409
    problem = refused.json()
    assert (problem["owner"], problem["lease_until"]) == ("ann", held["lease_until"])


def test_of_200_racing_claims_one_wins_and_the_others_learn_who(system: System, item: str) -> None:
    def claim(number: int) -> Json:
        return system.post(f"/v1/items/{item}/claim", {"agent": f"agent {number}"}, if_match='"1"')

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(claim, range(200)))
    assert Counter(each.status_code for each in answers) == {200: 1, 409: 199}
    winner = next(each.json()["owner"] for each in answers if each.status_code == 200)
    assert {each.json()["owner"] for each in answers} == {winner}


def test_claim_next_gives_each_item_once_oldest_first_and_then_nothing(system: System) -> None:
    names = [arrived(system, f"web:{number}", minutes=number) for number in (2, 1, 3)]

    def claim_next(number: int) -> Json:
        return system.post("/v1/claim-next", {"agent": f"agent {number}"})

    first = claim_next(0)
    assert (first.json()["id"], first.headers["etag"]) == ("web:1", '"2"')
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(claim_next, range(4)))
    assert Counter(each.status_code for each in answers) == {200: 2, 204: 2}
    assert {each.json()["item"] for each in answers if each.status_code == 200} == {names[0], names[2]}
    assert system.post("/v1/claim-next", {"agent": "ann", "intent": "praise"}).status_code == 204


def test_the_history_names_agent_and_key_and_the_stream_tells_each_change(system: System, item: str) -> None:
    with stream(system) as events:
        next(events)
        system.post(f"/v1/items/{item}/claim", {"agent": "ann"}, if_match='"1"')
        system.post(f"/v1/items/{item}/label", {"agent": "ann", "department": "billing"}, if_match='"2"')
        system.post(f"/v1/items/{item}/note", {"agent": "ann", "text": "hello"}, if_match='"3"')
        system.post(f"/v1/items/{item}/resolve", {"agent": "ann"}, if_match="*", key=PUBLIC)
        heard = [event.data for _, event in zip(range(4), events, strict=False)]
    assert [(each["version"], each["state"], each["department"]) for each in heard] == [
        (2, "claimed", "support"),
        (3, "claimed", "billing"),
        (4, "claimed", "billing"),
        (5, "resolved", "billing"),
    ]
    lines = system.get(f"/v1/items/{item}")["history"]
    assert [(line["action"], line["agent"], line["key"]) for line in lines] == [
        ("claimed", "ann", "environment"),
        ("labelled", "ann", "environment"),
        ("noted", "ann", "environment"),
        ("resolved", "ann", "public"),
    ]


def test_a_corrected_label_outlives_an_edit(system: System, item: str) -> None:
    system.post(f"/v1/items/{item}/label", {"agent": "ann", "department": "billing"}, if_match='"1"')
    later = NOON + timedelta(hours=1)
    system.send(classified(an_activity("web:1", verb=Verb.UPDATE, occurred_at=later, text="again")))
    system.until_handled()
    (edited,) = system.items()
    assert (edited["text"], edited["department"], edited["labelled_by"]) == ("again", "billing", "ann")


def test_a_corrected_label_is_told_on_its_topic_once_and_as_it_was_applied(system: System, item: str) -> None:
    body = {"agent": "ann", "department": "billing", "intent": "refund"}
    for _ in range(2):
        assert system.post(f"/v1/items/{item}/label", body, if_match='"1"', retry="once").status_code == 200
    system.post(f"/v1/items/{item}/note", {"agent": "ann", "text": "hello"}, if_match='"2"')
    system.post(f"/v1/items/{item}/label", {"agent": "ben", "department": "support"}, if_match='"3"')
    system.until(lambda: len(system.log.all(LABELS_CORRECTED.name)) == 2)
    first, second = system.log.all(LABELS_CORRECTED.name)
    told = Correction.model_validate_json(first.value or b"")
    assert (told.id, told.version, told.agent, told.key) == ("web:1", 2, "ann", "environment")
    assert told.old == Labels(department="support", intent="complaint", sentiment="negative")
    assert told.new == Labels(department="billing", intent="refund", sentiment="negative")
    assert first.key == second.key == b"web:1"
    assert first.header("ce_id") != second.header("ce_id")


def test_a_correction_made_while_the_broker_is_away_is_applied_and_told_after_a_restart(tmp_path: Path) -> None:
    with running(tmp_path) as system:
        item = arrived(system, "web:1")
        system.log.away = True
        label = {"agent": "ann", "department": "billing"}
        assert system.post(f"/v1/items/{item}/label", label, if_match='"1"').status_code == 200
        assert system.items()[0]["department"] == "billing"
        assert system.log.all(LABELS_CORRECTED.name) == []
    with running(tmp_path) as system:
        system.until(lambda: system.log.all(LABELS_CORRECTED.name))
        (record,) = system.log.all(LABELS_CORRECTED.name)
        assert Correction.model_validate_json(record.value or b"").new.department == "billing"


@pytest.mark.parametrize(
    ("command", "body"),
    [
        ("snooze", {"until": "2020-01-01T00:00:00Z"}),
        ("snooze", {"until": "2999-01-01T00:00:00Z"}),
        ("snooze", {"until": "2026-12-01T00:00:00"}),
        ("label", {}),
        ("label", {"department": "Not A Label"}),
        ("note", {"text": ""}),
        ("claim", {"unknown": "x"}),
    ],
)
def test_a_body_that_cannot_be_meant_is_a_422_problem(
    system: System, item: str, command: str, body: dict[str, str]
) -> None:
    answer = system.post(f"/v1/items/{item}/{command}", {"agent": "ann"} | body, if_match='"1"')
    assert answer.status_code == 422
    assert answer.json()["errors"]


@pytest.mark.parametrize("path", ["/v1/items/x/note", "/v1/claim-next", "/v1/items/x/presence"])
def test_a_body_of_more_than_64_kib_is_refused_before_it_is_parsed(system: System, path: str) -> None:
    broken = b"{" * 65_537
    headers = bearer(ALL) | {"Content-Type": "application/json", "If-Match": "*"}
    assert system.client.post(system.url + path, content=broken, headers=headers).status_code == 413
    streamed = (broken[start : start + 8_192] for start in range(0, len(broken), 8_192))
    assert system.client.post(system.url + path, content=streamed, headers=headers).status_code == 413
    assert system.client.post(system.url + path, content=broken[:65_536], headers=headers).status_code == 422


def test_a_run_out_lease_returns_the_item_and_says_so(tmp_path: Path) -> None:
    clock = Hurried()
    with running(tmp_path, clock=clock) as system:
        item = arrived(system, "web:1")
        system.post(f"/v1/items/{item}/claim", {"agent": "ann"}, if_match='"1"')
        clock.ahead = timedelta(minutes=11)
        system.until(lambda: system.items()[0]["state"] == "new")
        detail = system.get(f"/v1/items/{item}")
        assert (detail["owner"], detail["version"]) == (None, 3)
        assert detail["history"][-1]["action"] == "lease_expired"
