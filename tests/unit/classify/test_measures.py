"""Measures of the model card on answers worked out by hand."""

import numpy as np
import pytest

from services.classify.training.measures import (
    Answers,
    brier,
    calibration_error,
    confusion,
    detailed,
    interval,
    mean_recall,
    per_label,
    reliability,
)

ANSWERS = Answers(
    ("yes", "no"),
    np.array([0, 0, 0, 1]),
    np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]),
)


def test_labels_get_precision_recall_and_f1() -> None:
    found = per_label(ANSWERS)
    assert found["yes"] == {"texts": 3, "precision": 1.0, "recall": 0.667, "f1": 0.8}
    assert found["no"] == {"texts": 1, "precision": 0.5, "recall": 1.0, "f1": 0.667}
    assert confusion(ANSWERS) == [[2, 1], [0, 1]]
    assert mean_recall(ANSWERS.right, ANSWERS.given) == pytest.approx(5 / 6)


def test_a_label_never_given_nor_right_scores_zero() -> None:
    found = per_label(Answers(("a", "b", "c"), np.array([0]), np.array([[0.8, 0.1, 0.1]])))
    assert found["c"] == {"texts": 0, "precision": 0.0, "recall": 0.0, "f1": 0.0}


def test_calibration_compares_what_is_stated_with_what_is_right() -> None:
    assert calibration_error(ANSWERS) == pytest.approx((2 * 0.1 + 0.8 + 0.4) / 4)
    assert [each["texts"] for each in reliability(ANSWERS)] == [1, 1, 2]
    assert sum(each["texts"] for each in reliability(ANSWERS)) == 4


def test_brier_is_the_squared_distance_from_the_truth() -> None:
    assert brier(ANSWERS) == pytest.approx((0.02 + 0.02 + 1.28 + 0.32) / 4)


def test_certain_and_right_is_perfect() -> None:
    answers = Answers(("a", "b"), np.array([0, 1]), np.array([[1.0, 0.0], [0.0, 1.0]]))
    assert (brier(answers), calibration_error(answers)) == (0.0, 0.0)
    assert interval(answers.right, answers.given, of_recall=False) == [1.0, 1.0]


def test_the_interval_holds_the_accuracy_and_is_the_same_every_time() -> None:
    found = detailed(ANSWERS)
    low, high = found["accuracy_interval"]
    assert low < found["accuracy"] < high
    assert detailed(ANSWERS) == found
