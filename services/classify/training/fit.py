"""Fits one linear head on vectors: weights, temperature and threshold. scikit-learn only here."""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from services.classify.model.artefact import Floats, Weights
from services.classify.model.encoder import Vectors
from services.classify.model.heads import logits, on_grid, softmax

REGULARISATION: Final = 0.001
ITERATIONS: Final = 100
BALANCE: Final = 0.7
"""0 leaves class sizes as they are, 1 makes all classes weigh the same."""
TARGET_PRECISION: Final = {"department": 0.92, "intent": 0.85, "sentiment": 0.0}
"""How often a sure label shall be right on the tuning texts; the threshold is the lowest that reaches it."""
TEMPERATURES: Final = np.geomspace(0.3, 5.0, 60)
THRESHOLDS: Final = np.arange(0.0, 1.0, 0.01)


@dataclass(frozen=True)
class Labelled:
    """Vectors with the index of their label and how much each counts."""

    vectors: Vectors
    labels: npt.NDArray[np.int64]
    weights: Floats


@dataclass(frozen=True)
class Fitted:
    """A head ready to be written."""

    weights: Weights
    temperature: float
    threshold: float
    precision: float
    coverage: float


def _class_weights(labels: Sequence[int]) -> dict[int, float]:
    counts = Counter(labels)
    return {label: (len(labels) / (len(counts) * count)) ** BALANCE for label, count in counts.items()}


def fit_weights(training: Labelled, labels: int, *, seed: int) -> Weights:
    """Return the head's weights, with the scaling of the vectors folded in."""
    scaler = StandardScaler().fit(training.vectors)
    model = LogisticRegression(
        C=REGULARISATION, max_iter=ITERATIONS, class_weight=_class_weights(training.labels.tolist()), random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(scaler.transform(training.vectors), training.labels, sample_weight=training.weights)
    width = training.vectors.shape[1]
    weight, bias = np.zeros((labels, width)), np.full(labels, -30.0)
    weight[model.classes_] = model.coef_ / scaler.scale_
    bias[model.classes_] = model.intercept_ - (model.coef_ * scaler.mean_ / scaler.scale_).sum(axis=1)
    return Weights(on_grid(weight), on_grid(bias))


def fit_temperature(weights: Weights, held: Labelled) -> float:
    """Return the temperature under which the held-out labels are least surprising."""
    values = logits(held.vectors, weights)
    rows = np.arange(len(held.labels))

    def surprise(temperature: float) -> float:
        chosen = softmax(values, temperature)[rows, held.labels]
        return float(np.average(-np.log(np.maximum(chosen, 1e-4)), weights=held.weights))

    return round(float(min(TEMPERATURES, key=surprise)), 4)


def fit_threshold(weights: Weights, temperature: float, held: Labelled, target: float) -> tuple[float, float, float]:
    """Return the lowest threshold from which on the target precision is kept, with its precision and coverage."""
    probabilities = softmax(logits(held.vectors, weights), temperature)
    right = probabilities.argmax(axis=1) == held.labels
    best = probabilities.max(axis=1)
    precision, coverage, threshold = 0.0, 0.0, 0.0
    for threshold in THRESHOLDS:
        kept = best >= threshold
        if not kept.any():
            break
        precision = float(np.average(right[kept], weights=held.weights[kept]))
        coverage = float(held.weights[kept].sum() / held.weights.sum())
        if precision >= target:
            break
    return round(float(threshold), 2), round(precision, 3), round(coverage, 3)


def calibrated(weights: Weights, held: Labelled, target_precision: float) -> Fitted:
    """Return the head with temperature and threshold from `held`, which the weights never saw."""
    temperature = fit_temperature(weights, held)
    return Fitted(weights, temperature, *fit_threshold(weights, temperature, held, target_precision))


def fit_head(training: Labelled, held: Labelled, labels: int, *, target_precision: float, seed: int) -> Fitted:
    """Return a head fitted on vectors of an encoder that stays as it is."""
    return calibrated(fit_weights(training, labels, seed=seed), held, target_precision)
