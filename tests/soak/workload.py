"""Seeded mixed activities in the HTTP form: real texts, duplicates, edits, deletes, undos. One seed, one list."""

import csv
import json
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

ACCOUNTS = """
organisation:
  accounts:
    - {channel: web, id: acme, handle: acme, department: support, name: Acme}
    - {channel: web, id: acme-sales, handle: acme_sales, department: sales, name: Acme Sales}
    - {channel: chat, id: helpdesk, department: it, name: Help desk}
"""
SETS = ("complaints_preotiuc", "semeval2017_sentiment", "banking77", "app_reviews_maalej", "email_intent_parakweet")
START = datetime(2026, 11, 1, tzinfo=UTC)
SPAN_SECONDS = 20 * 86_400
PUSHES = ("Our new store opens today.", "Spring sale until Sunday.", "We are hiring.", "Version 7 is out.")
ANSWERS = ("Sorry about that, we are on it.", "Thank you, passed on.", "Please send us your order number.")
Submission = dict[str, Any]


def real_texts(count: int, seed: int) -> list[str]:
    """Return distinct real texts of the shared folder, where it is; else of those written for training."""
    folder = Path(os.environ.get("EARSHOT_TEST_SHARED", ROOT.parent / "shared")) / "data"
    found: dict[str, None] = {}
    for name in SETS:
        if (path := folder / name / "data.tsv").is_file():
            with path.open(encoding="utf-8", newline="") as file:
                rows: Iterator[list[str]] = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
                next(rows)
                found |= dict.fromkeys(row[0][:2_000] for row in islice(rows, count) if row[0].strip())
    if not found:
        path = ROOT / "services/classify/training/posts.jsonl"
        found = {json.loads(line)["text"]: None for line in path.read_text(encoding="utf-8").splitlines()}
    return random.Random(seed).sample(sorted(found), min(count, len(found)))


@dataclass
class Workload:
    """The activities of one seed. Shares: 5 % duplicates, 6 % edits, 4 % deletes, 3 % undos, a quarter reactions."""

    seed: int
    texts: list[str]
    chance: random.Random = field(init=False)
    _posts: list[Submission] = field(default_factory=list)
    _inbound: list[Submission] = field(default_factory=list)
    _pushes: list[Submission] = field(default_factory=list)
    _reactions: list[Submission] = field(default_factory=list)
    _number: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def lines(self, count: int) -> Iterator[Submission]:
        """Yield the activities in the order in which they are sent."""
        sent: list[Submission] = []
        for _ in range(count):
            made = self.chance.choice(sent) if sent and self.chance.random() < 0.05 else self._made()
            sent.append(made)
            yield made

    def _made(self) -> Submission:
        self._number += 1
        roll = self.chance.random()
        if roll < 0.06 and self._posts:
            return self._edit(self.chance.choice(self._posts))
        if roll < 0.10 and self._posts:
            return self._removal("delete", self.chance.choice(self._posts))
        if roll < 0.13 and self._reactions:
            return self._removal("undo", self.chance.choice(self._reactions))
        if roll < 0.38 and self._pushes:
            return self._reaction()
        return self._post(roll)

    def _post(self, roll: float) -> Submission:
        if roll < 0.43 or not self._pushes:
            actor = self.chance.choice(("acme", "acme-sales"))
            made = self._a_post(actor={"id": actor}, text=self.chance.choice(PUSHES))
            self._pushes.append(made)
        elif roll < 0.52 and self._inbound:
            # People answer what came lately.
            parent = self.chance.choice(self._inbound[-2_000:])
            made = self._a_post(
                actor={"id": "acme"}, text=self.chance.choice(ANSWERS), in_reply_to=_id(parent),
                occurred_at=_later(parent, self.chance.randrange(30, 90_000)),
            )  # fmt: skip
        else:
            made = self._a_post(**self._inbound_changes(roll))
            self._inbound.append(made)
        self._posts.append(made)
        return made

    def _inbound_changes(self, roll: float) -> Submission:
        if roll < 0.60:
            return {"in_reply_to": _id(self.chance.choice(self._pushes)), "mentions": ["acme"]}
        if roll < 0.64 and self._inbound:
            before = self.chance.choice(self._inbound[-2_000:])
            if before["channel"] == "web":
                return {"in_reply_to": _id(before), "mentions": ["acme"], "actor": before["actor"]}
        if roll < 0.70:
            return {"quotes": _id(self.chance.choice(self._pushes)), "mentions": ["acme-sales"]}
        if roll < 0.78:
            return {"channel": "chat", "surface": "internal"}
        if roll < 0.82:
            return {}
        return {"mentions": ["acme" if roll < 0.95 else "acme_sales"]}

    def _a_post(self, **changes: Any) -> Submission:  # noqa: ANN401  # JSON
        at = START + timedelta(seconds=self.chance.randrange(SPAN_SECONDS), microseconds=self.chance.randrange(10**6))
        return {
            "channel": "web",
            "native_id": f"p{self._number}",
            "occurred_at": at.isoformat(),
            "actor": {"id": f"person{self.chance.randrange(5_000)}"},
            "text": self.chance.choice(self.texts),
        } | changes

    def _reaction(self) -> Submission:
        target = self.chance.choice(self._pushes)
        verb = self.chance.choices(("like", "announce", "follow"), (7, 2, 1))[0]
        made = {
            "channel": "web", "verb": verb, "native_id": f"r{self._number}",
            "object_id": "web:acme" if verb == "follow" else _id(target), "account": target["actor"]["id"],
            "occurred_at": _later(target, self.chance.randrange(1, 200_000)),
            "actor": {"id": f"person{self.chance.randrange(5_000)}"},
        }  # fmt: skip
        self._reactions.append(made)
        return made

    def _edit(self, post: Submission) -> Submission:
        return post | {
            "verb": "update", "text": self.chance.choice(self.texts),
            "occurred_at": _later(post, self.chance.randrange(1, 100_000)),
        }  # fmt: skip

    def _removal(self, verb: str, made: Submission) -> Submission:
        """Return a delete or undo; every twentieth is older than what it takes back, and so takes nothing back."""
        seconds = self.chance.randrange(1, 100_000) if self.chance.random() < 0.95 else -5
        kept = {name: made[name] for name in ("channel", "native_id", "actor", "surface") if name in made}
        return kept | {"verb": verb, "occurred_at": _later(made, seconds)}


def _id(made: Submission) -> str:
    return f"{made['channel']}:{made['native_id']}"


def _later(made: Submission, seconds: int) -> str:
    return (datetime.fromisoformat(made["occurred_at"]) + timedelta(seconds=seconds)).isoformat()
