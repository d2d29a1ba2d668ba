"""Why a text got its labels: the words that moved them, and the labelled examples that lie nearest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from services.classify.core.decide import decide
from services.classify.core.labels import HEAD_NAMES, Head
from services.classify.core.ports import Scores
from services.classify.core.text import prepare
from services.classify.model.linear_scorer import LinearScorer
from services.classify.training.datasets import read_own_posts
from shared.contracts.configuration import Taxonomy

MOST_WORDS: Final = 150
EXAMPLES: Final = 5


@dataclass(frozen=True)
class HeadExplanation:
    """What one head said: its labels, the best first, and what each word of the text added to the best one."""

    head: str
    label: str
    threshold: float
    probabilities: dict[str, float]
    moved: tuple[float, ...]
    """Per word: how much less probable the label is without it."""


@dataclass(frozen=True)
class Nearest:
    """A labelled example and the cosine of its vector and the text's."""

    similarity: float
    text: str
    labels: str


@dataclass(frozen=True)
class Explanation:
    """All about one text."""

    model: str
    words: tuple[str, ...]
    legible: bool
    unsure: bool
    heads: tuple[HeadExplanation, ...]
    nearest: tuple[Nearest, ...]


def known_examples(taxonomy: Taxonomy) -> dict[str, str]:
    """Return texts with their labels: posts written for Earshot, and the examples of an own taxonomy."""
    found = {}
    for post in read_own_posts():
        found[post.text] = " / ".join(post.label(head) or "–" for head in HEAD_NAMES)
    for definition in (*taxonomy.departments, *taxonomy.intents):
        found |= {text: definition.name for each in definition.examples if (text := prepare(each))}
    return found


def _of_head(name: str, head: Head, scores: Scores, without: Sequence[Scores]) -> HeadExplanation:
    stated: tuple[float, ...] = getattr(scores, name)
    best = max(range(len(stated)), key=stated.__getitem__)
    order = sorted(range(len(stated)), key=lambda place: -stated[place])
    guess = 1 / len(stated)
    left = [getattr(each, name)[best] if getattr(each, name) else guess for each in without]
    return HeadExplanation(
        head=name,
        label=head.labels[best],
        threshold=head.threshold,
        probabilities={head.labels[place]: stated[place] for place in order},
        moved=tuple(round(stated[best] - each, 4) for each in left),
    )


def _nearest(scorer: LinearScorer, prepared: str, examples: dict[str, str]) -> tuple[Nearest, ...]:
    texts = list(examples)
    vectors = scorer.encoder.vectors([prepared, *texts])
    vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    similarities = vectors[1:] @ vectors[0]
    best = np.argsort(-similarities, kind="stable")[:EXAMPLES]
    return tuple(Nearest(round(float(similarities[each]), 3), texts[each], examples[texts[each]]) for each in best)


def explain(scorer: LinearScorer, text: str, examples: dict[str, str]) -> Explanation:
    """Return why a text gets its labels; of a text without words there is nothing to tell but that."""
    prepared = prepare(text)
    words = prepared.split()[:MOST_WORDS]
    scores, *without = scorer.score([text, *(" ".join(words[:n] + words[n + 1 :]) for n in range(len(words)))])
    heads = tuple(
        _of_head(name, getattr(scorer.heads, name), scores, without) for name in HEAD_NAMES if getattr(scores, name)
    )
    return Explanation(
        model=scorer.model,
        words=tuple(words),
        legible=bool(words) and scores.legible,
        unsure=decide(scores, scorer.heads, scorer.model).unsure,
        heads=heads,
        nearest=_nearest(scorer, prepared, examples) if words else (),
    )
