"""A head with labels of an own taxonomy beside kept ones: the own examples say how much is left for the kept labels."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from services.classify.model.artefact import Floats, Weights
from services.classify.model.encoder import Vectors
from services.classify.model.heads import DECIMALS, logits, softmax

PARTS: Final = 10**DECIMALS
NOT_KEPT: Final = -1


def _shares(probabilities: Floats) -> Floats:
    """Return rows that sum to 1; evenly where nothing is left. Sums of whole parts are exact in any order."""
    parts = np.rint(probabilities * PARTS)
    total = parts.sum(axis=1, keepdims=True)
    even = np.full_like(parts, 1 / parts.shape[1])
    shares: Floats = np.divide(parts, total, out=even, where=total > 0)
    return shares


@dataclass(frozen=True)
class OwnHead:
    """Probabilities of all labels of an extended or replaced head.

    `weights` know every label, the kept ones from a few posts each, and decide between own and kept labels; among the
    kept ones the shipped head decides, which learnt from far more, or half and half where they got own examples.
    """

    weights: Weights
    temperature: float
    shipped: tuple[int, ...]
    """Per label its place in the shipped head, or NOT_KEPT."""
    own_share: float = 0.0
    """How much the examples count among the kept labels."""

    def probabilities(self, vectors: Vectors, of_shipped_head: Floats) -> Floats:
        """Return [texts, labels] for vectors [texts, width] and what the shipped head says of them."""
        return self.composed(softmax(logits(vectors, self.weights), self.temperature), of_shipped_head)

    def composed(self, own: Floats, of_shipped_head: Floats) -> Floats:
        """Return what the few-shot probabilities and the shipped head say together."""
        kept = [place for place, each in enumerate(self.shipped) if each != NOT_KEPT]
        if not kept:
            return own
        left = np.rint(own[:, kept] * PARTS).sum(axis=1, keepdims=True) / PARTS
        judged = _shares(of_shipped_head[:, [self.shipped[place] for place in kept]])
        found = own.copy()
        found[:, kept] = left * ((1 - self.own_share) * judged + self.own_share * _shares(own[:, kept]))
        rounded: Floats = np.round(found, DECIMALS)
        return rounded
