import pytest

from services.classify.core.decide import decide
from services.classify.core.labels import DEPARTMENTS, INTENTS, SENTIMENTS, TAXONOMY
from services.classify.core.ports import NOTHING_SAID, Scores
from tests.unit.classify.fakes import shares, some_heads


def scores(department: float, intent: float) -> Scores:
    return Scores(
        shares(DEPARTMENTS, "billing", department),
        shares(INTENTS, "praise", intent),
        shares(SENTIMENTS, "neutral", 0.4),
    )


def test_the_most_probable_label_of_each_head_is_chosen() -> None:
    found = decide(scores(0.9, 0.8), some_heads(), "m")
    assert (found.model, found.department.label, found.intent.label, found.sentiment.label) == (
        "m", "billing", "praise", "neutral",
    )  # fmt: skip
    assert found.department.probability == 0.9
    assert found.unsure is False


@pytest.mark.parametrize(("department", "intent"), [(0.49, 0.9), (0.9, 0.49), (0.2, 0.2)])
def test_a_post_is_unsure_when_department_or_intent_is_below_its_threshold(department: float, intent: float) -> None:
    assert decide(scores(department, intent), some_heads(0.5), "m").unsure is True


def test_a_post_at_its_threshold_is_sure() -> None:
    assert decide(scores(0.5, 0.5), some_heads(0.5), "m").unsure is False


def test_a_text_without_words_is_unsure_chatter_with_the_probability_of_a_guess() -> None:
    found = decide(NOTHING_SAID, some_heads(0.0), "m")
    assert (found.department.label, found.intent.label, found.sentiment.label) == ("none", "chatter", "neutral")
    assert found.department.probability == pytest.approx(1 / 9, abs=1e-4)
    assert found.unsure is True


def test_the_taxonomy_is_the_label_guides() -> None:
    assert {head: len(labels) for head, labels in TAXONOMY.items()} == {"department": 9, "intent": 11, "sentiment": 3}
