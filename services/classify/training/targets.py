"""What each head shall learn from an example: shares of labels (two readers count half each) and a weight."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from services.classify.core.labels import TAXONOMY
from services.classify.training.datasets import OWN, REAL_NAME, Example

Single = npt.NDArray[np.float32]

SMOOTHING: Final = 0.03
"""Share of every target spread over all labels: readers err too."""
BALANCE: Final = 0.4
"""0 leaves class sizes as they are, 1 makes all classes weigh the same."""
READ_BY_US: Final = frozenset({OWN, REAL_NAME})
MAPPED_WEIGHT: Final[Mapping[str, float]] = {"department": 0.25, "intent": 0.25, "sentiment": 0.8}
"""What a row of a mapped set counts beside a post read for Earshot: mapped departments and intents are noisy."""


@dataclass(frozen=True)
class HeadTargets:
    """Shares [texts, labels] and weights [texts]; a weight of 0 where an example is silent about the head."""

    shares: Single
    weights: Single


def _labels_of(example: Example, head: str) -> list[str]:
    found = [getattr(each, head) for each in example.readings or (example.meaning,)]
    return [label for label in found if label is not None]


def _class_weights(examples: Sequence[Example], head: str) -> dict[str, float]:
    counts = Counter(label for each in examples if (label := each.label(head)) and each.source in READ_BY_US)
    mean = sum(counts.values()) / len(counts)
    return {label: (mean / count) ** BALANCE for label, count in counts.items()}


def head_targets(examples: Sequence[Example], head: str) -> HeadTargets:
    """Return the targets of one head."""
    labels = TAXONOMY[head]
    by_class = _class_weights(examples, head)
    shares = np.full((len(examples), len(labels)), SMOOTHING / len(labels), dtype=np.float32)
    weights = np.zeros(len(examples), dtype=np.float32)
    for row, example in enumerate(examples):
        said = _labels_of(example, head)
        for label in said:
            shares[row, labels.index(label)] += (1 - SMOOTHING) / len(said)
        if said:
            trust = 1.0 if example.source in READ_BY_US else MAPPED_WEIGHT[head]
            weights[row] = trust * by_class.get(said[0], 1.0)
    return HeadTargets(shares, weights)


def epochs_of(examples: Sequence[Example], epochs: int) -> list[int | None]:
    """Return the one epoch in which each text of a mapped set is seen; None for those read by us: they always come."""
    return [None if each.source in READ_BY_US else index % epochs for index, each in enumerate(examples)]
