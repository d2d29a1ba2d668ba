"""Every metric of design.md section 7 on small histories whose figures were worked out by hand."""

from datetime import timedelta

import pytest

from services.metrics.core.query import Bucket
from shared.contracts.activity import Activity, Direction, Surface, Verb
from tests.builders import NOON, a_classification, an_activity, classified
from tests.integration.metrics.store import Store, unclassified


def ours(id: str, *, minutes: float = 0, to: str | None = None, department: str = "marketing") -> Activity:  # noqa: A002
    at = NOON + timedelta(minutes=minutes)
    return an_activity(
        id, direction=Direction.OUTBOUND, actor="acme", occurred_at=at, in_reply_to=to, department=department
    )


def reaction(id: str, verb: Verb, actor: str = "ann") -> Activity:  # noqa: A002
    return an_activity(id, verb=verb, actor=actor, object_id="web:push", department="marketing")


def test_engagement_is_the_sum_of_its_kinds_and_the_rates_are_per_push(store: Store) -> None:
    store.hear(
        classified(ours("web:push")),
        classified(ours("web:push2")),
        classified(an_activity("web:reply", in_reply_to="web:push", quotes="web:push", actor="ann")),
        classified(an_activity("web:mention", actor="bob")),
        classified(an_activity("web:quote", quotes="web:push", actor="bob")),
        *(unclassified(reaction(f"web:like{number}", Verb.LIKE, f"liker{number}")) for number in range(4)),
        unclassified(reaction("web:announce", Verb.ANNOUNCE)),
        unclassified(reaction("web:follow", Verb.FOLLOW, "cleo")),
    )
    total = store.total()
    kinds = ("push", "replies", "mentions", "quotes", "announces", "likes", "follows", "engagement", "people")
    assert [total[name] for name in kinds] == [2, 1, 1, 1, 1, 4, 1, 9, 7]
    rates = ("engagement_per_push", "conversation_rate", "amplification_rate", "applause_rate", "conversation_share")
    assert [total[name] for name in rates] == [4.5, 0.5, 0.5, 2.0, 0.0]


def test_a_ratio_without_a_denominator_is_null(store: Store) -> None:
    store.hear(unclassified(reaction("web:like", Verb.LIKE)))
    total = store.total()
    nulls = (
        "engagement_per_push", "conversation_rate", "amplification_rate", "applause_rate", "conversation_share",
        "response_rate", "first_response_seconds_p50", "first_response_seconds_p90", "net_sentiment",
    )  # fmt: skip
    assert {name: total[name] for name in nulls} == dict.fromkeys(nulls)


def test_responses_count_against_push_and_replies_to_ourselves_count_as_neither(store: Store) -> None:
    store.hear(
        classified(ours("web:push")),
        classified(ours("web:thread", minutes=1, to="web:push")),
        classified(ours("web:answer", minutes=2, to="web:unknown")),
        classified(ours("web:answer2", minutes=3, to="web:asked")),
        classified(ours("web:answer3", minutes=3, to="web:asked")),
        classified(an_activity("web:asked")),
    )
    total = store.total()
    assert [total[name] for name in ("push", "responses", "own_replies")] == [1, 3, 1]
    assert total["conversation_share"] == 0.75


def test_a_response_to_a_post_deleted_later_stays_a_response(store: Store) -> None:
    store.hear(classified(an_activity("web:asked")), classified(ours("web:answer", minutes=1, to="web:asked")))
    store.hear(classified(an_activity("web:asked", verb=Verb.DELETE, occurred_at=NOON + timedelta(minutes=5))))
    total = store.total()
    assert [total[name] for name in ("responses", "inbound_posts", "answered", "replies")] == [1, 0, 0, 0]


def test_a_reply_to_our_own_post_deleted_later_stays_a_reply_to_ourselves(store: Store) -> None:
    store.hear(classified(ours("web:push")), classified(ours("web:thread", minutes=1, to="web:push")))
    gone = an_activity(
        "web:push", verb=Verb.DELETE, direction=Direction.OUTBOUND, occurred_at=NOON + timedelta(minutes=5)
    )
    store.hear(classified(gone))
    assert [store.total()[name] for name in ("push", "responses", "own_replies")] == [0, 0, 1]


def test_response_times_are_those_of_the_first_response_of_each_answered_post(store: Store) -> None:
    waits = {"a": 1, "b": 2, "c": 4, "d": 13}
    store.hear(*(classified(an_activity(f"web:{name}")) for name in (*waits, "unanswered")))
    store.hear(*(classified(ours(f"web:r{name}", minutes=wait, to=f"web:{name}")) for name, wait in waits.items()))
    store.hear(classified(ours("web:late", minutes=600, to="web:a")))
    total = store.total()
    assert [total[name] for name in ("inbound_posts", "answered", "response_rate")] == [5, 4, 0.8]
    # Sorted waits 60, 120, 240, 780 s: the median lies between 120 and 240, p90 at 2.7 of 3 steps.
    assert total["first_response_seconds_p50"] == 180
    assert total["first_response_seconds_p90"] == pytest.approx(240 + 0.7 * 540)


def test_a_deleted_response_answers_nothing_and_the_next_one_becomes_the_first(store: Store) -> None:
    store.hear(classified(an_activity("web:q")))
    store.hear(classified(ours("web:r1", minutes=1, to="web:q")), classified(ours("web:r2", minutes=2, to="web:q")))
    removal = {"verb": Verb.DELETE, "direction": Direction.OUTBOUND, "occurred_at": NOON + timedelta(hours=1)}
    assert store.total()["first_response_seconds_p50"] == 60
    store.hear(classified(an_activity("web:r1", **removal)))  # type: ignore[arg-type]  # a mixed bag of arguments
    assert store.total()["first_response_seconds_p50"] == 120
    store.hear(classified(an_activity("web:r2", **removal)))  # type: ignore[arg-type]
    total = store.total()
    assert (total["answered"], total["responses"], total["first_response_seconds_p50"]) == (0, 0, None)


def test_a_response_dated_before_its_post_took_no_time(store: Store) -> None:
    store.hear(classified(an_activity("web:q")), classified(ours("web:r", minutes=-3, to="web:q")))
    assert store.total()["first_response_seconds_p50"] == 0


def test_sentiment_is_counted_over_inbound_posts_only(store: Store) -> None:
    moods = ["negative", "negative", "neutral", "positive"]
    store.hear(
        *(classified(an_activity(f"web:{n}"), a_classification(sentiment=mood)) for n, mood in enumerate(moods)),
        classified(ours("web:push"), a_classification(sentiment="positive")),
    )
    total = store.total()
    assert [total[name] for name in ("negative", "neutral", "positive", "net_sentiment")] == [2, 1, 1, -0.25]


def test_misrouted_needs_both_departments_known(store: Store) -> None:
    store.hear(
        classified(an_activity("web:1", department="support"), a_classification("billing")),
        classified(an_activity("web:2", department="support"), a_classification("support")),
        classified(an_activity("web:3", department="support"), a_classification("billing", unsure=True)),
        classified(an_activity("web:4", department=None), a_classification("billing")),
    )
    assert store.total()["misrouted"] == 1
    rows = store.series(["department", "owner_department"])
    assert [(row["department"], row["owner_department"], row["misrouted"]) for row in rows] == [
        ("billing", None, 0), ("billing", "support", 1), ("support", "support", 0), ("triage", "support", 0),
    ]  # fmt: skip


def test_an_edit_changes_the_labels_but_never_the_bucket(store: Store) -> None:
    edit = an_activity("web:1", verb=Verb.UPDATE, occurred_at=NOON + timedelta(days=2), text="all fine now")
    store.hear(classified(an_activity("web:1"), a_classification("support")))
    store.hear(classified(edit, a_classification("sales", sentiment="positive")))
    rows = store.series(["department"], bucket=Bucket.MINUTE, start=NOON, end=NOON + timedelta(days=3))
    assert [(row["bucket"], row["department"], row["negative"], row["positive"]) for row in rows] == [
        ("2026-11-23T12:00:00Z", "sales", 0, 1)
    ]


def test_what_is_deleted_before_it_is_made_leaves_nothing(store: Store) -> None:
    store.hear(classified(an_activity("web:1", verb=Verb.DELETE, occurred_at=NOON + timedelta(minutes=1))))
    store.hear(classified(an_activity("web:1")))
    assert store.series() == []


def test_a_like_taken_back_and_given_again_counts_once(store: Store) -> None:
    like = unclassified(reaction("web:like", Verb.LIKE).model_copy(update={"version": 1}))
    undo = unclassified(reaction("web:like", Verb.UNDO).model_copy(update={"version": 2}))
    again = unclassified(reaction("web:like", Verb.LIKE).model_copy(update={"version": 3}))
    store.hear(like, undo)
    assert store.series() == []
    store.hear(again, undo, like)
    assert store.total()["likes"] == 1


def test_what_is_not_engagement_is_still_visible(store: Store) -> None:
    store.hear(
        classified(an_activity("web:1", direction=Direction.AMBIENT, account=None, department=None)),
        unclassified(an_activity("web:2", verb=Verb.LIKE, direction=Direction.OUTBOUND, actor="acme")),
    )
    total = store.total()
    assert [total[name] for name in ("ambient_posts", "outbound_reactions", "engagement", "people")] == [1, 1, 0, 0]


def test_buckets_start_where_calendars_do(store: Store) -> None:
    sunday = NOON - timedelta(days=1)
    store.hear(classified(an_activity("web:1", occurred_at=sunday)), classified(an_activity("web:2")))
    found = {bucket: [row["bucket"] for row in store.series(bucket=bucket)] for bucket in Bucket}
    assert found == {
        Bucket.MINUTE: ["2026-11-22T12:00:00Z", "2026-11-23T12:00:00Z"],
        Bucket.HOUR: ["2026-11-22T12:00:00Z", "2026-11-23T12:00:00Z"],
        Bucket.DAY: ["2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"],
        Bucket.WEEK: ["2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z"],
        Bucket.MONTH: ["2026-11-01T00:00:00Z"],
    }


def test_a_range_counts_its_first_minute_and_not_its_end(store: Store) -> None:
    store.hear(*(classified(an_activity(f"web:{m}", occurred_at=NOON + timedelta(minutes=m))) for m in range(180)))
    start, end = NOON + timedelta(minutes=30), NOON + timedelta(minutes=150)
    rows = store.series(bucket=Bucket.HOUR, start=start, end=end)
    assert [row["mentions"] for row in rows] == [30, 60, 30]
    assert [row["mentions"] for row in store.series(bucket=Bucket.DAY, start=start, end=end)] == [120]
    assert len(store.series(bucket=Bucket.MINUTE, start=start, end=end)) == 120


def test_internal_posts_count_only_for_who_may_see_them(store: Store) -> None:
    store.hear(
        classified(an_activity("web:1", surface=Surface.INTERNAL)), classified(an_activity("web:2", actor="bob"))
    )
    seen, unseen = store.series(), store.series(internal=False)
    assert [(row["inbound_posts"], row["people"]) for row in (*seen, *unseen)] == [(2, 2), (1, 1)]
    assert store.series(internal=False, filters={"surface": ("internal",)}) == []
    assert [row["surface"] for row in store.series(["surface"], internal=False)] == ["public"]


def test_filters_keep_only_what_is_asked_for(store: Store) -> None:
    store.hear(
        classified(an_activity("web:1"), a_classification("billing")),
        classified(an_activity("web:2"), a_classification("sales")),
        classified(an_activity("mail:3", channel="email", account=None), a_classification("sales")),
    )
    assert store.series(filters={"department": ("sales",)})[0]["inbound_posts"] == 2
    assert store.series(filters={"department": ("sales",), "channel_class": ("legacy",)})[0]["inbound_posts"] == 2
    assert store.series(filters={"department": ("sales", "billing"), "channel": ("web",)})[0]["inbound_posts"] == 2
    assert store.series(filters={"account": ("",)})[0]["inbound_posts"] == 1
    assert store.series(filters={"department": ("it's",)}) == []
