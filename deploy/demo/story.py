"""Story: two weeks in the life of Fernhill Bikes and whatever comes after, as activities in the HTTP form.

Pure: the same beginning tells the same story. Every day is told on its own, so a later start goes on where it ended.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from deploy.demo.company import SEED, Person, account_of, people, texts
from shared.contracts.activity import wire_time

Activity = dict[str, Any]
DAY: Final = timedelta(days=1)
DAYS: Final = 14
OUTAGE_DAY: Final = -5
CAMPAIGN_DAYS: Final = (-11, -8, -6, -2)
HOUR_WEIGHTS: Final = (1, 1, 1, 1, 1, 2, 5, 9, 12, 12, 11, 10, 10, 11, 11, 10, 10, 11, 10, 9, 8, 6, 4, 2)
DESKS: Final = {"legal": "legal_security"}
ANSWER_MINUTES: Final = {
    "support": 22, "billing": 90, "sales": 55, "product": 260, "people": 600, "legal_security": 180, "marketing": 140,
    "it": 15,
}  # fmt: skip
ANSWERED: Final = {
    "support": 0.9, "billing": 0.8, "sales": 0.78, "product": 0.6, "people": 0.5, "legal_security": 0.85,
    "marketing": 0.45,
}  # fmt: skip
OPENS_AT, CLOSES_AT = 8, 18
IMPATIENT: Final = 0.35


CLOSINGS: Final = (
    "Glad to hear it!", "I am looking into it right now.", "Any time. Ride safe!",
    "I have written to you directly, one moment.", "We stay on it until it works.",
)  # fmt: skip


@dataclass(frozen=True)
class Opening:
    """A conversation that somebody has begun: the id of the first post, by whom, to which account, about what."""

    post: str
    person: Person
    account: Mapping[str, str]
    theme: Mapping[str, Any]


@dataclass
class Teller:
    """Tells threads with one source of chance; `name` makes its ids differ from those of others."""

    name: str
    chance: random.Random
    told: list[tuple[datetime, Activity]] = field(default_factory=list)
    _number: int = 0

    def say(self, template: str) -> str:
        """Return a text with its braces filled."""
        return template.format_map({slot: self.chance.choice(words) for slot, words in texts()["slots"].items()})

    def _tail(self, theme: Mapping[str, Any]) -> str:
        tails = texts()["tails"] + (texts()["grumbles"] if theme.get("grumbles") else [])
        chosen: str = self.chance.choice(tails)
        return chosen

    def person(self, channels: Sequence[str], weights: Sequence[int]) -> Person:
        """Return somebody who writes on one of the channels; a few write much more than others."""
        there = people()[self.chance.choices(channels, weights=weights)[0]]
        return there[min(len(there) - 1, int(len(there) * self.chance.betavariate(1, 2)))]

    def act(self, at: datetime, channel: str, actor: Mapping[str, Any], **more: object) -> str:
        """Tell one activity; return its id."""
        self._number += 1
        native = f"{self.name}-{self._number}"
        told: Activity = {"channel": channel, "native_id": native, "occurred_at": wire_time(at), "actor": dict(actor)}
        self.told.append((at, told | {name: value for name, value in more.items() if value is not None}))
        return f"{channel}:{native}"

    def ours(self, at: datetime, account: Mapping[str, str], text: str, **more: object) -> str:
        """Tell a post of our own."""
        actor = {"id": account["id"], "name": account["name"]}
        return self.act(at, account["channel"], actor, text=text, language="en", **more)

    def answer_at(self, asked: datetime, department: str) -> datetime:
        """Return when a department gets round to it: minutes to hours, and not at night."""
        minutes = ANSWER_MINUTES[department] * self.chance.lognormvariate(0, 0.9)
        at = asked + timedelta(minutes=max(1.5, minutes))
        if at.hour >= CLOSES_AT or at.hour < OPENS_AT:
            morning = at if at.hour < OPENS_AT else at + DAY
            at = morning.replace(hour=OPENS_AT, minute=0, second=0) + timedelta(minutes=self.chance.uniform(2, 90))
        return at

    def opening(self, at: datetime) -> Opening:
        """Tell the first post of a conversation."""
        theme = self.chance.choices(texts()["themes"], weights=[each["weight"] for each in texts()["themes"]])[0]
        department = DESKS.get(theme["desk"], theme["desk"])
        person = self.person(("bluesky", "mastodon", "web", "email"), (34, 20, 34, 12))
        if person.channel == "bluesky" and self.chance.random() < 0.2:
            account = account_of("bluesky", "marketing")  # the account everybody knows is not the one that helps
        else:
            account = account_of(person.channel, department)
        first, tail = self.chance.choice(theme["opens"]), self._tail(theme)
        stop = "." if tail.endswith(".") and first[-1].isalnum() else ""
        text = self.say(first + stop + tail)
        post = self.act(at, person.channel, person.actor(), text=text, mentions=[account["id"]], language="en")
        return Opening(post, person, account, theme)

    def thread(self, at: datetime) -> None:
        """Tell one conversation from a first post to, perhaps, a thank you."""
        opened = self.opening(at)
        self._reactions(at, opened.person.channel, opened.post, None, 0.14)
        self._second_thoughts(at, opened)
        if self.chance.random() < ANSWERED[opened.account["department"]]:
            self._talk(at, opened)
        elif self.chance.random() < IMPATIENT:
            nudge = self.chance.choice(["Hello?", "Any news?", "Is anybody reading this?", "Bump.", "Still waiting."])
            self.reply(at + timedelta(hours=self.chance.uniform(5, 30)), opened, opened.post, nudge)

    def _talk(self, at: datetime, opened: Opening) -> None:
        account, theme = opened.account, opened.theme
        answered = self.answer_at(at, account["department"])
        answer = self.answer(answered, opened, self.say(self.chance.choice(theme["answers"])))
        if self.chance.random() < 0.03 and opened.person.channel == "bluesky":
            other = account_of("bluesky", "sales" if account["department"] == "marketing" else "marketing")
            text = self.say(self.chance.choice(theme["answers"]))
            self.answer(answered + timedelta(minutes=40), replace(opened, account=other), text)
        if self.chance.random() < 0.4:
            said = answered + timedelta(minutes=self.chance.lognormvariate(2.5, 1.2))
            follow = self.reply(said, opened, answer, self.say(self.chance.choice(theme["follows"])))
            if self.chance.random() < 0.6:
                again = self.answer_at(said, account["department"])
                self.answer(again, opened, self.chance.choice(CLOSINGS), to=follow)

    def answer(self, at: datetime, opened: Opening, text: str, *, to: str | None = None) -> str:
        """Tell an answer of ours, and who liked it."""
        post = self.ours(at, opened.account, text, in_reply_to=to or opened.post, conversation_id=opened.post)
        self._reactions(at, opened.person.channel, post, opened.account["id"], 0.2)
        return post

    def reply(self, at: datetime, opened: Opening, to: str, text: str) -> str:
        """Tell a reply by the person who began the conversation."""
        person = opened.person
        return self.act(
            at, person.channel, person.actor(), text=text, in_reply_to=to, conversation_id=opened.post, language="en"
        )

    def _second_thoughts(self, at: datetime, opened: Opening) -> None:
        person, native, kind = opened.person, opened.post.partition(":")[2], self.chance.random()
        later = at + timedelta(minutes=self.chance.uniform(1, 20))
        change = {
            "channel": person.channel,
            "native_id": native,
            "actor": person.actor(),
            "occurred_at": wire_time(later),
        }
        if kind < 0.02:
            text = self.say(self.chance.choice(opened.theme["opens"])) + " (edited, sorry for the typos)"
            self.told.append((later, change | {"verb": "update", "text": text, "language": "en"}))
        elif kind < 0.03:
            self.told.append((later, change | {"verb": "delete"}))

    def _reactions(self, at: datetime, channel: str, post: str, account: str | None, share: float) -> None:
        if channel not in {"bluesky", "mastodon"}:
            return
        while self.chance.random() < share:
            share = min(0.6, share + 0.12)
            verb = self.chance.choices(["like", "announce"], weights=[5, 1])[0]
            fan = self.chance.choice(people()[channel])
            later = at + timedelta(minutes=self.chance.lognormvariate(3, 1.2))
            self.act(later, channel, fan.actor(), verb=verb, object_id=post, account=account)

    def push(self, at: datetime, text: str, *, fans: float = 0.86, replies: Sequence[str] = ()) -> None:
        """Tell a post to everybody, and who liked, shared or answered it."""
        account = account_of("bluesky", "marketing")
        post = self.ours(at, account, text)
        while self.chance.random() < fans:
            later = at + timedelta(minutes=self.chance.lognormvariate(4, 1.2))
            fan = self.chance.choice(people()["bluesky"])
            verb = self.chance.choices(["like", "announce", "follow"], weights=[12, 3, 1])[0]
            target = None if verb == "follow" else post
            self.act(later, "bluesky", fan.actor(), verb=verb, object_id=target, account=account["id"])
        for said in replies:
            person = self.chance.choice(people()["bluesky"])
            later = at + timedelta(minutes=self.chance.uniform(4, 300))
            reply = self.reply(later, Opening(post, person, account, {}), post, self.say(said))
            if self.chance.random() < 0.5:
                thanks = self.chance.choice(["Wonderful, thank you!", "Counted!", "That made us smile.", "Fair point."])
                answered = self.answer_at(later, "marketing")
                self.ours(answered, account, thanks, in_reply_to=reply, conversation_id=post)

    def ambient(self, at: datetime) -> None:
        """Tell a post about us or a competitor, to nobody in particular."""
        person = self.person(("bluesky", "mastodon"), (2, 1))
        text = self.say(self.chance.choice(texts()["ambient"]))
        self.act(at, person.channel, person.actor(), text=text, language="en")

    def talk_inside(self, at: datetime, lines: Sequence[str]) -> None:
        """Tell a thread of colleagues; the first word says whose room it is."""
        department, first, *more = lines
        room = account_of("slack", DESKS.get(department, department))
        said = {"surface": "internal", "account": room["id"], "language": "en"}
        root = self.act(at, "slack", self.chance.choice(people()["slack"]).actor(), text=first, **said)
        for line in more:
            at += timedelta(minutes=self.chance.lognormvariate(1.8, 0.9))
            colleague = self.chance.choice(people()["slack"])
            self.act(at, "slack", colleague.actor(), text=line, in_reply_to=root, conversation_id=root, **said)


def day(number: int, midnight: datetime) -> list[tuple[datetime, Activity]]:
    """Return everything that begins on a day, with when it is said; answers may come days later."""
    chance = random.Random(f"{SEED}/{number}")  # noqa: S311  # a story, not a secret
    teller = Teller(f"d{number + 1_000}", chance)

    def moment() -> datetime:
        hour = chance.choices(range(24), weights=HOUR_WEIGHTS)[0]
        return midnight + timedelta(hours=hour, seconds=chance.uniform(0, 3_600))

    busy = 1.0 if midnight.weekday() < 5 else 0.6
    for _ in range(int(busy * chance.gauss(105, 12))):
        teller.thread(moment())
    for _ in range(int(chance.gauss(11, 3))):
        teller.ambient(moment())
    for _ in range(int(busy * chance.uniform(4, 7))):
        lines = chance.choice(texts()["internal"])
        teller.talk_inside(midnight + timedelta(hours=chance.uniform(8, 16)), lines)
    # The company learns: in the second week it announces less and answers as much.
    for text in chance.sample(texts()["pushes"], chance.choice([8, 9, 10] if number < -DAYS // 2 else [3, 4, 5])):
        teller.push(midnight + timedelta(hours=chance.uniform(8, 19)), text)
    _occasions(teller, number, midnight)
    return teller.told


def _occasions(teller: Teller, number: int, midnight: datetime) -> None:
    if number % 4 == 0:
        _old_ways(teller, midnight + timedelta(hours=9, minutes=30))
    if number in CAMPAIGN_DAYS:
        text = texts()["campaign"][CAMPAIGN_DAYS.index(number)]
        replies = teller.chance.choices(texts()["campaign_replies"], k=teller.chance.randrange(8, 20))
        teller.push(midnight + timedelta(hours=11), text, fans=0.97, replies=replies)
    if number == OUTAGE_DAY:
        _outage(teller, midnight + timedelta(hours=13, minutes=40))


def _old_ways(teller: Teller, at: datetime) -> None:
    """A newsletter, a press release or a round of calls: told to many, answered by hardly anybody."""
    text = teller.chance.choice(texts()["mails"])
    channel = {"Press": "press", "Phone": "phone"}.get(text.split()[0], "email")
    account = account_of(channel, "marketing")
    teller.ours(at, account, text)


def _outage(teller: Teller, began: datetime) -> None:
    """App and shop are down for three hours: complaints come in a wave, answers late, then amends."""
    chance, said = teller.chance, texts()["outage"]
    teller.talk_inside(began + timedelta(minutes=4), texts()["incident"][0])
    for number, text in enumerate(said["status"]):
        at = began + timedelta(minutes=(35, 65, 110, 175, 1_400)[number])
        teller.push(at, text, fans=0.9, replies=chance.sample(said["opens"], 3) if number < 3 else said["thanks"][:2])
    for _ in range(230):
        # Few in the first minutes, a peak after forty, a long tail.
        at = began + timedelta(minutes=min(300.0, chance.gammavariate(2.6, 26)))
        person = teller.person(("bluesky", "mastodon", "web"), (6, 3, 3))
        account = account_of(person.channel, "support")
        text = teller.say(chance.choice(said["opens"]))
        post = teller.act(at, person.channel, person.actor(), text=text, mentions=[account["id"]], language="en")
        opened = Opening(post, person, account, {})
        if chance.random() < 0.82:
            answered = max(at, began + timedelta(minutes=40)) + timedelta(minutes=chance.lognormvariate(4, 0.8))
            answer = teller.answer(answered, opened, teller.say(chance.choice(said["answers"])))
            if chance.random() < 0.3:
                later = answered + timedelta(minutes=chance.lognormvariate(3, 1))
                teller.reply(later, opened, answer, chance.choice(said["thanks"]))


def history(began: datetime, after: datetime | None, until: datetime, days: int = DAYS) -> Iterator[Activity]:
    """Yield what was said up to an instant, in order of time; only what came later than `after`, when that is given.

    Args:
        began: When the demo was started for the first time; the story begins so many `days` earlier.
        after: Where an earlier start ended.
        until: Now.
        days: How much of the story is told.
    """
    midnight = began.replace(hour=0, minute=0, second=0, microsecond=0)
    first = began - days * DAY
    told: list[tuple[datetime, Activity]] = []
    for number in range(-days, (until - midnight).days + 1):
        told += day(number, midnight + number * DAY)
    since = first if after is None else max(after, until - days * DAY)
    order = sorted(range(len(told)), key=lambda place: (told[place][0], place))
    yield from (told[place][1] for place in order if since < told[place][0] <= until)
