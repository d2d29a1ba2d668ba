"""Fernhill Bikes, which does not exist: its accounts, what it promises itself, and the people who write to it."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

import yaml

SEED: Final = "fernhill"
CONFIGURATION: Final = """# Written by `make demo`. Fernhill Bikes does not exist.
organisation:
  accounts:
    - {channel: bluesky, id: "did:plc:fernhillbikes", handle: fernhill.example, department: marketing, name: Fernhill}
    - {channel: bluesky, id: "did:plc:fernhillhelp", handle: help.fernhill.example, department: support,
       name: Fernhill Help}
    - {channel: bluesky, id: "did:plc:fernhillshops", handle: shops.fernhill.example, department: sales,
       name: Fernhill Shops}
    - {channel: mastodon, id: fernhill@wheels.example, handle: fernhill, department: support, name: Fernhill Bikes}
    - {channel: mastodon, id: lab@wheels.example, handle: lab, department: product, name: Fernhill Lab}
    - {channel: web, id: help, department: support, name: Help form}
    - {channel: web, id: accounts, department: billing, name: Invoices form}
    - {channel: web, id: shops, department: sales, name: Shops form}
    - {channel: web, id: ideas, department: product, name: Ideas form}
    - {channel: web, id: jobs, department: people, name: Jobs form}
    - {channel: web, id: privacy, department: legal_security, name: Privacy form}
    - {channel: email, id: post@fernhill.example, department: billing, name: Fernhill Accounts}
    - {channel: email, id: news@fernhill.example, department: marketing, name: Fernhill News}
    - {channel: press, id: pressroom, department: marketing, name: Press room}
    - {channel: phone, id: callcentre, department: marketing, name: Call centre}
    - {channel: slack, id: U0IT, department: it, name: it-help}
    - {channel: slack, id: U0SUPPORT, department: support, name: support-desk}
    - {channel: slack, id: U0PEOPLE, department: people, name: people-and-culture}
    - {channel: slack, id: U0PRODUCT, department: product, name: product-room}
    - {channel: slack, id: U0BILLING, department: billing, name: billing-room}
    - {channel: slack, id: U0SALES, department: sales, name: sales-floor}
    - {channel: slack, id: U0MARKETING, department: marketing, name: marketing-desk}
    - {channel: slack, id: U0LEGAL, department: legal_security, name: legal-desk}
tracking:
  terms:
    - fernhill
    - {term: "#fernhilldown", group: us}
    - {term: quillwheel, group: Quillwheel}
    - {term: brackenride, group: Brackenride}
sources:
  - {name: history, type: replay, path: history.jsonl, speed: max}
goals:
  - {department: support, metric: response_rate, target: 0.85, period: week}
  - {department: billing, metric: response_rate, target: 0.8, period: week}
  - {department: sales, metric: response_rate, target: 0.7, period: month}
  - {department: marketing, metric: conversation_share, target: 0.5, period: month}
  - {department: support, metric: first_response_seconds_p50, target: 3600, period: week}
queues:
  business_hours: {timezone: Europe/London, days: [mon, tue, wed, thu, fri, sat], start: "08:00", end: "18:00"}
  sla:
    - {intent: outage, first_response_minutes: 30}
    - {department: support, first_response_minutes: 240}
    - {department: billing, first_response_minutes: 480}
    - {first_response_minutes: 1200}
"""
AGENTS: Final = ("Lena", "Priya", "Jonas", "Amina", "Milo")
PEOPLE: Final = 320


@dataclass(frozen=True)
class Person:
    """Somebody outside, on the channel where she usually writes."""

    channel: str
    id: str
    handle: str
    name: str
    followers: int | None

    def actor(self) -> dict[str, Any]:
        """Return the actor of an activity."""
        known = {"id": self.id, "handle": self.handle, "name": self.name, "followers": self.followers}
        return {key: value for key, value in known.items() if value is not None}


@lru_cache(maxsize=1)
def texts() -> Mapping[str, Any]:
    """Return what people say, as texts.yaml has it."""
    content = files("deploy.demo").joinpath("texts.yaml").read_text(encoding="utf-8")
    read: Mapping[str, Any] = yaml.safe_load(content)
    return read


@lru_cache(maxsize=1)
def people() -> Mapping[str, Sequence[Person]]:
    """Return everybody who may write, by channel; the same at every call."""
    chance = random.Random(f"{SEED}/people")  # noqa: S311  # a story, not a secret
    found: dict[str, list[Person]] = {"bluesky": [], "mastodon": [], "web": [], "email": [], "slack": []}
    for number in range(PEOPLE):
        first, last = chance.choice(texts()["first_names"]), chance.choice(texts()["last_names"])
        channel = chance.choices(list(found), weights=[40, 22, 22, 10, 6])[0]
        handle = f"{first}{chance.choice(['', '.', '_'])}{last}{chance.choice(['', '', number % 90])}".lower()
        followers = int(chance.lognormvariate(5, 1.6)) if channel in {"bluesky", "mastodon"} else None
        identity = {
            "bluesky": f"did:plc:{handle.replace('.', '').replace('_', '')}{number}",
            "mastodon": f"{handle}@wheels.example",
            "slack": f"U{number:04}{first.upper()}",
        }.get(channel, f"{handle}{number}@mail.example")
        shown = {"bluesky": f"{handle}.example", "mastodon": f"{handle}@wheels.example"}.get(channel, handle)
        found[channel].append(Person(channel, identity, shown, f"{first} {last}", followers))
    return found


@lru_cache(maxsize=1)
def accounts() -> Sequence[Mapping[str, str]]:
    """Return the company's own accounts."""
    read: Sequence[Mapping[str, str]] = yaml.safe_load(CONFIGURATION)["organisation"]["accounts"]
    return read


def account_of(channel: str, department: str) -> Mapping[str, str]:
    """Return the account of a department on a channel, else that of the support, else the first one there."""
    there = [each for each in accounts() if each["channel"] == channel]
    for wanted in (department, "support"):
        for each in there:
            if each["department"] == wanted:
                return each
    return there[0]
