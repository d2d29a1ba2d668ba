"""The thresholds of department and intent, chosen together."""

import numpy as np

from services.classify.training.measures import Answers
from services.classify.training.sureness import Sureness, choose


def answers(stated: list[float], right: list[bool]) -> Answers:
    """Return answers of two labels: the first is given with the stated probability."""
    probabilities = np.array([[each, 1 - each] for each in stated])
    return Answers(("a", "b"), np.array([0 if each else 1 for each in right]), probabilities)


def test_most_posts_are_sure_that_keep_both_precisions() -> None:
    department = answers([0.9, 0.9, 0.9, 0.6], [True, True, True, False])
    intent = answers([0.9, 0.8, 0.55, 0.9], [True, True, False, True])
    found = choose(department, intent, wanted=1.0)
    assert found.coverage == 0.5
    assert 0.55 < found.intent <= 0.8
    assert (found.department_precision, found.intent_precision) == (1.0, 1.0)


def test_one_head_may_be_strict_so_that_the_other_need_not_be() -> None:
    department = answers([0.95, 0.6, 0.95, 0.6], [True, False, True, True])
    intent = answers([0.6, 0.6, 0.6, 0.6], [True, True, True, True])
    found = choose(department, intent, wanted=0.99)
    assert found.coverage == 0.5
    assert found.intent <= 0.6 < found.department


def test_where_nothing_keeps_the_precision_nothing_is_sure() -> None:
    never = answers([0.9, 0.8], [False, False])
    assert choose(never, never, wanted=0.5) == Sureness(1.0, 1.0, 0.0, 0.0, 0.0)
