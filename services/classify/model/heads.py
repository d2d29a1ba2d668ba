"""Vectors to probabilities: linear heads and softmax in numpy, exact whatever the batch."""

from typing import Final

import numpy as np
import numpy.typing as npt

from services.classify.model.artefact import Floats, Weights

GRID: Final = float(1 << 16)
DECIMALS: Final = 4


def on_grid(values: npt.ArrayLike) -> Floats:
    """Return values rounded to 1/65536.

    Products of two such numbers and sums of a thousand of them are exact in float64, so a logit does not depend on the
    order in which a BLAS adds, which changes with the size of the batch.
    """
    rounded: Floats = np.rint(np.asarray(values, dtype=np.float64) * GRID) / GRID
    return rounded


def logits(vectors: npt.NDArray[np.float32], weights: Weights) -> Floats:
    """Return one row of logits per vector."""
    product: Floats = on_grid(vectors) @ weights.weight.T + weights.bias
    return product


def softmax(values: Floats, temperature: float) -> Floats:
    """Return probabilities per row, rounded to four decimals."""
    scaled = values / temperature
    raised = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    probabilities: Floats = np.round(raised / raised.sum(axis=1, keepdims=True), DECIMALS)
    return probabilities
