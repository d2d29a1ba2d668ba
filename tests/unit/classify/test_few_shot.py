"""Labels with known means on random vectors: what can be learnt is learnt, what is told of it is true."""

import numpy as np
import pytest

from services.classify.model.encoder import Vectors
from services.classify.model.few_shot import Indices, fit, threshold
from services.classify.model.heads import logits, softmax

WIDTH, LABELS = 32, 4


def clouds(per_label: int, spread: float, seed: int = 5) -> tuple[Vectors, Indices]:
    rng = np.random.default_rng(seed)
    means = np.random.default_rng(1).normal(size=(LABELS, WIDTH))
    labels = np.repeat(np.arange(LABELS), per_label)
    return (means[labels] + spread * rng.normal(size=(len(labels), WIDTH))).astype(np.float32), labels


def test_labels_that_lie_apart_are_told_apart_from_a_handful_of_examples() -> None:
    vectors, labels = clouds(5, 0.8)
    head = fit(vectors, labels, LABELS)
    unseen, right = clouds(200, 0.8, seed=6)
    assert (logits(unseen, head.weights).argmax(axis=1) == right).mean() > 0.95


def test_cross_validation_foretells_accuracy_and_probability_on_unseen_texts() -> None:
    vectors, labels = clouds(60, 2.6)
    head = fit(vectors, labels, LABELS)
    unseen, right = clouds(2_000, 2.6, seed=6)
    probabilities = softmax(logits(unseen, head.weights), head.temperature)
    found = (probabilities.argmax(axis=1) == right).mean()
    assert (head.held_out.argmax(axis=1) == labels).mean() == pytest.approx(found, abs=0.08)
    assert probabilities.max(axis=1).mean() == pytest.approx(found, abs=0.08)


def test_a_label_with_a_single_example_gets_a_place_of_its_own() -> None:
    vectors, labels = clouds(1, 0.1)
    head = fit(vectors, labels, LABELS)
    assert (logits(vectors, head.weights).argmax(axis=1) == labels).all()


def test_the_threshold_is_the_lowest_that_keeps_the_wanted_precision() -> None:
    stated = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8], [0.3, 0.7]])
    labels = np.array([0, 0, 1, 0, 1, 1])
    assert threshold(stated, labels, 1.0) == 0.61
    assert threshold(stated, labels, 0.5) == 0.0


def test_where_no_threshold_keeps_the_precision_nothing_is_sure() -> None:
    assert threshold(np.array([[0.4, 0.6], [0.6, 0.4]]), np.array([0, 1]), 0.9) == 1.0
