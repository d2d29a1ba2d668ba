"""A scorer with the departments and intents of earshot.yaml: new heads on the shipped encoder, made at start.

Nothing is trained but linear heads, in closed form; what is kept of the shipped taxonomy is judged as before.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from services.classify.core.labels import Head, Heads
from services.classify.core.taxonomy import Finding, Plan, of_words, plan
from services.classify.model.artefact import Floats
from services.classify.model.encoder import Encoder, Vectors
from services.classify.model.few_shot import FewShotHead, Indices, fit, threshold
from services.classify.model.heads import logits, softmax
from services.classify.model.linear_scorer import LinearScorer
from services.classify.model.own_head import NOT_KEPT, OwnHead
from services.classify.training.datasets import Example, read_own_posts
from shared.contracts.configuration import Taxonomy

POSTS_PER_LABEL: Final = 100
"""So many of the posts written for Earshot stand for a kept label beside the own ones."""
PRECISION: Final = 0.9
"""What a sure label is worth where the model's card names no wanted precision."""
OWN_SHARE: Final = 0.5
NEARLY_THE_SAME: Final = 0.96
FIRMLY: Final = 0.7
HARDLY: Final = 0.1
EXCERPT: Final = 80


@dataclass(frozen=True)
class Lesson:
    """What a head learns from: texts with the place of their label, and which of them are the taxonomy's examples."""

    texts: tuple[str, ...]
    labels: Indices
    is_example: tuple[bool, ...]


@dataclass(frozen=True)
class OwnScorer:
    """The scorer with the taxonomy, and what is doubtful about it."""

    scorer: LinearScorer
    findings: tuple[Finding, ...]


def plans(taxonomy: Taxonomy, shipped: Heads) -> list[Plan]:
    """Return what becomes of the heads that the taxonomy touches."""
    wanted = (
        ("department", shipped.department, taxonomy.departments, taxonomy.replace_departments),
        ("intent", shipped.intent, taxonomy.intents, taxonomy.replace_intents),
    )
    return [plan(name, head.labels, given, replace=whole) for name, head, given, whole in wanted if given]


def lesson_of(wanted: Plan, posts: Sequence[Example]) -> Lesson:
    """Return sentences and examples of the own labels, and posts of the kept ones."""
    rows: list[tuple[str, str, bool]] = []
    for own in wanted.own:
        rows += [(text, own.name, True) for text in own.examples]
        rows += [(own.description, own.name, False)] if own.description else []
    for label in wanted.kept:
        of_label = [each.text for each in posts if each.label(wanted.head) == label]
        step = max(1, len(of_label) // POSTS_PER_LABEL)
        rows += [(text, label, False) for text in of_label[::step][:POSTS_PER_LABEL]]
    texts, names, are_examples = zip(*rows, strict=True)
    return Lesson(texts, np.array([wanted.labels.index(name) for name in names]), are_examples)


def _near(lesson: Lesson, vectors: Vectors, wanted: Plan) -> list[Finding]:
    """Return pairs of examples that mean nearly the same under two labels."""
    places = [place for place, each in enumerate(lesson.is_example) if each]
    seen, labels = vectors[places] / np.linalg.norm(vectors[places], axis=1, keepdims=True), lesson.labels[places]
    alike = np.triu(seen @ seen.T > NEARLY_THE_SAME, 1) & (labels[:, None] != labels[None, :])
    found = []
    for one, other in np.argwhere(alike).tolist():
        first, second = lesson.texts[places[one]], lesson.texts[places[other]]
        if first != second:
            problem = f"{first[:EXCERPT]!r} says nearly what {second[:EXCERPT]!r} does"
            label, of = wanted.labels[labels[one]], wanted.labels[labels[other]]
            found.append(Finding(wanted.head, label, f"{problem}, an example of {of}"))
    return found


def _elsewhere(lesson: Lesson, held_out: Floats, wanted: Plan) -> list[Finding]:
    """Return examples that a head which had not seen them puts firmly under another label."""
    found = []
    for text, label, given, is_example in zip(lesson.texts, lesson.labels, held_out, lesson.is_example, strict=True):
        best = int(given.argmax())
        if is_example and best != label and given[best] >= FIRMLY and given[label] <= HARDLY:
            problem = f"{text[:EXCERPT]!r} looks like {wanted.labels[best]} ({given[best]:.0%}) to the other examples"
            found.append(Finding(wanted.head, wanted.labels[int(label)], problem))
    return found


def _head_card(wanted: Plan, lesson: Lesson, head: FewShotHead, sure_from: float) -> dict[str, Any]:
    examples = np.array(lesson.is_example)
    right = head.held_out.argmax(axis=1) == lesson.labels
    return {
        "labels": list(wanted.labels),
        "threshold": sure_from,
        "temperature": head.temperature,
        "kept": list(wanted.kept),
        "examples": {each.name: len(each.examples) for each in wanted.own},
        "cross_validated_accuracy": round(float(right[examples].mean()), 3) if examples.any() else None,
    }


def _shipped_probabilities(scorer: LinearScorer, vectors: Vectors, head: str) -> Floats:
    return softmax(logits(vectors, scorer.weights[head]), scorer.temperatures[head])


@dataclass(frozen=True)
class _Made:
    head: OwnHead
    labels: tuple[str, ...]
    threshold: float
    card: dict[str, Any]
    findings: list[Finding]


def _made(wanted: Plan, lesson: Lesson, vectors: Vectors, scorer: LinearScorer) -> _Made:
    shipped: Head = getattr(scorer.heads, wanted.head)
    fitted = fit(vectors, lesson.labels, len(wanted.labels))
    places = tuple(shipped.labels.index(each) if each in wanted.kept else NOT_KEPT for each in wanted.labels)
    head = OwnHead(fitted.weights, fitted.temperature, places, OWN_SHARE if wanted.extended else 0.0)
    together = head.composed(fitted.held_out, _shipped_probabilities(scorer, vectors, wanted.head))
    target = scorer.card.get("heads", {}).get(wanted.head, {}).get("target_precision") or PRECISION
    lowest = threshold(together, lesson.labels, target)
    # Kept labels stay as sure as they were; the posts that stand for them here have been learnt from.
    sure_from = max(lowest, shipped.threshold) if wanted.kept else lowest
    findings = of_words(wanted) + _near(lesson, vectors, wanted) + _elsewhere(lesson, fitted.held_out, wanted)
    return _Made(head, wanted.labels, sure_from, _head_card(wanted, lesson, fitted, sure_from), findings)


def _digest(made: Mapping[str, _Made]) -> str:
    """Return a name for the heads: other labels, examples or even rounding, another model version (invariant 7)."""
    seen = hashlib.sha256()
    for name, each in made.items():
        parts = (name, each.labels, each.threshold, each.head.temperature, each.head.shipped, each.head.own_share)
        seen.update(repr(parts).encode())
        seen.update(each.head.weights.weight.tobytes() + each.head.weights.bias.tobytes())
    return seen.hexdigest()[:8]


def _vectors_of(lessons: Sequence[Lesson], encoder: Encoder) -> dict[str, Any]:
    """Return one vector per distinct text of all lessons."""
    texts = list(dict.fromkeys(text for lesson in lessons for text in lesson.texts))
    return dict(zip(texts, encoder.vectors(texts), strict=True))


def with_taxonomy(scorer: LinearScorer, taxonomy: Taxonomy) -> OwnScorer:
    """Return a scorer that knows the taxonomy's labels; the same scorer when the taxonomy is empty."""
    wanted = plans(taxonomy, scorer.heads)
    if not wanted:
        return OwnScorer(scorer, ())
    posts = read_own_posts()
    lessons = [lesson_of(each, posts) for each in wanted]
    known = _vectors_of(lessons, scorer.encoder)
    made = {
        each.head: _made(each, lesson, np.stack([known[text] for text in lesson.texts]), scorer)
        for each, lesson in zip(wanted, lessons, strict=True)
    }
    findings = tuple(finding for each in made.values() for finding in each.findings)
    model = f"{scorer.model}+{_digest(made)}"
    heads = replace(scorer.heads, **{name: Head(each.labels, each.threshold) for name, each in made.items()})
    of_heads = {name: each.card for name, each in made.items()}
    card = {
        **scorer.card,
        "model": model,
        "heads": {**scorer.card.get("heads", {}), **of_heads},
        "taxonomy": {"shipped_model": scorer.model, "heads": of_heads, "findings": [str(each) for each in findings]},
    }
    own = {name: each.head for name, each in made.items()}
    return OwnScorer(replace(scorer, model=model, heads=heads, card=card, own=own), findings)
