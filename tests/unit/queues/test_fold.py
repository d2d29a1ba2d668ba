from datetime import timedelta

from hypothesis import example, given

from services.queues.core.event import change_of
from services.queues.core.fold import Fold, complaint
from services.queues.core.post import Item, Post, item_name, item_of
from shared.contracts.activity import ClassifiedActivity, Direction, Surface, Verb
from tests.builders import NOON, a_classification, an_activity, classified
from tests.unit.queues.histories import HISTORIES, Expected, Step, activity_of, naive


def folded(*activities: ClassifiedActivity) -> Fold:
    fold = Fold([], [])
    for activity in activities:
        fold.apply(activity, 0)
    return fold


def items(fold: Fold) -> dict[str, Item]:
    return {after.id: item_of(after) for _, after in fold.changes() if after.state is not None}


def seen(post: Post) -> Expected:
    return Expected(post.text, post.department, post.occurred_at_us, post.state or "")


def a_post(verb: Verb = Verb.CREATE, minute: int = 0, text: str = "it rains in", **more: object) -> ClassifiedActivity:
    at = NOON + timedelta(minutes=minute)
    return classified(an_activity("web:1", verb=verb, occurred_at=at, text=text))


@given(HISTORIES)
@example([Step("web:p1", Verb.UPDATE, 3), Step("web:p1", Verb.DELETE, 1), Step("web:p1", Verb.CREATE, 0)])
@example([Step("web:p1", Verb.DELETE, 2), Step("web:p1", Verb.CREATE, 2), Step("web:p1", Verb.UPDATE, 2)])
def test_any_order_of_arrival_leaves_what_the_newest_versions_say(steps: list[Step]) -> None:
    fold = folded(*map(activity_of, steps))
    found = {after.id: seen(after) for _, after in fold.changes() if after.state is not None}
    assert found == naive(steps)


@given(HISTORIES)
def test_a_history_heard_again_changes_nothing(steps: list[Step]) -> None:
    fold = folded(*map(activity_of, steps))
    before = [after for _, after in fold.changes()]
    lines = len(fold.history)
    for step in steps:
        fold.apply(activity_of(step), 1)
    assert [after for _, after in fold.changes()] == before
    assert len(fold.history) == lines


def test_an_inbound_and_an_ambient_post_become_items_and_an_outbound_one_does_not() -> None:
    posts = [
        classified(an_activity(f"web:{direction}", direction=direction))
        for direction in (Direction.INBOUND, Direction.AMBIENT, Direction.OUTBOUND)
    ]
    assert set(items(folded(*posts))) == {"web:inbound", "web:ambient"}


def test_an_item_starts_at_version_one_and_an_edit_makes_it_two() -> None:
    assert items(folded(a_post()))["web:1"].version == 1
    edited = items(folded(a_post(), a_post(Verb.UPDATE, 1, "it pours in")))["web:1"]
    assert (edited.version, edited.text, edited.occurred_at) == (2, "it pours in", NOON)


def test_a_delete_that_arrives_first_leaves_nothing() -> None:
    fold = folded(a_post(Verb.DELETE, 5), a_post())
    assert items(fold) == {}
    assert all(change_of(before, after) is None for before, after in fold.changes())


def test_a_deleted_post_keeps_no_text() -> None:
    ((_, left),) = folded(a_post(), a_post(Verb.DELETE, 1)).changes()
    assert (left.text, left.actor, left.url, left.state) == ("", "{}", None, None)


def test_an_unsure_post_goes_to_triage_and_keeps_the_best_guess() -> None:
    unsure = classified(an_activity(), a_classification("billing", "refund", unsure=True))
    item = items(folded(unsure))["web:1"]
    assert (item.department, item.intent, item.unsure) == ("triage", "refund", True)
    assert (item.suggested_department, item.suggested_intent) == ("billing", "refund")


def a_response(verb: Verb = Verb.CREATE, minute: int = 1) -> ClassifiedActivity:
    at = NOON + timedelta(minutes=minute)
    return classified(
        an_activity("web:2", verb=verb, direction=Direction.OUTBOUND, in_reply_to="web:1", occurred_at=at)
    )


def test_our_response_answers_the_item_whichever_comes_first() -> None:
    for order in ((a_post(), a_response()), (a_response(), a_post())):
        assert items(folded(*order))["web:1"].state == "answered"


def test_a_deleted_response_opens_the_item_again() -> None:
    fold = folded(a_post(), a_response(), a_response(Verb.DELETE, 2))
    assert items(fold)["web:1"].state == "new"
    assert [line.action for line in fold.history] == ["answered", "response_removed"]


def test_nul_characters_are_replaced_for_databases_that_hold_none() -> None:
    assert items(folded(a_post(text="a\x00b")))["web:1"].text == "a\ufffdb"


def test_what_cannot_be_folded_is_named() -> None:
    like = an_activity(verb=Verb.LIKE)
    assert complaint(ClassifiedActivity(**like.model_dump())) is not None
    bare = ClassifiedActivity(**an_activity().model_dump())
    assert (complaint(bare) or ("",))[0] == "classification"
    huge = ClassifiedActivity(**an_activity(version=2**62).model_dump(), classification=a_classification())
    assert (complaint(huge) or ("",))[0] == "version"
    assert complaint(a_post()) is None


def test_an_item_name_is_url_safe_and_always_the_same() -> None:
    assert item_name("web:1") == item_name("web:1") != item_name("web:2")
    assert item_name("bluesky:at://did/ü?&#").isalnum()
    assert item_of(folded(a_post()).changes()[0][1]).surface is Surface.PUBLIC
