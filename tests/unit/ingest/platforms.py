"""Frames and events in the shape platforms send them, with invented people."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from services.ingest.automaton import AutomatonTermFinder
from services.ingest.core.addressing import Accounts
from services.ingest.core.bluesky import Ears
from services.ingest.core.known import Known
from shared.contracts.configuration import Account

US = "did:plc:us"
ANN = "did:plc:ann"
BEN = "did:plc:ben"
NOON_US = 1_795_435_200_000_000
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BLUESKY = Accounts([Account(channel="bluesky", id=US, handle="us.example", department="marketing")])
POST = "app.bsky.feed.post"
LIKE = "app.bsky.feed.like"
REPOST = "app.bsky.feed.repost"
FOLLOW = "app.bsky.graph.follow"
ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"


def a_tid(at_us: int) -> str:
    return "".join(ALPHABET[at_us << 10 >> shift & 31] for shift in range(60, -1, -5))


def ears(*terms: str, accounts: Accounts = BLUESKY) -> Ears:
    return Ears("bsky", accounts, AutomatonTermFinder(terms))


def uri(did: str, rkey: str, collection: str = POST) -> str:
    return f"at://{did}/{collection}/{rkey}"


def a_commit(
    did: str,
    rkey: str,
    record: Mapping[str, Any] | None,
    *,
    collection: str = POST,
    operation: str = "create",
    at_us: int = NOON_US,
    rev: str | None = None,
) -> dict[str, Any]:
    """Return a v1 frame; the server sees a commit 200 ms after its revision."""
    commit: dict[str, Any] = {
        "rev": a_tid(at_us) if rev is None else rev, "operation": operation, "collection": collection, "rkey": rkey,
    }  # fmt: skip
    if record is not None:
        commit |= {"record": {"$type": collection, "createdAt": "2026-11-23T11:59:59.500Z", **record}, "cid": "bafy"}
    return {"did": did, "time_us": at_us + 200_000, "kind": "commit", "commit": commit}


def a_post(  # what a test changes, by name
    did: str,
    rkey: str,
    text: str,
    *,
    record: Mapping[str, Any] | None = None,
    operation: str = "create",
    at_us: int = NOON_US,
    rev: str | None = None,
) -> dict[str, Any]:
    held = {"text": text, "langs": ["en"], **(record or {})}
    return a_commit(did, rkey, held, operation=operation, at_us=at_us, rev=rev)


def reply_to(did: str, rkey: str, root: tuple[str, str] | None = None) -> dict[str, Any]:
    first = root or (did, rkey)
    return {"reply": {"root": {"uri": uri(*first), "cid": "c"}, "parent": {"uri": uri(did, rkey), "cid": "c"}}}


def mention_of(*dids: str) -> dict[str, Any]:
    return {
        "facets": [
            {
                "index": {"byteStart": 0, "byteEnd": 3},
                "features": [{"$type": "app.bsky.richtext.facet#mention", "did": did}],
            }
            for did in dids
        ]
    }


def a_like(did: str, rkey: str, target: str, *, collection: str = LIKE, at_us: int = NOON_US) -> dict[str, Any]:
    return a_commit(did, rkey, {"subject": {"uri": target, "cid": "c"}}, collection=collection, at_us=at_us)


def a_follow(did: str, rkey: str, target: str) -> dict[str, Any]:
    return a_commit(did, rkey, {"subject": target}, collection=FOLLOW)


def a_delete(did: str, rkey: str, collection: str = POST, at_us: int = NOON_US + 5_000_000) -> dict[str, Any]:
    return a_commit(did, rkey, None, collection=collection, operation="delete", at_us=at_us)


def an_account_event(did: str, status: str | None, *, active: bool = False) -> dict[str, Any]:
    account: dict[str, Any] = {"active": active, "did": did, "seq": 9, "time": "2026-11-23T12:01:00.000Z"}
    if status is not None:
        account["status"] = status
    return {"did": did, "time_us": NOON_US + 61_000_000, "kind": "account", "account": account}


def as_v2(frame: Mapping[str, Any], seq: int) -> dict[str, Any]:
    """Return the v2 frame of a v1 frame."""
    at = datetime.fromtimestamp(frame["time_us"] // 1_000_000, UTC).replace(microsecond=frame["time_us"] % 1_000_000)
    payload = {"seq": seq, "did": frame["did"], "time": at.isoformat().replace("+00:00", "Z")}
    kind = frame["kind"]
    if kind == "commit":
        payload |= frame["commit"]
    else:
        payload[kind] = frame[kind]
    payload["$type"] = f"network.bsky.jetstream.subscribeEvents#{kind}"
    return {"$type": "message", "payload": payload}


def encoded(*frames: Mapping[str, Any]) -> list[bytes]:
    return [json.dumps(frame).encode() for frame in frames]


@dataclass
class FakeIndex:
    """An ActivityIndex in a dict."""

    entries: dict[str, Known] = field(default_factory=dict)

    def put(self, entries: Sequence[Known], at: datetime) -> None:
        self.entries |= {entry.id: entry for entry in entries}

    def find(self, ids: Iterable[str]) -> Mapping[str, Known]:
        return {each: self.entries[each] for each in ids if each in self.entries}

    def of_actor(self, channel: str, actor: str) -> Sequence[Known]:
        return [each for each in self.entries.values() if (each.channel, each.actor) == (channel, actor)]
