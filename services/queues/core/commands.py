"""What an agent may do with an item: commands, and the pure decision whether and how each changes it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from services.queues.core.post import Post, State, instant
from shared.contracts.activity import Surface
from shared.contracts.correction import Correction, Labels


@dataclass(frozen=True)
class Claim:
    """Take the item, or renew the lease one holds, for so long."""

    lease_us: int


@dataclass(frozen=True)
class Release:
    """Give the item back to the queue."""


@dataclass(frozen=True)
class Resolve:
    """Nothing is left to do."""


@dataclass(frozen=True)
class Assign:
    """Hand the item to an agent, with a lease."""

    to: str
    lease_us: int


@dataclass(frozen=True)
class Snooze:
    """Look at it again at an instant."""

    until_us: int


@dataclass(frozen=True)
class Relabel:
    """Correct labels; None leaves one as it is."""

    department: str | None = None
    intent: str | None = None
    sentiment: str | None = None


@dataclass(frozen=True)
class Note:
    """Write something down for colleagues."""

    text: str


Command = Claim | Release | Resolve | Assign | Snooze | Relabel | Note


@dataclass(frozen=True)
class Order:
    """A command by an agent; `versions` are those the caller has seen, None accepts any."""

    command: Command
    agent: str
    key: str
    versions: frozenset[int] | None


@dataclass(frozen=True)
class Held:
    """Another agent holds the item."""

    owner: str
    lease_until_us: int


@dataclass(frozen=True)
class Stale:
    """The item has moved on from the version the caller saw."""

    version: int


@dataclass(frozen=True)
class Done:
    """The item after the command, and what its history says about it."""

    post: Post
    action: str
    detail: Mapping[str, str | None]


Decision = Done | Held | Stale


def holder(post: Post, now_us: int) -> Held | None:
    """Return who holds an item; a lease that has run out holds nothing, swept or not."""
    if post.state != State.CLAIMED or post.owner is None or post.lease_until_us is None:
        return None
    return Held(post.owner, post.lease_until_us) if now_us < post.lease_until_us else None


def decide(post: Post, order: Order, now_us: int) -> Decision:
    """Return the item after the command, or why not; who holds it is told before what version it has."""
    held = holder(post, now_us)
    if held is not None and held.owner != order.agent:
        return held
    if order.versions is not None and post.version not in order.versions:
        return Stale(post.version)
    after, action, detail = _apply(post, order, now_us)
    return Done(replace(after, version=post.version + 1), action, detail)


def _apply(post: Post, order: Order, now_us: int) -> tuple[Post, str, Mapping[str, str | None]]:
    done: tuple[Post, str, Mapping[str, str | None]]
    match order.command:
        case Claim(lease_us):
            renewed = post.state == State.CLAIMED and post.owner == order.agent
            done = _leased(post, order.agent, now_us + lease_us), "renewed" if renewed else "claimed", {}
        case Assign(to, lease_us):
            done = _leased(post, to, now_us + lease_us), "assigned", {"to": to}
        case Release():
            done = _moved(post, State.NEW, owner=None), "released", {}
        case Resolve():
            done = _moved(post, State.RESOLVED, owner=order.agent), "resolved", {}
        case Snooze(until_us):
            asleep = _moved(post, State.SNOOZED, owner=order.agent)
            done = replace(asleep, snoozed_until_us=until_us), "snoozed", {}
        case Note(text):
            done = post, "noted", {"text": text}
        case Relabel():
            done = _relabelled(post, order.command, order.agent)
    return done


def _moved(post: Post, state: State, *, owner: str | None) -> Post:
    return replace(post, state=state, owner=owner, lease_until_us=None, snoozed_until_us=None)


def _leased(post: Post, owner: str, until_us: int) -> Post:
    return replace(_moved(post, State.CLAIMED, owner=owner), lease_until_us=until_us)


def _relabelled(post: Post, labels: Relabel, agent: str) -> tuple[Post, str, Mapping[str, str | None]]:
    after = replace(
        post,
        department=labels.department or post.department,
        intent=labels.intent or post.intent,
        sentiment=labels.sentiment or post.sentiment,
        unsure=False,
        labelled_by=agent,
    )
    names = ("department", "intent", "sentiment")
    changed = {name: f"{getattr(post, name)} → {getattr(after, name)}" for name in names}
    return after, "labelled", {name: text for name, text in changed.items() if getattr(labels, name)}


def correction_of(before: Post, done: Done, order: Order, now_us: int) -> Correction | None:
    """Return what others must learn of a command; None when it corrected no label."""
    if not isinstance(order.command, Relabel):
        return None
    return Correction(
        id=before.id,
        version=done.post.version,
        channel=before.channel,
        surface=Surface(before.surface),
        old=_labels(before),
        new=_labels(done.post),
        agent=order.agent,
        key=order.key,
        corrected_at=instant(now_us),
    )


def _labels(post: Post) -> Labels:
    return Labels(department=post.department, intent=post.intent, sentiment=post.sentiment)


def lapse(post: Post, now_us: int) -> Done | None:
    """Return the item back in the queue when its lease or its snooze has run out, else None."""
    if post.state == State.CLAIMED and (post.lease_until_us is None or post.lease_until_us <= now_us):
        after, action = _moved(post, State.NEW, owner=None), "lease_expired"
    elif post.state == State.SNOOZED and (post.snoozed_until_us is None or post.snoozed_until_us <= now_us):
        after, action = _moved(post, State.NEW, owner=None), "woken"
    else:
        return None
    return Done(replace(after, version=post.version + 1), action, {"owner": post.owner})
