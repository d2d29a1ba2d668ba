"""Invariants 3, 5 and 6: however often, in whatever order and cut, the store says what a fold says."""

import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.metrics.core.query import Bucket
from shared.contracts.activity import Activity, ClassifiedActivity, Direction, Surface, Verb
from tests.builders import NOON, a_classification, an_activity, classified
from tests.integration.metrics.fold import COUNTS, DIMENSIONS, fold
from tests.integration.metrics.store import SeriesRows, Store, unclassified

MEASURED = (*COUNTS, "people", "first_response_seconds_p50", "first_response_seconds_p90")


def as_table(rows: SeriesRows, by: tuple[str, ...]) -> dict[tuple[Any, ...], dict[str, Any]]:
    table = {}
    for row in rows:
        key = (datetime.fromisoformat(row["bucket"]), *(row[name] for name in by))
        assert key not in table, f"two rows of {key}"
        table[key] = {name: row[name] for name in MEASURED}
    return table


def assert_same(store: Store, heard: list[ClassifiedActivity]) -> None:
    for bucket, by in ((Bucket.MINUTE, DIMENSIONS), (Bucket.HOUR, ("department",)), (Bucket.WEEK, ())):
        expected = fold(heard, bucket, by)
        found = as_table(
            store.series(by, bucket=bucket, start=NOON - timedelta(days=7), end=NOON + timedelta(days=7)), by
        )
        assert found.keys() == expected.keys()
        for key, row in expected.items():
            assert found[key] == pytest.approx(row, abs=2e-6), (bucket, key)


def some_post(draw: random.Random, number: int) -> ClassifiedActivity:
    """Return a version of one of few posts; ids decide direction and channel, everything else changes freely."""
    direction = (Direction.INBOUND, Direction.OUTBOUND, Direction.AMBIENT)[number % 7 % 3]
    verb = draw.choice([Verb.CREATE] * 5 + [Verb.UPDATE] * 2 + [Verb.DELETE] * 2)
    activity = an_activity(
        f"web:{number}",
        verb=verb,
        occurred_at=NOON + timedelta(seconds=number * 31 + draw.choice([0, 0, 0, 0.25, 60, 4000])),
        version=draw.choice([1000, 1000, 2000, 3000]),
        direction=direction,
        surface=draw.choice([Surface.PUBLIC, Surface.PUBLIC, Surface.INTERNAL]),
        channel=draw.choice(["web", "bluesky"]) if number % 5 == 0 else "web",
        actor=draw.choice(["ann", "bob", "cleo"]),
        in_reply_to=draw.choice([None, f"web:{draw.randrange(12)}", f"web:{draw.randrange(12)}"]),
        quotes=draw.choice([None, None, "web:1"]),
        account=draw.choice([None, "acme", "acme"]),
        department=draw.choice([None, "support", "billing"]),
    )
    made = a_classification(
        draw.choice(["support", "billing"]), "question", draw.choice(["negative", "neutral", "positive"]),
        unsure=draw.random() < 0.2,
    )  # fmt: skip
    return classified(activity, made)


def some_reaction(draw: random.Random, number: int) -> ClassifiedActivity:
    verb = (Verb.LIKE, Verb.ANNOUNCE, Verb.FOLLOW)[number % 3]
    activity: Activity = an_activity(
        f"web:reaction{number}",
        verb=draw.choice([verb, verb, Verb.UNDO]),
        occurred_at=NOON + timedelta(seconds=number * 40),
        version=draw.choice([1000, 2000, 3000]),
        direction=draw.choice([Direction.INBOUND] * 4 + [Direction.OUTBOUND, Direction.AMBIENT]),
        actor=draw.choice(["ann", "bob", "dan"]),
        object_id="web:2",
    )
    return unclassified(activity)


@pytest.mark.parametrize("seed", range(5))
def test_any_history_in_any_order_and_any_batches_counts_as_a_fold_of_it(store: Store, seed: int) -> None:
    draw = random.Random(seed)
    history = [
        some_post(draw, draw.randrange(12)) if draw.random() < 0.7 else some_reaction(draw, draw.randrange(6))
        for _ in range(90)
    ]
    heard: list[ClassifiedActivity] = []
    while len(heard) < len(history):
        batch = history[len(heard) : len(heard) + draw.choice([1, 3, 20, 40])]
        store.hear(*batch)
        heard += batch
        assert_same(store, heard)
    # A replay from some offset to the end, cut differently, changes nothing.
    replayed = history[draw.randrange(len(history)) :]
    store.hear(*replayed[: len(replayed) // 2])
    store.hear(*replayed[len(replayed) // 2 :])
    assert_same(store, history)


def test_the_order_of_arrival_of_well_formed_versions_does_not_matter(store: Store) -> None:
    post = an_activity("web:p", direction=Direction.OUTBOUND, actor="acme", occurred_at=NOON)
    ask = an_activity("web:q", occurred_at=NOON)
    edit = an_activity("web:q", verb=Verb.UPDATE, occurred_at=NOON + timedelta(hours=2), text="never mind, it arrived")
    answer = an_activity(
        "web:a",
        direction=Direction.OUTBOUND,
        actor="acme",
        in_reply_to="web:q",
        occurred_at=NOON + timedelta(minutes=3),
    )
    gone = an_activity("web:g", verb=Verb.DELETE, occurred_at=NOON + timedelta(minutes=9))
    there = an_activity("web:g", occurred_at=NOON + timedelta(minutes=8))
    heard = [classified(each) for each in (gone, answer, edit, there, ask, post)]
    for each in heard:
        store.hear(each)
    total = store.total()
    assert total["push"] == total["responses"] == total["inbound_posts"] == total["answered"] == 1
    assert total["first_response_seconds_p50"] == 180
    assert_same(store, heard)
