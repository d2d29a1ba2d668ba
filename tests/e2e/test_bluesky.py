"""The real Jetstream lines of ../shared over a WebSocket: exactly what concerns the accounts is counted, once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.jetstream import Jetstream
from tests.e2e.system import System
from tests.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.data, pytest.mark.timeout(180)]

# Counted by hand in the 152 lines: one post and two replies to own posts (push 1; the replies count as neither).
AUTHOR = "did:plc:u4lmvw4wwzaql3z5kcf3r7h4"
# Nobody here wrote as this one; one repost and one like of its posts.
LIKED = "did:plc:7end3h3k3akz7mcdlt7bnmej"
# Liked an own post: outbound, so no engagement.
SELF_LIKER = "did:plc:lz77ghsacctpxf3rffmnheds"


def configuration(url: str, *, terms: str = "[]") -> str:
    accounts = "".join(
        f"    - {{channel: bluesky, id: '{did}', department: {department}}}\n"
        for did, department in ((AUTHOR, "marketing"), (LIKED, "support"), (SELF_LIKER, "sales"))
    )
    return (
        f"organisation:\n  accounts:\n{accounts}"
        f"tracking: {{terms: {terms}}}\n"
        f"sources: [{{name: sky, type: bluesky, url: '{url}'}}]\n"
    )


def lines_of(shared_folder: Path) -> list[str]:
    text = (shared_folder / "payloads/bluesky/jetstream_expected_v1.jsonl").read_text(encoding="utf-8")
    lines = text.splitlines()
    assert len(lines) == 152
    return lines


def received(system: System) -> int:
    source = system.get("/ingest/v1/sources")["sources"][0]
    return int(source["counts"]["received"])


def by_department(system: System) -> dict[str, dict[str, int]]:
    found = {name: system.totals(owner_department=name) for name in ("marketing", "support", "sales")}
    return {name: {key: value for key, value in row.items() if value} for name, row in found.items()}


def test_exactly_the_activities_of_the_accounts_are_counted_also_when_played_twice(
    install: Callable[..., System], shared_folder: Path
) -> None:
    expected = {"marketing": {"push": 1}, "support": {"announces": 1, "likes": 1, "engagement": 2}, "sales": {}}
    lines = lines_of(shared_folder)
    with Jetstream() as jetstream:
        system = install(configuration(jetstream.url))
        system.start()
        eventually(lambda: jetstream.connections, within_seconds=10)
        jetstream.play(lines)
        eventually(lambda: by_department(system) == expected, within_seconds=15)
        jetstream.play(lines)
        eventually(lambda: received(system) >= 2 * 150, within_seconds=15)
        jetstream.drop()
        eventually(lambda: jetstream.connections, within_seconds=15)
        jetstream.play(lines)
        eventually(lambda: received(system) >= 3 * 150, within_seconds=15)
        eventually(lambda: system.get("/metrics/v1/engagement")["lag_ms"] < 3_000, within_seconds=15)
        assert by_department(system) == expected
        assert "cursor=" in jetstream.paths[-1]
        assert system.items() == []


def test_with_a_term_tracked_the_ambient_posts_that_hold_it_are_counted(
    install: Callable[..., System], shared_folder: Path
) -> None:
    # "government" stands in three posts; two of them are the account's own, so one is ambient. "show" stands in one as
    # a word of its own; "showing" and "shower" would not count.
    with Jetstream() as jetstream:
        system = install(configuration(jetstream.url, terms="[government, show]"))
        system.start()
        eventually(lambda: jetstream.connections, within_seconds=10)
        jetstream.play(lines_of(shared_folder))
        eventually(lambda: len(system.items()) == 2, within_seconds=15)
        eventually(lambda: by_department(system)["marketing"] == {"push": 1}, within_seconds=15)
        assert {item["channel"] for item in system.items()} == {"bluesky"}
        series = system.get(
            "/metrics/v1/engagement", bucket="month", **{"from": "2026-07-01T00:00:00Z", "to": "2026-08-01T00:00:00Z"}
        )
        assert sum(row["ambient_posts"] for row in series["series"]) == 2
