"""Measures an artefact on texts that were never trained on, with the service's own scorer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.progress import track

from services.classify.core.decide import decide
from services.classify.core.labels import HEAD_NAMES, TAXONOMY, Heads
from services.classify.core.ports import Scores
from services.classify.model.artefact import Artefact
from services.classify.model.onnx_scorer import open_onnx_scorer
from services.classify.training.datasets import OWN, REAL_NAME, Example, read_corpus
from services.classify.training.measures import Answers, detailed, short

IN_DETAIL: Final = frozenset({REAL_NAME, OWN, "semeval2017_sentiment"})


def answers(examples: Sequence[Example], scores: Sequence[Scores], head: str) -> Answers | None:
    """Return what a head answered to the examples that know its label; None when none does."""
    labels = TAXONOMY[head]
    pairs = [
        (labels.index(label), getattr(each, head))
        for example, each in zip(examples, scores, strict=True)
        if (label := example.label(head)) is not None
    ]
    if not pairs:
        return None
    right, probabilities = zip(*pairs, strict=True)
    return Answers(labels, np.array(right), np.array(probabilities))


def sure_scores(examples: Sequence[Example], scores: Sequence[Scores], heads: Heads) -> dict[str, float]:
    """Return how many posts are sure, and how often their department, their intent and both are right."""
    found = [decide(each, heads, "") for each in scores]
    sure = [(example, each) for example, each in zip(examples, found, strict=True) if not each.unsure]
    hits = np.array(
        [
            [example.label(head) == getattr(each, head).label for head in ("department", "intent")]
            for example, each in sure
        ]
    ).reshape(-1, 2)
    shares = [hits[:, 0], hits[:, 1], hits.all(axis=1)]
    department, intent, both = (round(float(each.mean()), 3) if len(sure) else 0.0 for each in shares)
    return {
        "sure_share": round(len(sure) / len(examples), 3),
        "sure_department_right": department,
        "sure_intent_right": intent,
        "sure_both_right": both,
    }


def scores_of(
    examples: Sequence[Example], scores: Sequence[Scores], heads: Heads, *, in_detail: bool
) -> dict[str, Any]:
    """Return the measures of one part."""
    measure = detailed if in_detail else short
    found: dict[str, Any] = {
        head: measure(each) for head in HEAD_NAMES if (each := answers(examples, scores, head)) is not None
    }
    if len(found) == len(HEAD_NAMES) and all(example.label("intent") for example in examples):
        found |= sure_scores(examples, scores, heads)
    return found


def evaluate(artefact: Artefact, data: Path, *, seed: int, tuning: bool = False) -> dict[str, Any]:
    """Return measures per held-out part and head; with `tuning` of the tuning part alone, for making choices."""
    corpus = read_corpus(data, seed=seed)
    parts = {"tuning": corpus.tuning} if tuning else corpus.held_out
    scorer = open_onnx_scorer(artefact.folder, threads=0, remembered_texts=1)
    report: dict[str, Any] = {}
    for name, examples in track(sorted(parts.items()), description="held-out parts"):
        if examples:
            scores = scorer.score([example.text for example in examples])
            report[name] = scores_of(examples, scores, scorer.heads, in_detail=tuning or name in IN_DETAIL)
    return report
