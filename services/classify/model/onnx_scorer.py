"""The default backend: the shipped artefact on ONNX Runtime."""

from pathlib import Path

from services.classify.model.artefact import DEFAULT_PRECISION, load_artefact
from services.classify.model.encoder import artefact_encoder
from services.classify.model.linear_scorer import LinearScorer, RecentScores


def open_onnx_scorer(
    folder: Path, *, threads: int, remembered_texts: int, precision: str = DEFAULT_PRECISION
) -> LinearScorer:
    """Return a Scorer on the artefact in a folder, with the thresholds of a wanted precision.

    Raises ContractError when the artefact is not whole.
    """
    artefact = load_artefact(folder).with_precision(precision)
    return LinearScorer(
        model=artefact.manifest.model,
        heads=artefact.heads,
        card=artefact.card,
        encoder=artefact_encoder(artefact, threads=threads),
        weights=artefact.weights,
        temperatures={name: head.temperature for name, head in artefact.manifest.heads.items()},
        recent=RecentScores(remembered_texts),
    )
