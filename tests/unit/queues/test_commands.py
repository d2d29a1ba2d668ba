from dataclasses import replace

from services.queues.core.commands import (
    Assign,
    Claim,
    Command,
    Done,
    Held,
    Note,
    Order,
    Relabel,
    Release,
    Resolve,
    Snooze,
    Stale,
    decide,
    lapse,
)
from services.queues.core.fold import Fold
from services.queues.core.post import Post, State
from tests.builders import an_activity, classified

LEASE_US = 600_000_000


def an_item() -> Post:
    fold = Fold([], [])
    fold.apply(classified(an_activity()), 0)
    return fold.changes()[0][1]


def an_order(command: Command, agent: str = "ann", *, seen: int | None = None) -> Order:
    return Order(command, agent, "key", None if seen is None else frozenset({seen}))


def done(post: Post, command: Command, agent: str = "ann", now_us: int = 0) -> Post:
    decision = decide(post, an_order(command, agent), now_us)
    assert isinstance(decision, Done)
    return decision.post


def test_a_claim_holds_the_item_for_the_lease_and_no_longer() -> None:
    claimed = done(an_item(), Claim(LEASE_US))
    assert (claimed.state, claimed.owner, claimed.version) == (State.CLAIMED, "ann", 2)
    assert decide(claimed, an_order(Claim(LEASE_US), "ben"), LEASE_US - 1) == Held("ann", LEASE_US)
    assert done(claimed, Claim(LEASE_US), "ben", LEASE_US).owner == "ben"


def test_the_holder_is_told_before_the_version() -> None:
    claimed = done(an_item(), Claim(LEASE_US))
    assert decide(claimed, an_order(Claim(LEASE_US), "ben", seen=1), 0) == Held("ann", LEASE_US)
    assert decide(claimed, an_order(Resolve(), "ann", seen=1), 0) == Stale(2)


def test_the_holder_may_renew_and_release() -> None:
    claimed = done(an_item(), Claim(LEASE_US))
    assert done(claimed, Claim(LEASE_US), now_us=5).lease_until_us == LEASE_US + 5
    released = done(claimed, Release())
    assert (released.state, released.owner, released.lease_until_us) == (State.NEW, None, None)


def test_every_command_raises_the_version_and_does_its_work() -> None:
    item = an_item()
    assert done(item, Resolve()).state == State.RESOLVED
    assert done(item, Assign("ben", LEASE_US)).owner == "ben"
    asleep = done(item, Snooze(99))
    assert (asleep.state, asleep.snoozed_until_us, asleep.version) == (State.SNOOZED, 99, 2)
    assert done(item, Note("call back")) == replace(item, version=2)


def test_a_corrected_label_moves_the_item_and_ends_doubt() -> None:
    unsure = replace(an_item(), unsure=True, department="triage")
    decision = decide(unsure, an_order(Relabel(department="billing")), 0)
    assert isinstance(decision, Done)
    assert (decision.post.department, decision.post.unsure, decision.post.labelled_by) == ("billing", False, "ann")
    assert decision.post.intent == unsure.intent
    assert decision.detail == {"department": "triage → billing"}


def test_run_out_leases_and_snoozes_return_the_item() -> None:
    claimed = done(an_item(), Claim(LEASE_US))
    assert lapse(claimed, LEASE_US - 1) is None
    back = lapse(claimed, LEASE_US)
    assert back is not None
    assert (back.post.state, back.post.version, back.action) == (State.NEW, 3, "lease_expired")
    woken = lapse(done(an_item(), Snooze(99)), 99)
    assert woken is not None
    assert woken.action == "woken"
    assert lapse(an_item(), LEASE_US) is None
