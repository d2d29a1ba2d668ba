"""After a bad deploy: what was refused by mistake is counted, found, sent again once it is mended, and counted once."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.system import System
from tests.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
POSTS = 40


def a_post(number: int, text: str) -> dict[str, Any]:
    return {
        "channel": "web", "native_id": str(number), "occurred_at": f"2026-11-20T12:{number % 60:02d}:00Z",
        "actor": {"id": f"person{number}"}, "text": text, "mentions": ["acme"],
    }  # fmt: skip


def test_what_a_bug_refused_is_sent_again_after_the_fix_and_counted_once(install: Callable[..., System]) -> None:
    system = install()
    system.services_package = "tests.e2e.bad_deploy"
    system.home.mkdir()
    (system.home / "bug").touch()
    system.start()
    texts = ["my invoice is wrong", "where is my parcel", "the app does not start", "thank you"]
    system.send(a_post(number, texts[number % 4]) for number in range(POSTS))
    refused = POSTS // 4
    eventually(lambda: system.totals()["inbound_posts"] == POSTS - refused, within_seconds=30)
    eventually(lambda: counts(system) == {"invalid_record": refused}, within_seconds=30)

    listed = system.operate("rejected", "list")
    assert listed.returncode == 0, listed.stderr
    assert ["invalid_record", str(refused)] in [line.split()[:2] for line in listed.stdout.splitlines()]
    (one, *_) = system.get("/metrics/v1/rejections")["rejections"]
    shown = system.operate("rejected", "show", one["id"])
    assert "a bug of ours" in shown.stdout
    assert "posts.classified.v1/" in shown.stdout
    assert system.operate("rejected", "show", "nonsense").returncode == 1

    (system.home / "bug").unlink()
    system.service("metrics").kill()
    eventually(system.ready, within_seconds=40)
    replayed = system.operate("rejected", "replay", "--reason", "invalid_record")
    assert replayed.returncode == 0, replayed.stderr
    assert f"{refused} sent again" in replayed.stdout
    eventually(lambda: system.totals()["inbound_posts"] == POSTS, within_seconds=30)
    again = system.operate("rejected", "replay", "--all")
    assert f"{refused} sent before" in again.stdout
    assert system.operate("rejected", "replay", "--all", "--repeat").returncode == 0
    system.send([a_post(POSTS, "one more, so that the repeat is known to be through")])
    eventually(lambda: system.totals()["inbound_posts"] == POSTS + 1, within_seconds=30)
    assert len(system.items()) == POSTS + 1


def test_what_ingest_refused_says_who_has_the_original(install: Callable[..., System]) -> None:
    system = install()
    system.start()
    assert system.operate("rejected", "list").stdout.strip() == "Nothing was rejected."
    assert system.post(b'[{"channel": "web", "native_id": "1", "text": 7}]').json()["accepted"] == 0
    eventually(lambda: sum(counts(system).values()) == 1, within_seconds=30)
    answer = system.operate("rejected", "replay", "--all")
    assert answer.returncode == 3
    assert "The sender was told" in answer.stdout
    assert system.operate("rejected", "replay").returncode == 2


def counts(system: System) -> dict[str, int]:
    found = system.get("/metrics/v1/rejections/reasons")["reasons"]
    return {each["reason"]: each["rejections"] for each in found}
