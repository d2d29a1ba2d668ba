"""Chooses the thresholds of department and intent together: below either a post is unsure and goes to triage."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from services.classify.training.measures import Answers

WANTED_PRECISIONS: Final = (0.8, 0.85, 0.9, 0.95)
"""How often department and intent of a sure post shall each be right; an operator picks one, by default the last."""
GRID: Final = np.round(np.arange(0.0, 1.0, 0.01), 2)
Right = npt.NDArray[np.bool_]
Stated = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sureness:
    """Two thresholds and what the tuning posts say of them: both precisions and the share that is sure."""

    department: float
    intent: float
    department_precision: float
    intent_precision: float
    coverage: float


def _stated_and_right(answers: Answers) -> tuple[Stated, Right]:
    return answers.probabilities.max(axis=1), answers.given == answers.right


def choose(department: Answers, intent: Answers, *, wanted: float) -> Sureness:
    """Return the pair under which most posts are sure while both heads keep `wanted`; answers are of the same posts.

    Where no pair keeps it, nothing is sure: both thresholds are 1.
    """
    by_department, department_right = _stated_and_right(department)
    by_intent, intent_right = _stated_and_right(intent)
    best = Sureness(1.0, 1.0, 0.0, 0.0, 0.0)
    for first in GRID:
        passed = by_department >= first
        for second in GRID:
            sure = passed & (by_intent >= second)
            number = int(sure.sum())
            if number == 0 or round(number / len(sure), 3) <= best.coverage:
                break  # a higher threshold covers no more
            precisions = float(department_right[sure].mean()), float(intent_right[sure].mean())
            if min(precisions) >= wanted:
                found = (round(each, 3) for each in (*precisions, number / len(sure)))
                best = Sureness(float(first), float(second), *found)
                break
    return best
