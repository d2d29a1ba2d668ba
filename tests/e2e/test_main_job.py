"""The main job: real posts are heard, tagged, queued and measured, and the numbers survive everything."""

import csv
import json
import random
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.system import KEY, System
from tests.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.data, pytest.mark.timeout(180)]
SETS = ("complaints_preotiuc", "semeval2017_sentiment", "banking77", "app_reviews_maalej", "email_intent_parakweet")


def real_texts(shared_folder: Path, count: int) -> list[str]:
    """Return distinct real texts, an equal share of each set."""
    found: list[str] = []
    for name in SETS:
        with (shared_folder / "data" / name / "data.tsv").open(encoding="utf-8", newline="") as file:
            rows: Iterator[list[str]] = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            next(rows)
            distinct = dict.fromkeys(row[0] for row in islice(rows, 3_000))
            found += random.Random(7).sample(sorted(distinct), count // len(SETS))
    return found


def a_post(number: int, text: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    minute = number % 60
    return {
        "channel": "web",
        "native_id": str(number),
        "occurred_at": f"2026-11-{1 + number % 20:02d}T12:{minute:02d}:00Z",
        "actor": {"id": f"person{number % 700}"},
        "text": text,
        "mentions": ["acme"],
    } | changes


def settled(system: System, posts: int) -> None:
    """Wait until that many posts are counted and queued."""
    eventually(lambda: system.totals()["inbound_posts"] == posts, within_seconds=90, every_seconds=0.25)
    eventually(lambda: len(system.items()) == posts, within_seconds=90, every_seconds=0.25)


def test_two_thousand_real_texts_are_counted_and_queued_once(
    install: Callable[..., System], shared_folder: Path
) -> None:
    system = install()
    system.start()
    posts = [a_post(number, text) for number, text in enumerate(real_texts(shared_folder, 2_000))]
    system.send(posts)
    settled(system, 2_000)  # how long it takes is what bench_end_to_end prints
    before, items = system.totals(), system.items()
    assert before["mentions"] == before["engagement"] == 2_000
    assert before["negative"] + before["neutral"] + before["positive"] == 2_000
    assert all(item["department"] and item["intent"] and item["sentiment"] for item in items)
    queues = system.get("/queues/v1/queues")["queues"]
    assert sum(queue["new"] for queue in queues) == 2_000

    system.send(posts)
    system.send([a_post(2_000, "one more, so that the resend is known to be through")])
    settled(system, 2_001)
    assert {name: system.totals()[name] for name in ("mentions", "engagement", "inbound_posts")} == dict.fromkeys(
        ("mentions", "engagement", "inbound_posts"), 2_001
    )
    assert {item["item"]: item["version"] for item in items}.items() <= {
        item["item"]: item["version"] for item in system.items()
    }.items()
    assert system.stop() == 0


def test_deletes_and_undos_lower_the_numbers_in_whatever_order_they_arrive(install: Callable[..., System]) -> None:
    system = install()
    system.start()
    at = "2026-11-20T12:00:00Z"
    like = {"channel": "web", "verb": "like", "native_id": "l1", "object_id": "web:p1", "account": "acme",
            "occurred_at": at, "actor": {"id": "bob"}}  # fmt: skip
    push = a_post(1, "our new store opens today", native_id="p1", actor={"id": "acme"}, mentions=[], occurred_at=at)
    reply = a_post(2, "when does it open?", native_id="r1", in_reply_to="web:p1", occurred_at=at)
    answer = a_post(
        3, "at nine", native_id="a1", in_reply_to="web:r1", actor={"id": "acme"}, mentions=[],
        occurred_at="2026-11-20T12:05:00Z",
    )  # fmt: skip
    ghost = {"channel": "web", "verb": "delete", "native_id": "g1", "occurred_at": "2026-11-20T13:00:00Z",
             "actor": {"id": "ann"}}  # fmt: skip
    system.send([push, like, reply, answer, ghost])
    system.send([a_post(4, "this was deleted before it came", native_id="g1", occurred_at=at)])

    def figures() -> dict[str, int]:
        return {name: value for name, value in system.totals().items() if value and name not in SENTIMENTS}

    counted = {"push": 1, "responses": 1, "replies": 1, "likes": 1, "engagement": 2, "inbound_posts": 1, "answered": 1}
    eventually(lambda: figures() == counted, within_seconds=10)
    row = system.get(
        "/metrics/v1/engagement", bucket="day", **{"from": "2026-11-20T00:00:00Z", "to": "2026-11-21T00:00:00Z"}
    )
    assert [each["first_response_seconds_p50"] for each in row["series"]] == [300]
    assert [item["id"] for item in system.items()] == ["web:r1"]

    later = "2026-11-20T14:00:00Z"
    system.send([
        {"channel": "web", "verb": "undo", "native_id": "l1", "occurred_at": later, "actor": {"id": "bob"}},
        {"channel": "web", "verb": "delete", "native_id": "a1", "occurred_at": later, "actor": {"id": "acme"}},
    ])  # fmt: skip
    eventually(lambda: figures() == {"push": 1, "replies": 1, "engagement": 1, "inbound_posts": 1}, within_seconds=10)
    system.send(
        [{"channel": "web", "verb": "delete", "native_id": "r1", "occurred_at": later, "actor": {"id": "person2"}}]
    )
    eventually(lambda: figures() == {"push": 1}, within_seconds=10)
    eventually(lambda: system.items() == [], within_seconds=5)


SENTIMENTS = {"negative", "neutral", "positive"}


def test_killing_classify_in_the_middle_changes_no_total(install: Callable[..., System], shared_folder: Path) -> None:
    system = install()
    system.start()
    texts = real_texts(shared_folder, 2_000)
    system.send(a_post(number, text) for number, text in enumerate(texts[:1_000]))
    system.service("classify").kill()
    system.send(a_post(1_000 + number, text) for number, text in enumerate(texts[1_000:]))
    settled(system, 2_000)
    eventually(system.ready, within_seconds=30)
    assert system.totals()["engagement"] == 2_000


def test_killing_the_whole_tree_then_a_start_and_a_resend_give_exact_totals(
    install: Callable[..., System], shared_folder: Path
) -> None:
    system = install()
    system.start()
    posts = [a_post(number, text) for number, text in enumerate(real_texts(shared_folder, 2_000))]
    system.send(posts[:1_200])
    system.kill_tree()
    system.start()
    system.send(posts)
    settled(system, 2_000)
    assert system.totals()["engagement"] == 2_000


def test_what_was_answered_202_survives_a_kill_of_the_whole_tree_without_a_resend(
    install: Callable[..., System], shared_folder: Path
) -> None:
    system = install()
    system.start()
    texts = real_texts(shared_folder, 1_500)
    for start in (0, 500, 1_000):
        system.send(a_post(number, texts[number]) for number in range(start, start + 500))
        system.kill_tree()
        system.start()
    settled(system, 1_500)
    assert system.totals()["engagement"] == 1_500


def test_a_killed_broker_loses_nothing_that_was_accepted(install: Callable[..., System], shared_folder: Path) -> None:
    system = install()
    system.start()
    texts = real_texts(shared_folder, 1_000)
    system.send(a_post(number, text) for number, text in enumerate(texts[:500]))
    system.broker().kill()
    eventually(lambda: not_ready(system), within_seconds=10)
    eventually(system.ready, within_seconds=40)
    system.send(a_post(500 + number, text) for number, text in enumerate(texts[500:]))
    settled(system, 1_000)


def not_ready(system: System) -> bool:
    try:
        return not system.ready()
    except (AssertionError, OSError):
        return True


def test_a_clean_stop_stores_what_was_accepted(install: Callable[..., System], shared_folder: Path) -> None:
    system = install()
    system.start()
    system.send(a_post(number, text) for number, text in enumerate(real_texts(shared_folder, 500)))
    assert system.stop() == 0
    system.start()
    settled(system, 500)


def test_a_second_start_on_the_same_home_gets_a_clear_message(install: Callable[..., System]) -> None:
    system = install()
    system.start()
    second = System(system.home, system.configuration)
    process = second.spawn()
    assert process.wait(20) != 0
    assert "already" in system.output()
    assert str(system.home) in system.output()
    assert system.ready()


def test_an_internal_post_is_seen_only_with_the_scope(install: Callable[..., System]) -> None:
    import hashlib  # noqa: PLC0415

    narrow = "narrow-key"
    keys = f"""
keys:
  - name: narrow
    sha256: {hashlib.sha256(narrow.encode()).hexdigest()}
    scopes: [metrics:read, queues:read]
"""
    system = install("organisation: {accounts: [{channel: chat, id: helpdesk, department: it}]}" + keys)
    system.start()
    system.send([a_post(1, "my laptop does not start", channel="chat", surface="internal", mentions=["helpdesk"])])
    eventually(lambda: len(system.items()) == 1, within_seconds=10)
    eventually(lambda: system.totals()["inbound_posts"] == 1, within_seconds=10)
    assert system.get("/queues/v1/items", key=narrow)["items"] == []
    assert system.get("/queues/v1/queues", key=narrow)["queues"] == []
    assert (
        system.get("/metrics/v1/engagement", key=narrow, bucket="month", **{"from": "2026-01-01T00:00:00Z"})["series"]
        == []
    )


def test_answers_carry_what_every_client_relies_on(install: Callable[..., System]) -> None:
    system = install()
    system.start()
    answer = system.get("/metrics/v1/engagement")
    assert answer["definition_version"] == "1"
    assert answer["series"] == []
    eventually(lambda: system.get("/metrics/v1/engagement")["lag_ms"] < 5_000, within_seconds=10)
    verdict = json.dumps(system.get("/classify/v1/model"))
    assert "department" in verdict
    assert KEY not in system.output()
