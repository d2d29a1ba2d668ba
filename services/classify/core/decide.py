"""From probabilities to labels: the best of each head, and whether the post is unsure."""

from collections.abc import Sequence
from typing import Final

from services.classify.core.labels import Head, Heads
from services.classify.core.ports import Scores
from shared.contracts.activity import Classification, Label

WITHOUT_WORDS: Final = ("none", "chatter", "neutral")


def best(scores: Sequence[float], head: Head) -> Label:
    """Return the most probable label; of equal ones the first."""
    index = max(range(len(scores)), key=lambda each: scores[each])
    return Label.model_construct(label=head.labels[index], probability=scores[index])


def decide(scores: Scores, heads: Heads, model: str) -> Classification:
    """Return the classification; unsure when a threshold is not reached or the text is not legible."""
    if not scores.department:
        chances = (1 / len(head.labels) for head in (heads.department, heads.intent, heads.sentiment))
        labels = [
            Label(label=label, probability=round(chance, 4))
            for label, chance in zip(WITHOUT_WORDS, chances, strict=True)
        ]
        return Classification(model=model, department=labels[0], intent=labels[1], sentiment=labels[2], unsure=True)
    department = best(scores.department, heads.department)
    intent = best(scores.intent, heads.intent)
    below = department.probability < heads.department.threshold or intent.probability < heads.intent.threshold
    return Classification.model_construct(
        model=model,
        department=department,
        intent=intent,
        sentiment=best(scores.sentiment, heads.sentiment),
        unsure=below or not scores.legible,
    )
