"""What must come out: the workload read, labelled and folded naively, and the comparison with what the stores hold."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import yaml

from services.ingest.core.addressing import Accounts
from services.ingest.core.submission import Reading, read_submission
from services.metrics.store.clickhouse import READ_SETTINGS, ClickHouseAddress, open_client
from shared.contracts.activity import Activity, Classification, ClassifiedActivity, Label, desk
from shared.contracts.configuration import Configuration
from shared.contracts.rejection import Rejection
from tests.e2e.system import KEY, System
from tests.integration.metrics.fold import COUNTS, DIMENSIONS, Fact, counted, fold, living
from tests.soak.workload import ACCOUNTS, Submission

RECEIVED = datetime(2026, 11, 25, tzinfo=UTC)
TEXTS_AT_ONCE = 500
QUESTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("hour", ()),
    ("day", ("department", "owner_department", "sentiment")),
    ("month", ("channel", "channel_class", "surface", "account", "intent")),
)
RANGE = {"from": "2026-10-01T00:00:00Z", "to": "2026-12-31T00:00:00Z"}
Rows = dict[tuple[Any, ...], dict[str, Any]]


def labels(system: System, texts: Iterable[str]) -> dict[str, Classification]:
    """Return what the running classify service says of texts; the same text always gets the same (invariant 7)."""
    wanted, found = sorted(set(texts)), {}
    for start in range(0, len(wanted), TEXTS_AT_ONCE):
        some = wanted[start : start + TEXTS_AT_ONCE]
        answer = httpx2.post(
            f"{system.base}/classify/v1/classify", json={"texts": some}, timeout=120,
            headers={"Authorization": f"Bearer {KEY}"},
        ).raise_for_status().json()  # fmt: skip
        for text, each in zip(some, answer["classifications"], strict=True):
            found[text] = Classification(
                model=answer["model"], unsure=each["unsure"],
                **{name: Label(**each[name]) for name in ("department", "intent", "sentiment")},
            )  # fmt: skip
    return found


def heard(lines: Iterable[Submission], known: dict[str, Classification]) -> Iterator[ClassifiedActivity]:
    """Yield the lines as the sinks get them."""
    accounts = Accounts(Configuration.model_validate(yaml.safe_load(ACCOUNTS)).organisation.accounts)
    reading = Reading(accounts, "http", "http/soak", RECEIVED)
    for number, line in enumerate(lines):
        fields = read_submission(line, number, reading)
        assert not isinstance(fields, Rejection), (line, fields)
        activity = Activity.model_validate(fields)
        said = activity.verb in {"create", "update"}
        yield ClassifiedActivity.model_validate(
            activity.model_dump() | {"classification": known[activity.text or ""] if said else None}
        )


@dataclass
class Differences:
    """Collects what is not as it must be; says how much was compared."""

    compared: int = 0
    found: int = 0

    def compare(self, what: str, wanted: dict[Any, Any], got: dict[Any, Any]) -> None:
        """Compare two tables by key and say how that went."""
        wrong = [key for key in wanted.keys() | got.keys() if wanted.get(key) != got.get(key)]
        self.compared += len(wanted)
        self.found += len(wrong)
        print(f"    {what:<58} {len(wanted):>8} expected, {len(wrong)} differ", flush=True)
        for key in sorted(wrong, key=str)[:5]:
            print(f"      {key}: expected {wanted.get(key)}, found {got.get(key)}")


def compare_answers(system: System, activities: Sequence[ClassifiedActivity], differences: Differences) -> None:
    """Compare the engagement answers with the fold: every counter, people and response times of every group."""
    for bucket, by in QUESTIONS:
        series = system.get("/metrics/v1/engagement", bucket=bucket, by=",".join(by), **RANGE)["series"]
        got = {(datetime.fromisoformat(row["bucket"]), *(row[name] for name in by)): row for row in series}
        wanted = fold(activities, bucket, by)
        names = [name for name in next(iter(got.values()), {}) if name in {*COUNTS, "people"} or "first_resp" in name]
        differences.compare(
            f"engagement per {bucket} by {','.join(by) or '-'}", _shown(wanted, names), _shown(got, names)
        )


def _shown(rows: Rows, names: Sequence[str]) -> dict[Any, Any]:
    rounded = {
        key: {name: round(row[name], 3) if isinstance(row[name], float) else row[name] for name in names}
        for key, row in rows.items()
    }
    return {key: row for key, row in rounded.items() if any(row.values())}


def compare_facts(
    address: ClickHouseAddress, activities: Sequence[ClassifiedActivity], differences: Differences
) -> None:
    """Compare facts and both aggregates of the store with the fold. A stopped system's folder, or a server."""
    client = open_client(address, dict(READ_SETTINGS), database=address.database)
    try:
        facts, ours = living(activities)
        columns = ("kind", *DIMENSIONS)
        wanted = {key: (_kind(fact, ours), *fact.dimensions().values()) for key, fact in facts.items()}
        got: dict[str, tuple[str, ...]] = {}
        with client.query_row_block_stream(
            f"SELECT id, {', '.join(columns)} FROM activities FINAL WHERE alive"  # noqa: S608  # constants
        ) as stream:
            for block in stream:
                got |= {row[0]: tuple(row[1:]) for row in block}
        differences.compare("facts, each with its kind and dimensions", wanted, got)
        for table, bucket in (("minutes", "minute"), ("hours", "hour")):
            rows = client.query(
                f"SELECT {bucket}, {', '.join((*DIMENSIONS, *COUNTS))} FROM {table} FINAL"  # noqa: S608  # constants
            ).result_rows
            width = 1 + len(DIMENSIONS)
            sums = {
                (row[0], *(each or None for each in row[1:width])): dict(zip(COUNTS, row[width:], strict=True))
                for row in rows
            }
            differences.compare(f"aggregates per {bucket}", _shown(fold(activities, bucket, DIMENSIONS), COUNTS),
                                _shown(sums, COUNTS))  # fmt: skip
    finally:
        client.close()


def _kind(fact: Fact, ours: set[str]) -> str:
    activity = fact.activity
    if activity.direction == "ambient":
        return "ambient_post" if fact.is_post else "ambient_reaction"
    name = next((each for each in counted(fact, ours) if each != "inbound_posts"), "")
    kinds = {
        "push": "push", "responses": "response", "own_replies": "own_reply", "replies": "reply", "quotes": "quote",
        "mentions": "mention", "announces": "announce", "likes": "like", "follows": "follow",
        "outbound_reactions": "outbound_reaction",
    }  # fmt: skip
    return kinds.get(name, "other")


def compare_items(database: Path, activities: Sequence[ClassifiedActivity], differences: Differences) -> None:
    """Compare every item of the queues with the fold: words, labels, and whether it is answered."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        rows = connection.execute(
            "SELECT id, text, department, intent, sentiment, state FROM posts WHERE state IS NOT NULL"
        ).fetchall()
    differences.compare("queue items", _items(activities), {row[0]: tuple(row[1:]) for row in rows})


def _items(activities: Sequence[ClassifiedActivity]) -> dict[str, tuple[str, ...]]:
    facts, _ = living(activities)
    posts = {key: fact for key, fact in facts.items() if fact.is_post}
    answers: dict[str, list[datetime]] = defaultdict(list)
    lines: dict[tuple[str, str], list[tuple[datetime, str]]] = defaultdict(list)
    for key, fact in posts.items():
        activity = fact.activity
        if activity.direction == "outbound":
            answers[activity.in_reply_to or ""].append(fact.occurred_at)
        else:
            lines[activity.conversation_id or key, activity.actor.id].append((fact.occurred_at, key))
    for line in lines.values():
        line.sort()
    items: dict[str, tuple[str, ...]] = {}
    for line in lines.values():
        for place, (_, key) in enumerate(line):
            activity = posts[key].activity
            following = line[place + 1] if place + 1 < len(line) else None
            waits = (
                following is not None
                and following[0] > max(answers[key], default=RECEIVED)
                and not answers[following[1]]
            )
            state = "answered" if answers[key] and not waits else "new"
            made = activity.classification
            assert made is not None
            items[key] = (activity.text or "", desk(made), made.intent.label, made.sentiment.label, state)
    return items
