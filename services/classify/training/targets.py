"""What each head shall learn from an example: shares of labels (two readers count half each) and a weight."""

from collections import Counter, defaultdict
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
BALANCE: Final = 0.5
"""0 leaves class sizes as they are, 1 makes all classes weigh the same."""
READ_BY_US: Final = frozenset({OWN, REAL_NAME})
MAPPED_WEIGHT: Final[Mapping[str, float]] = {"department": 0.25, "intent": 0.25, "sentiment": 0.8}
"""What a row of a mapped set counts beside a post read for Earshot: mapped departments and intents are noisy."""
SENTIMENT_PASSES: Final = 3
"""In how many epochs a row of the great sentiment set is seen; one pass leaves it two points behind."""
SENTIMENT_SET: Final = "semeval2017_sentiment"


@dataclass(frozen=True)
class HeadTargets:
    """Shares [texts, labels] and weights [texts]; a weight of 0 where an example is silent about the head."""

    shares: Single
    weights: Single


def _labels_of(example: Example, head: str) -> list[str]:
    found = [getattr(each, head) for each in example.readings or (example.meaning,)]
    return [label for label in found if label is not None]


def _group(example: Example) -> str:
    """Return within which sources the classes of an example are balanced: sets draw their posts unlike ours."""
    return "read by us" if example.source in READ_BY_US else example.source


def _class_weights(examples: Sequence[Example], head: str) -> dict[tuple[str, str], float]:
    """Return by group and label what a text counts; within a group the mean over labels is near 1."""
    by_group: dict[str, Counter[str]] = defaultdict(Counter)
    for each in examples:
        if label := each.label(head):
            by_group[_group(each)][label] += 1
    return {
        (group, label): (counts.total() / len(counts) / count) ** BALANCE
        for group, counts in by_group.items()
        for label, count in counts.items()
    }


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
            weights[row] = trust * by_class.get((_group(example), said[0]), 1.0)
    return HeadTargets(shares, weights)


def epochs_of(examples: Sequence[Example], epochs: int) -> list[frozenset[int]]:
    """Return the epochs in which each text is seen: one for most of a mapped set, all for those read by us."""
    passes = {**dict.fromkeys(READ_BY_US, epochs), SENTIMENT_SET: min(SENTIMENT_PASSES, epochs)}
    return [
        frozenset((index + each) % epochs for each in range(passes.get(example.source, 1)))
        for index, example in enumerate(examples)
    ]
