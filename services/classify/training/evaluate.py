"""Measures an artefact on texts that were never trained on, with the service's own scorer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from services.classify.core.decide import decide
from services.classify.core.labels import HEAD_NAMES
from services.classify.model.artefact import Artefact
from services.classify.model.onnx_scorer import open_onnx_scorer
from services.classify.training.datasets import Example, read_corpus
from shared.contracts.activity import Classification


def _head_scores(examples: Sequence[Example], found: Sequence[Classification], head: str) -> dict[str, float] | None:
    """Return accuracy and recall averaged over labels for one head; None when the examples are silent about it."""
    pairs = [
        (label, getattr(each, head).label)
        for example, each in zip(examples, found, strict=True)
        if (label := example.label(head)) is not None
    ]
    if not pairs:
        return None
    labels = sorted({label for label, _ in pairs})
    recalls = [np.mean([predicted == label for expected, predicted in pairs if expected == label]) for label in labels]
    accuracy = np.mean([expected == predicted for expected, predicted in pairs])
    return {
        "texts": len(pairs),
        "accuracy": round(float(accuracy), 3),
        "mean_recall": round(float(np.mean(recalls)), 3),
    }


def _sure_scores(examples: Sequence[Example], found: Sequence[Classification]) -> dict[str, float]:
    """Return how many posts are sure, and how often both their department and intent are right."""
    sure = [(example, each) for example, each in zip(examples, found, strict=True) if not each.unsure]
    right = [
        example.label("department") == each.department.label and example.label("intent") == each.intent.label
        for example, each in sure
    ]
    return {
        "sure_share": round(len(sure) / len(examples), 3),
        "sure_department_and_intent_right": round(float(np.mean(right)), 3) if right else 0.0,
    }


def evaluate(artefact: Artefact, data: Path, *, seed: int) -> dict[str, Any]:
    """Return scores per held-out part and head."""
    parts = read_corpus(data, seed=seed).held_out
    scorer = open_onnx_scorer(artefact.folder, threads=0, remembered_texts=1)
    report: dict[str, Any] = {}
    for name, examples in track(sorted(parts.items()), description="held-out parts"):
        if not examples:
            continue
        found = [
            decide(each, scorer.heads, scorer.model) for each in scorer.score([example.text for example in examples])
        ]
        heads = {head: scores for head in HEAD_NAMES if (scores := _head_scores(examples, found, head))}
        report[name] = heads | (_sure_scores(examples, found) if len(heads) == len(HEAD_NAMES) else {})
    return report
