"""A Scorer whose labels a test can predict: the text's first word names the department."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.classify.core.labels import DEPARTMENTS, INTENTS, SENTIMENTS, Head, Heads
from services.classify.core.ports import NOTHING_SAID, Scores


def shares(labels: Sequence[str], chosen: str, probability: float) -> tuple[float, ...]:
    rest = (1 - probability) / (len(labels) - 1)
    return tuple(probability if label == chosen else rest for label in labels)


def some_heads(threshold: float = 0.5) -> Heads:
    return Heads(Head(DEPARTMENTS, threshold), Head(INTENTS, threshold), Head(SENTIMENTS, 0.0))


@dataclass
class FakeScorer:
    model: str = "fake.1"
    heads: Heads = field(default_factory=some_heads)
    asked: list[list[str]] = field(default_factory=list)

    @property
    def card(self) -> Mapping[str, Any]:
        return {"model": self.model, "heads": {}}

    def score(self, texts: Sequence[str]) -> Sequence[Scores]:
        self.asked.append(list(texts))
        return [self._scores(text) for text in texts]

    def _scores(self, text: str) -> Scores:
        if not text.strip():
            return NOTHING_SAID
        department = text.split(maxsplit=1)[0]
        return Scores(
            shares(DEPARTMENTS, department if department in DEPARTMENTS else "none", 0.9),
            shares(INTENTS, "complaint", 0.8),
            shares(SENTIMENTS, "negative", 0.7),
        )
