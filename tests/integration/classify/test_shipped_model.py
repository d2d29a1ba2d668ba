"""The shipped artefact on ONNX Runtime: determinism (invariant 7), hostile texts, no torch, sensible labels."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.classify.core.decide import decide
from services.classify.core.ports import NOTHING_SAID
from services.classify.model.encoder import Vectors
from services.classify.model.linear_scorer import LinearScorer
from services.classify.model.onnx_scorer import open_onnx_scorer
from services.classify.settings import SHIPPED_ARTEFACT
from services.classify.training.datasets import read_own_posts

ROOT = Path(__file__).resolve().parents[3]
OWN_TEXTS = [each.text for each in read_own_posts()]


def fresh_scorer(threads: int = 0) -> LinearScorer:
    """Without memory, so that every call really computes."""
    return open_onnx_scorer(SHIPPED_ARTEFACT, threads=threads, remembered_texts=0)


SCORER = fresh_scorer()


def test_invariant_7_same_text_and_model_same_classification_whatever_the_batch() -> None:
    texts = OWN_TEXTS[:150]
    together = SCORER.score(texts)
    alone = [SCORER.score([text])[0] for text in texts]
    backwards = SCORER.score(texts[::-1])[::-1]
    assert alone == together == backwards


def test_the_number_of_threads_does_not_change_a_score() -> None:
    texts = OWN_TEXTS[150:250]
    assert fresh_scorer(1).score(texts) == fresh_scorer(2).score(texts)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(st.characters(), max_size=300), min_size=1, max_size=12))
def test_any_text_gets_probabilities_and_the_same_ones_alone(texts: list[str]) -> None:
    together = SCORER.score(texts)
    assert [SCORER.score([text])[0] for text in texts] == list(together)
    for scores in together:
        if scores != NOTHING_SAID:
            heads = (scores.department, scores.intent, scores.sentiment)
            assert [len(each) for each in heads] == [9, 11, 3]
            assert all(abs(sum(each) - 1) < 0.002 for each in heads)


@pytest.mark.parametrize("text", ["", "   ", "\x00", "\u200b\u200f", "\ud83d"])
def test_a_text_without_words_is_honestly_unsure(text: str) -> None:
    found = decide(SCORER.score([text])[0], SCORER.heads, SCORER.model)
    assert found.unsure is True
    assert found.department.probability < 0.2


def test_handle_link_and_letter_case_do_not_change_the_labels() -> None:
    one, two = SCORER.score(
        [
            "@shopella my parcel is late, see https://example.org/1",
            "@Other.Brand MY PARCEL IS LATE, see http://x.example/2",
        ]
    )
    assert one == two


def test_identical_texts_are_scored_once() -> None:
    asked: list[int] = []

    class CountingEncoder:
        def vectors(self, texts: Sequence[str]) -> Vectors:
            asked.append(len(texts))
            return SCORER.encoder.vectors(texts)

    scorer = open_onnx_scorer(SHIPPED_ARTEFACT, threads=1, remembered_texts=2)
    scorer.encoder = CountingEncoder()
    found = scorer.score(["It is LATE", "it is late", "@a hello", "@b hello", ""])
    assert asked == [2]
    assert found[0] == found[1]
    scorer.score(["it is late"])
    assert asked == [2]
    scorer.score(["one", "two", "three"])
    scorer.score(["it is late"])
    assert asked == [2, 3, 1]


@pytest.mark.parametrize(
    ("text", "head", "label"),
    [
        ("you charged my card twice for one ticket, I want my refund", "department", "billing"),
        ("the vpn drops every ten minutes, can someone from IT look at my laptop", "department", "it"),
        ("please approve my vacation days for next week", "department", "people"),
        ("the app crashes every time I open it since the update", "intent", "outage"),
        ("I am cancelling my contract and moving to your competitor", "intent", "cancellation"),
        ("please add a dark mode, that would be great", "intent", "suggestion"),
        ("thank you so much, great service!", "sentiment", "positive"),
        ("worst service ever, I am furious", "sentiment", "negative"),
    ],
)
def test_plain_texts_get_the_label_anybody_would_give(text: str, head: str, label: str) -> None:
    found = decide(SCORER.score([text])[0], SCORER.heads, SCORER.model)
    assert getattr(found, head).label == label


def test_serving_imports_neither_torch_nor_scikit_learn() -> None:
    code = (
        "import sys; from services.classify import app; from services.classify.settings import ClassifySettings;"
        "scorer = app.open_scorer(ClassifySettings()); scorer.score(['hello']);"
        "heavy = {'torch', 'sklearn', 'scipy', 'transformers', 'sentence_transformers', 'onnx'} & set(sys.modules);"
        "print(sorted(heavy))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert answer.stdout.strip() == "[]"
