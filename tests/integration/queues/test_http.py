"""The read API of the running service: shapes, filters, pages, and what a key may see."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from shared.clock import utc_now
from shared.contracts.activity import ClassifiedActivity, Direction, Surface, Verb
from tests.builders import NOON, a_classification, an_activity, classified
from tests.integration.queues.system import ALL, BLIND, PUBLIC, System, bearer


def a_post(number: int, department: str = "support", intent: str = "outage", **more: Any) -> ClassifiedActivity:  # noqa: ANN401
    at = NOON + timedelta(seconds=number)
    return classified(
        an_activity(f"web:{number}", occurred_at=at, text=f"post {number}", **more),
        a_classification(department, intent),
    )


def test_queues_count_what_is_open_and_tell_age_and_risk(system: System) -> None:
    now = utc_now()
    ages = (10, 7_200, 50)
    posts = [an_activity(f"web:{age}", occurred_at=now - timedelta(seconds=age)) for age in ages]
    labels = [a_classification("support", "outage"), a_classification("support", "outage"), a_classification("billing")]
    system.send(*map(classified, posts, labels))
    system.send(classified(an_activity("web:us", direction=Direction.OUTBOUND)))
    system.until_handled()
    queues = system.get("/v1/queues")["queues"]
    assert [(each["department"], each["intent"], each["new"], each["claimed"], each["at_risk"]) for each in queues] == [
        ("billing", "complaint", 1, 0, 0),
        ("support", "outage", 2, 0, 1),
    ]
    assert 7_200 <= queues[1]["oldest_seconds"] < 7_260
    assert system.get("/v1/queues", department="billing")["queues"] == queues[:1]


def test_an_answered_item_leaves_the_counts_and_stays_in_the_list(system: System) -> None:
    system.send(a_post(1), a_post(2, direction=Direction.OUTBOUND, in_reply_to="web:1"))
    system.until_handled()
    assert system.get("/v1/queues")["queues"] == []
    assert [item["state"] for item in system.items()] == ["answered"]
    assert system.items(state="new,claimed") == []


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, [4, 3, 2, 1]),
        ({"department": "billing"}, [4, 2]),
        ({"department": ["billing", "support"], "intent": "refund"}, [4, 2]),
        ({"department": "billing,support", "surface": "internal"}, [4]),
        ({"sentiment": "positive"}, []),
        ({"state": "new"}, [4, 3, 2, 1]),
        ({"state": "resolved"}, []),
    ],
)
def test_filters_choose_items_newest_first(system: System, parameters: dict[str, Any], expected: list[int]) -> None:
    system.send(a_post(1), a_post(2, "billing", "refund"), a_post(3))
    system.send(a_post(4, "billing", "refund", surface=Surface.INTERNAL))
    system.until_handled()
    assert [item["id"] for item in system.items(**parameters)] == [f"web:{number}" for number in expected]


def test_pages_show_everything_once_while_posts_arrive(system: System) -> None:
    system.send(*(a_post(number) for number in range(0, 40, 2)))
    system.until_handled()
    seen: list[str] = []
    parameters: dict[str, Any] = {"limit": 7}
    newcomer = 100
    while parameters.get("after", "") is not None:
        page = system.get("/v1/items", **parameters)
        seen += [item["id"] for item in page["items"]]
        parameters["after"] = page["next"]
        # One arrives at the top, one in the middle of what was read, both between two pages.
        system.send(a_post(newcomer), a_post(39 if newcomer == 100 else newcomer + 1))
        system.until_handled()
        newcomer += 2
    assert seen == [f"web:{number}" for number in range(38, -2, -2)]


def test_items_come_by_priority_risk_or_age_page_by_page(system: System) -> None:
    now = utc_now()

    def arrived(number: int, minutes: int, intent: str) -> ClassifiedActivity:
        posted = an_activity(f"web:{number}", occurred_at=now - timedelta(minutes=minutes))
        return classified(posted, a_classification("support", intent))

    system.send(arrived(1, 5, "praise"), arrived(2, 90, "praise"), arrived(3, 3, "outage"), arrived(4, 2, "praise"))
    system.send(classified(an_activity("web:us", direction=Direction.OUTBOUND, in_reply_to="web:4")))
    system.until_handled()

    def paged(order: str) -> list[str]:
        seen: list[str] = []
        parameters: dict[str, Any] = {"order": order, "limit": 1}
        while parameters.get("after", "") is not None:
            page = system.get("/v1/items", **parameters)
            seen += [item["id"] for item in page["items"]]
            parameters["after"] = page["next"]
        return seen

    assert paged("priority") == ["web:3", "web:2", "web:1", "web:4"]
    assert paged("at_risk") == ["web:2", "web:1", "web:3", "web:4"]
    assert paged("oldest") == ["web:2", "web:1", "web:3", "web:4"]
    assert paged("newest") == ["web:4", "web:3", "web:1", "web:2"]
    first = system.items(order="priority")[0]
    assert first["priority"] == sum(each["points"] for each in first["priority_reasons"])
    assert {"reason": "intent outage", "points": 30} in first["priority_reasons"]
    assert [item["at_risk"] for item in system.items(order="at_risk")] == [True, False, False, False]
    assert system.post("/v1/claim-next", {"agent": "ann"}).json()["id"] == "web:3"
    page = system.get("/v1/items", order="priority", limit=1)
    assert system.get("/v1/items", expect=422, order="oldest", after=page["next"])["errors"]


@pytest.mark.parametrize(
    "parameters",
    [
        {"order": "best"},
        {"after": "no-cursor"},
        {"after": "AAAA"},
        {"limit": 0},
        {"limit": 201},
        {"limit": "x"},
        {"state": "lost"},
        {"surface": "public,secret"},
        {"department": "a" * 65},
        {"intent": "a\x00b"},
    ],
)
def test_what_cannot_be_meant_is_a_422_problem(system: System, parameters: dict[str, Any]) -> None:
    problem = system.get("/v1/items", expect=422, **parameters)
    assert problem["status"] == 422
    assert problem["errors"]


def test_one_item_comes_with_conversation_history_and_etag(system: System) -> None:
    around = {"conversation_id": "web:1"}
    system.send(a_post(1, **around), a_post(3, actor="ben", **around), a_post(9))
    system.send(a_post(2, direction=Direction.OUTBOUND, in_reply_to="web:1", **around))
    system.until_handled()
    name = next(item["item"] for item in system.items() if item["id"] == "web:1")
    answer = system.client.get(f"{system.url}/v1/items/{name}", headers=bearer(ALL))
    assert answer.headers["etag"] == '"2"'
    detail = answer.json()
    assert [post["id"] for post in detail["conversation"]] == ["web:1", "web:2", "web:3"]
    assert [post["item"] is None for post in detail["conversation"]] == [False, True, False]
    assert [line["action"] for line in detail["history"]] == ["answered"]
    assert system.get("/v1/items/nothing", expect=404)["title"] == "Not Found"


def test_a_deleted_post_is_gone_and_an_edited_one_has_moved(system: System) -> None:
    system.send(a_post(1), a_post(2))
    system.until_handled()
    late = NOON + timedelta(hours=1)
    edit = an_activity("web:2", verb=Verb.UPDATE, occurred_at=late, text="now I want my money back")
    system.send(classified(an_activity("web:1", verb=Verb.DELETE, occurred_at=late)))
    system.send(classified(edit, a_classification("billing", "refund")))
    system.until_handled()
    (item,) = system.items()
    assert (item["text"], item["department"], item["version"]) == ("now I want my money back", "billing", 2)
    assert item["occurred_at"] == "2026-11-23T12:00:02.000Z"


def test_invariant_9_an_internal_post_is_nowhere_without_internal_read(system: System) -> None:
    hidden = {"surface": Surface.INTERNAL, "conversation_id": "web:1"}
    system.send(a_post(1, conversation_id="web:1"), a_post(2, "legal", **hidden))
    system.send(a_post(3, direction=Direction.OUTBOUND, in_reply_to="web:1", **hidden))
    system.until_handled()
    internal = next(item["item"] for item in system.items() if item["id"] == "web:2")
    public = next(item["item"] for item in system.items() if item["id"] == "web:1")
    asked: list[dict[str, Any]] = [{}, {"surface": "internal"}, {"department": "legal"}]
    for parameters in asked:
        for path in ("/v1/items", "/v1/queues"):
            assert "web:2" not in str(system.get(path, key=PUBLIC, **parameters))
            assert "legal" not in str(system.get(path, key=PUBLIC, **parameters))
    assert system.get(f"/v1/items/{internal}", key=PUBLIC, expect=404)
    detail = system.get(f"/v1/items/{public}", key=PUBLIC)
    assert [post["id"] for post in detail["conversation"]] == ["web:1"]
    assert detail["history"] == []
    claim = system.post(f"/v1/items/{internal}/claim", {"agent": "ann"}, if_match="*", key=PUBLIC)
    assert claim.status_code == 404
    assert system.post("/v1/claim-next", {"agent": "ann", "department": "legal"}, key=PUBLIC).status_code == 204
    assert system.get(f"/v1/items/{internal}")["id"] == "web:2"


def test_what_is_no_post_is_rejected_and_the_rest_is_kept(system: System) -> None:
    system.send_raw(b"{broken")
    system.send_raw(an_activity("web:7").model_dump_json().encode())
    system.send(a_post(1))
    system.until_handled()
    assert [item["id"] for item in system.items()] == ["web:1"]
    system.until(lambda: len(system.log.all("records.rejected.v1")) == 2)


@pytest.mark.parametrize("path", ["/v1/queues", "/v1/items", "/v1/items/x", "/v1/stream", "/", "/assets/main.js"])
def test_every_route_needs_a_key(system: System, path: str) -> None:
    assert system.client.get(system.url + path).status_code == 401
    if not path.startswith("/assets"):
        assert system.client.get(system.url + path, headers=bearer(BLIND)).status_code == 403


def test_the_page_sends_strangers_to_the_sign_in_page_and_back_to_the_same_view(system: System) -> None:
    answer = system.client.get(f"{system.url}/?department=billing&item=a%26b", headers={"Accept": "text/html"})
    assert answer.status_code == 303
    target = urlsplit(answer.headers["location"])
    assert target.path == "/signin"
    assert parse_qs(target.query)["next"] == ["/?department=billing&item=a%26b"]


def test_the_page_and_its_assets_name_no_other_host(system: System) -> None:
    page = system.client.get(f"{system.url}/", headers=bearer(ALL))
    assert page.headers["content-security-policy"].startswith("default-src 'self'")
    assert page.headers["content-type"].startswith("text/html")
    for name in ("main.js", "style.css"):
        asset = system.client.get(f"{system.url}/assets/{name}", headers=bearer(ALL))
        assert asset.status_code == 200
        assert "http" + "://" not in asset.text
        again = system.client.get(asset.url, headers=bearer(ALL) | {"If-None-Match": asset.headers["etag"]})
        assert again.status_code == 304
    assert system.client.get(f"{system.url}/assets/..%2fapp.py", headers=bearer(ALL)).status_code == 404
