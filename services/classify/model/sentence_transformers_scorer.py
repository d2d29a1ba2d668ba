"""The backend `sentence-transformers`: any encoder by name or path, on a GPU if there is one.

The shipped heads read the vectors of the shipped encoder only, which is cut, quantised and not for this library; so the
heads are fitted at start on our own posts.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import structlog

from services.classify.core.labels import TAXONOMY, Head, Heads
from services.classify.model.encoder import Vectors
from services.classify.model.linear_scorer import LinearScorer, RecentScores
from shared.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PACKAGES: Final = "pip install -r requirements-train.txt"
SEED: Final = 7


def _problem(where: str, message: str) -> ConfigurationError:
    return ConfigurationError([Problem(where, message)])


class SentenceTransformersEncoder:
    """Implements Encoder with the sentence-transformers library, which batches and pads as it likes."""

    def __init__(self, model: "SentenceTransformer") -> None:
        self._model = model

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """See Encoder.vectors."""
        found = self._model.encode(
            list(texts), convert_to_numpy=True, normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(found, dtype=np.float32)


def _load(name: str) -> "SentenceTransformer":
    try:
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415  # brings torch; only for this backend
    except ImportError as error:
        message = f"sentence-transformers needs the package sentence-transformers ({error}): {PACKAGES}"
        raise _problem("CLASSIFY_BACKEND", message) from error
    try:
        return SentenceTransformer(name)
    except (OSError, ValueError) as error:
        message = f"no sentence-transformers model {name!r} here or on its hub: {error}"
        raise _problem("CLASSIFY_MODEL", message) from error


def open_sentence_transformers_scorer(name: str, *, remembered_texts: int) -> LinearScorer:
    """Return a Scorer on any sentence-transformers encoder. Raises ConfigurationError when it cannot be had."""
    encoder = SentenceTransformersEncoder(_load(name))
    try:
        from services.classify.training.own_heads import fit_own_heads  # noqa: PLC0415  # needs scikit-learn
    except ImportError as error:
        message = f"sentence-transformers fits its heads with scikit-learn ({error}): {PACKAGES}"
        raise _problem("CLASSIFY_BACKEND", message) from error
    fitted, texts = fit_own_heads(encoder, seed=SEED)
    heads = Heads(**{head: Head(TAXONOMY[head], each.threshold) for head, each in fitted.items()})
    version = f"sentence-transformers:{name}"
    structlog.get_logger(__name__).warning(
        "heads fitted at start on our own posts only; they are weaker than the shipped ones", model=name, posts=texts
    )
    card = {
        "model": version,
        "encoder": {"name": name},
        "heads": {
            head: {"labels": TAXONOMY[head], "threshold": each.threshold, "temperature": each.temperature}
            for head, each in fitted.items()
        },
        "training": {"sets": {"own_posts": {"texts": texts, "licence_class": "own"}}},
        "scores": {},
    }
    return LinearScorer(
        model=version,
        heads=heads,
        card=card,
        encoder=encoder,
        weights={head: each.weights for head, each in fitted.items()},
        temperatures={head: each.temperature for head, each in fitted.items()},
        recent=RecentScores(remembered_texts),
    )
