"""A head from a handful of examples per label: shrunken linear discriminant analysis, in closed form, numpy alone.

With ten examples a label it is 2 to 3 points more accurate on BANKING77 than logistic regression on the same vectors, a
hundred times faster, and has no iteration whose end could differ between machines (ADR 0021).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from services.classify.model.artefact import Floats, Weights
from services.classify.model.encoder import Vectors
from services.classify.model.heads import logits, on_grid, softmax

Indices = npt.NDArray[np.int64]

SHRINKAGE: Final = 0.4
"""How far the spread within labels is drawn towards that of a ball; flat between 0.3 and 0.5 on BANKING77."""
FOLDS: Final = 5
TEMPERATURES: Final = np.geomspace(0.5, 60.0, 80)
THRESHOLDS: Final = np.arange(0.0, 1.0, 0.01)
SMALLEST: Final = 1e-4


@dataclass(frozen=True)
class FewShotHead:
    """A linear head with its temperature, and what cross-validation said of every example."""

    weights: Weights
    temperature: float
    held_out: Floats
    """Probabilities [examples, labels] of each example by a head that had not seen it."""


def discriminant(vectors: Vectors, labels: Indices, number: int) -> Weights:
    """Return the head of `number` labels, each of which has an example; all labels are held equally frequent."""
    seen = vectors.astype(np.float64)
    means = np.stack([seen[labels == each].mean(axis=0) for each in range(number)])
    centre = means.mean(axis=0)
    within = seen - means[labels]
    if len(seen) == number:  # one example a label: there is no spread within, so that between labels stands for it
        within = means - centre
    spread = within.T @ within / max(1, len(seen) - number)
    width = spread.shape[0]
    ball = np.trace(spread) / width * np.eye(width)
    weight = np.linalg.solve((1 - SHRINKAGE) * spread + SHRINKAGE * ball, (means - centre).T).T
    bias = -0.5 * (weight * (means + centre)).sum(axis=1)
    return Weights(on_grid(weight), on_grid(bias))


def _folds(labels: Indices) -> Indices:
    """Return a fold per example: every label's examples are dealt out in turn."""
    folds = np.zeros(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        folds[places] = np.arange(len(places)) % FOLDS
    return folds


def _held_out_logits(vectors: Vectors, labels: Indices, number: int) -> Floats:
    """Return logits [examples, labels] by heads that had not seen the example, unless it is its label's only one."""
    folds, found = _folds(labels), np.zeros((len(labels), number))
    alone = np.bincount(labels, minlength=number)[labels] == 1
    for fold in range(FOLDS):
        held = folds == fold
        if held.any():
            learnt = ~held | alone
            found[held] = logits(vectors[held], discriminant(vectors[learnt], labels[learnt], number))
    return found


def _evenly(labels: Indices) -> Floats:
    """Return a weight per example so that all labels weigh the same."""
    even: Floats = 1.0 / np.bincount(labels)[labels]
    shares: Floats = even / even.sum()
    return shares


def fit(vectors: Vectors, labels: Indices, number: int) -> FewShotHead:
    """Return the head of examples [n, width] and their labels [n] in 0..number-1."""
    values, rows, weights = _held_out_logits(vectors, labels, number), np.arange(len(labels)), _evenly(labels)

    def surprise(temperature: float) -> float:
        return float(-(weights * np.log(np.maximum(softmax(values, temperature)[rows, labels], SMALLEST))).sum())

    temperature = round(float(min(TEMPERATURES, key=surprise)), 4)
    return FewShotHead(discriminant(vectors, labels, number), temperature, softmax(values, temperature))


def threshold(held_out: Floats, labels: Indices, target: float) -> float:
    """Return the lowest threshold from which on held-out examples are right as often as wanted; 1 where none is."""
    stated, right, weights = held_out.max(axis=1), held_out.argmax(axis=1) == labels, _evenly(labels)
    for each in THRESHOLDS:
        sure = stated >= each
        if sure.any() and float(np.average(right[sure], weights=weights[sure])) >= target:
            return round(float(each), 2)
    return 1.0
