"""Fits one linear head on vectors: weights, temperature and threshold. scikit-learn only here."""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import logsumexp
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
TARGET_PRECISION: Final = {"department": 0.95, "intent": 0.95, "sentiment": 0.0}
"""How often a sure label shall be right on the tuning texts; the threshold is the lowest that reaches it."""
CLASS_SCALING_PENALTY: Final = 0.1
"""Holds each class's own scale and offset near 1 and 0; chosen by cross-validation on the tuning texts."""
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


def fit_class_scaling(weights: Weights, temperature: float, held: Labelled) -> Weights:
    """Return the weights with a scale and an offset per class folded in, under which held-out labels surprise least.

    Vector scaling (Guo et al. 2017, https://arxiv.org/abs/1706.04599), held near the identity: heads are too sure of
    some classes and not sure enough of others, and one threshold serves all of them.
    """
    values = logits(held.vectors, weights) / temperature
    classes, rows = values.shape[1], np.arange(len(held.labels))
    share = held.weights / held.weights.sum()

    def surprise(parameters: Floats) -> tuple[float, Floats]:
        scale, offset = parameters[:classes], parameters[classes:]
        scaled = values * scale + offset
        probabilities = np.exp(scaled - logsumexp(scaled, axis=1, keepdims=True))
        penalty = CLASS_SCALING_PENALTY * (((scale - 1) ** 2).sum() + (offset**2).sum())
        loss = -(share * np.log(np.maximum(probabilities[rows, held.labels], 1e-12))).sum() + penalty
        off = probabilities
        off[rows, held.labels] -= 1
        off *= share[:, None]
        by_scale = (off * values).sum(axis=0) + 2 * CLASS_SCALING_PENALTY * (scale - 1)
        by_offset = off.sum(axis=0) + 2 * CLASS_SCALING_PENALTY * offset
        return float(loss), np.concatenate([by_scale, by_offset])

    start = np.concatenate([np.ones(classes), np.zeros(classes)])
    found = minimize(surprise, start, jac=True, method="L-BFGS-B").x
    scale, offset = found[:classes], found[classes:]
    return Weights(on_grid(weights.weight * scale[:, None]), on_grid(weights.bias * scale + offset * temperature))


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
    """Return the head with temperature, class scaling and threshold from `held`, which the weights never saw."""
    temperature = fit_temperature(weights, held)
    # A head without a threshold keeps its classes as learnt: sets draw the line of `neutral` elsewhere than our posts.
    scaled = fit_class_scaling(weights, temperature, held) if target_precision else weights
    return Fitted(scaled, temperature, *fit_threshold(scaled, temperature, held, target_precision))


def fit_head(training: Labelled, held: Labelled, labels: int, *, target_precision: float, seed: int) -> Fitted:
    """Return a head fitted on vectors of an encoder that stays as it is."""
    return calibrated(fit_weights(training, labels, seed=seed), held, target_precision)
