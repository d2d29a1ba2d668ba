"""Two artefacts on the same held-out texts, so that a new one is judged before it replaces the old."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from rich.progress import track

from services.classify.core.labels import HEAD_NAMES
from services.classify.core.ports import Scores
from services.classify.model.linear_scorer import LinearScorer
from services.classify.training.datasets import Example, read_corpus
from services.classify.training.evaluate import answers
from services.classify.training.measures import accuracy, calibration_error, mean_recall

SEED: Final = 7
CERTAIN: Final = 0.05


@dataclass(frozen=True)
class Difference:
    """One head on one part: scores of both, how many labels change, and how likely chance alone does that."""

    part: str
    head: str
    texts: int
    accuracy: tuple[float, float]
    mean_recall: tuple[float, float]
    calibration_error: tuple[float, float]
    changed: int
    p_value: float

    @property
    def verdict(self) -> str:
        """Return better, worse or even, of the second artefact."""
        if self.p_value >= CERTAIN:
            return "even"
        return "better" if self.accuracy[1] > self.accuracy[0] else "worse"


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the exact two-sided p-value of McNemar's test.

    `only_first` texts only the first got right, `only_second` only the second.
    """
    number, fewer = only_first + only_second, min(only_first, only_second)
    tail = sum(math.comb(number, each) for each in range(fewer + 1))
    return min(1.0, float(2 * tail / 2**number))


def difference(
    part: str, head: str, examples: Sequence[Example], one: Sequence[Scores], other: Sequence[Scores]
) -> Difference | None:
    """Return the difference of two artefacts' scores; None where no example has a label for the head."""
    first, second = answers(examples, one, head), answers(examples, other, head)
    if first is None or second is None:
        return None
    right, given, now = first.right, first.given, second.given
    return Difference(
        part=part,
        head=head,
        texts=len(right),
        accuracy=(round(accuracy(right, given), 4), round(accuracy(right, now), 4)),
        mean_recall=(round(mean_recall(right, given), 4), round(mean_recall(right, now), 4)),
        calibration_error=(round(calibration_error(first), 4), round(calibration_error(second), 4)),
        changed=int((given != now).sum()),
        p_value=mcnemar(int(((given == right) & (now != right)).sum()), int(((given != right) & (now == right)).sum())),
    )


def compare(first: LinearScorer, second: LinearScorer, data: Path, *, texts_per_part: int) -> list[Difference]:
    """Return the differences on all held-out parts, the read posts first; a part's first texts where it is long."""
    parts = read_corpus(data, seed=SEED).held_out
    found = []
    for part, examples in track(list(parts.items()), description="held-out parts"):
        some = examples[:texts_per_part]
        if not some:
            continue
        texts = [each.text for each in some]
        one, other = first.score(texts), second.score(texts)
        found += [each for head in HEAD_NAMES if (each := difference(part, head, some, one, other)) is not None]
    return found


def changed_share(differences: Sequence[Difference]) -> float:
    """Return the share of labels that change, over all parts and heads."""
    return float(np.sum([each.changed for each in differences]) / max(1, np.sum([each.texts for each in differences])))
