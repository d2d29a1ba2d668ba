"""Heads for an encoder that the shipped heads were not made for: fitted on our own posts alone."""

from typing import Final

import numpy as np

from services.classify.core.labels import TAXONOMY
from services.classify.model.encoder import Encoder
from services.classify.training.datasets import read_own_posts, tenth
from services.classify.training.fit import TARGET_PRECISION, Fitted, Labelled, fit_head

HELD_TENTHS: Final = 2


def fit_own_heads(encoder: Encoder, *, seed: int) -> tuple[dict[str, Fitted], int]:
    """Return the three heads, and the number of posts they were fitted on."""
    posts = read_own_posts()
    vectors = encoder.vectors([each.text for each in posts])
    held = np.array([tenth(each.text) < HELD_TENTHS for each in posts])
    fitted = {}
    for head, labels in TAXONOMY.items():
        targets = np.array([labels.index(each.label(head) or "") for each in posts])
        sides = [Labelled(vectors[side], targets[side], np.ones(int(side.sum()))) for side in (~held, held)]
        fitted[head] = fit_head(sides[0], sides[1], len(labels), target_precision=TARGET_PRECISION[head], seed=seed)
    return fitted, int((~held).sum())
