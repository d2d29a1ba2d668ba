"""How good probabilities and labels are: precision, recall, F1, confusion, calibration, Brier score, intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

BINS: Final = 10
RESAMPLES: Final = 1_000
SEED: Final = 7


@dataclass(frozen=True)
class Answers:
    """For one head: the right label of each text, and the probabilities of all labels."""

    labels: Sequence[str]
    right: Indices
    probabilities: Floats

    @property
    def given(self) -> Indices:
        """The most probable label of each text."""
        best: Indices = self.probabilities.argmax(axis=1)
        return best


def accuracy(right: Indices, given: Indices) -> float:
    """Return the share of right labels."""
    return float((right == given).mean())


def mean_recall(right: Indices, given: Indices) -> float:
    """Return recall averaged over the labels that occur."""
    return float(np.mean([(given[right == label] == label).mean() for label in np.unique(right)]))


def interval(right: Indices, given: Indices, *, of_recall: bool) -> list[float]:
    """Return the 95 % interval of accuracy or mean recall, from texts drawn again with replacement."""
    rng = np.random.default_rng(SEED)
    measure = mean_recall if of_recall else accuracy
    drawn = rng.integers(0, len(right), size=(RESAMPLES, len(right)))
    found = [measure(right[each], given[each]) for each in drawn]
    return [round(float(each), 3) for each in np.percentile(found, [2.5, 97.5])]


def reliability(answers: Answers) -> list[dict[str, float]]:
    """Return per tenth of stated probability: how many texts, the mean probability, and how many were right."""
    stated, hit = answers.probabilities.max(axis=1), answers.given == answers.right
    bins = np.minimum((stated * BINS).astype(int), BINS - 1)
    return [
        {
            "texts": int((bins == each).sum()),
            "stated": round(float(stated[bins == each].mean()), 3),
            "right": round(float(hit[bins == each].mean()), 3),
        }
        for each in np.unique(bins)
    ]


def calibration_error(answers: Answers) -> float:
    """Return the expected calibration error over tenths of stated probability."""
    tenths = reliability(answers)
    off = sum(each["texts"] * abs(each["stated"] - each["right"]) for each in tenths)
    return off / len(answers.right)


def brier(answers: Answers) -> float:
    """Return the squared distance of probabilities from the truth, summed over labels and averaged over texts."""
    truth = np.eye(len(answers.labels))[answers.right]
    return float(((answers.probabilities - truth) ** 2).sum(axis=1).mean())


def per_label(answers: Answers) -> dict[str, dict[str, float]]:
    """Return precision, recall, F1 and the number of texts of each label."""
    found = {}
    for index, label in enumerate(answers.labels):
        is_right, is_given = answers.right == index, answers.given == index
        both = int((is_right & is_given).sum())
        precision, recall = both / max(1, int(is_given.sum())), both / max(1, int(is_right.sum()))
        found[label] = {
            "texts": int(is_right.sum()),
            "precision": round(precision, 3),
            "recall": round(recall, 3),
            "f1": round(2 * precision * recall / (precision + recall), 3) if both else 0.0,
        }
    return found


def confusion(answers: Answers) -> list[list[int]]:
    """Return counts [right label][given label]."""
    counts = np.zeros((len(answers.labels), len(answers.labels)), dtype=int)
    np.add.at(counts, (answers.right, answers.given), 1)
    table: list[list[int]] = counts.tolist()
    return table


def short(answers: Answers) -> dict[str, Any]:
    """Return what one line of a table holds."""
    right, given = answers.right, answers.given
    return {
        "texts": len(right),
        "accuracy": round(accuracy(right, given), 3),
        "mean_recall": round(mean_recall(right, given), 3),
    }


def detailed(answers: Answers) -> dict[str, Any]:
    """Return everything that is measured of one head."""
    right, given = answers.right, answers.given
    return short(answers) | {
        "accuracy_interval": interval(right, given, of_recall=False),
        "mean_recall_interval": interval(right, given, of_recall=True),
        "calibration_error": round(calibration_error(answers), 3),
        "brier": round(brier(answers), 3),
        "labels": per_label(answers),
        "confusion": confusion(answers),
        "reliability": reliability(answers),
    }
