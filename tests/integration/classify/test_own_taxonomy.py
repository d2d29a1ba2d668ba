"""An own taxonomy on the shipped encoder: added labels, kept ones, replaced lists, doubts, versions."""

import numpy as np
import pytest

from services.classify.core.decide import decide
from services.classify.core.labels import DEPARTMENTS
from services.classify.model.linear_scorer import LinearScorer
from services.classify.model.onnx_scorer import open_onnx_scorer
from services.classify.model.own_taxonomy import with_taxonomy
from services.classify.settings import SHIPPED_ARTEFACT
from services.classify.training.datasets import read_own_posts
from shared.contracts.configuration import LabelDefinition, Taxonomy

SHIPPED = open_onnx_scorer(SHIPPED_ARTEFACT, threads=0, remembered_texts=0)
FACILITIES = LabelDefinition(
    name="facilities",
    description="Buildings: heating, cleaning, parking, lifts, keys and canteen.",
    examples=(
        "the lift in building two is stuck again", "no parking space left in the garage this morning",
        "the heating on the third floor is off, it is freezing", "who can open the back door, my badge does not work",
        "canteen ran out of food before noon", "the bathroom on level one needs cleaning",
        "lights in the corridor keep flickering", "water is dripping from the ceiling near the kitchen",
    ),
)  # fmt: skip
GREET = LabelDefinition(
    name="greet", description="Says hello.", examples=("hello there", "hi all", "good morning team")
)
PART = LabelDefinition(
    name="part", description="Says goodbye.", examples=("bye for now", "see you later", "good night")
)
ADDED = with_taxonomy(SHIPPED, Taxonomy(departments=(FACILITIES,))).scorer


def labels(scorer: LinearScorer, *texts: str) -> list[str]:
    return [decide(each, scorer.heads, scorer.model).department.label for each in scorer.score(texts)]


def test_an_added_department_gets_its_posts_and_leaves_the_others_theirs() -> None:
    assert ADDED.heads.department.labels == (*DEPARTMENTS, "facilities")
    unseen = ("the elevator does not work and the garage gate is broken", "parking lot is full and the lift is stuck")
    assert labels(ADDED, *unseen) == ["facilities", "facilities"]
    posts = [each for each in read_own_posts() if each.label("department") not in ("it", "people")][::12]
    texts = [each.text for each in posts]
    before, after = labels(SHIPPED, *texts), labels(ADDED, *texts)
    assert np.mean([one == other for one, other in zip(before, after, strict=True)]) > 0.97


def test_intents_and_sentiment_stay_as_they_were_when_departments_change() -> None:
    texts = [each.text for each in read_own_posts()[:40]]
    for one, other in zip(SHIPPED.score(texts), ADDED.score(texts), strict=True):
        assert (one.intent, one.sentiment) == (other.intent, other.sentiment)


def test_a_replaced_list_knows_its_own_labels_alone() -> None:
    own = with_taxonomy(SHIPPED, Taxonomy(departments=(GREET, PART), replace_departments=True)).scorer
    assert own.heads.department.labels == ("greet", "part")
    assert labels(own, "good morning everyone", "goodbye, see you tomorrow") == ["greet", "part"]


def test_invariant_7_another_taxonomy_is_another_model_version_and_the_same_one_the_same() -> None:
    one = with_taxonomy(SHIPPED, Taxonomy(departments=(GREET, PART), replace_departments=True)).scorer
    again = with_taxonomy(SHIPPED, Taxonomy(departments=(GREET, PART), replace_departments=True)).scorer
    other = with_taxonomy(SHIPPED, Taxonomy(departments=(PART, GREET), replace_departments=True)).scorer
    assert one.model == again.model
    assert len({SHIPPED.model, one.model, other.model}) == 3
    texts = [each.text for each in read_own_posts()[:60]]
    together = one.score(texts)
    assert [one.score([text])[0] for text in texts] == list(together) == list(again.score(texts[::-1]))[::-1]


def test_contradictory_and_too_few_examples_are_told_in_the_card() -> None:
    late = LabelDefinition(
        name="late", description="Parcel is late.",
        examples=("where is my parcel", "my parcel is late", "parcel still not here", "the parcel did not come",
                  "my delivery is late", "I want to return these shoes"),
    )  # fmt: skip
    back = LabelDefinition(
        name="back", description="Wants to send a thing back.",
        examples=("how do I return this dress", "I want to return these trousers", "return label please",
                  "I want to send these shoes back", "I want to return this shirt", "where is my parcel"),
    )  # fmt: skip
    found = with_taxonomy(SHIPPED, Taxonomy(intents=(late, back, GREET), replace_intents=True))
    told = [str(each) for each in found.findings]
    assert "intent greet: 3 examples; give 5 to 50 that differ" in told
    assert "intent late: has an example of back too: 'where is my parcel'" in told
    assert any("'i want to return these shoes'" in each and each.startswith("intent late") for each in told)
    assert found.scorer.card["taxonomy"]["findings"] == told
    assert found.scorer.card["model"] == found.scorer.model


def test_no_taxonomy_changes_nothing() -> None:
    assert with_taxonomy(SHIPPED, Taxonomy()).scorer is SHIPPED


@pytest.mark.parametrize(
    "text", ["danke schön für nichts", "🔥🔥🔥", "lorem ipsum " * 900, "x" * 10_000, "я жду заказ"]
)
def test_texts_the_model_cannot_judge_are_unsure_with_little_probability(text: str) -> None:
    for scorer in (SHIPPED, ADDED):
        found = decide(scorer.score([text])[0], scorer.heads, scorer.model)
        assert found.unsure is True
        assert found.department.probability < 0.6
