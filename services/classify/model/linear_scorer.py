"""The Scorer: any encoder plus linear heads, identical texts scored once, results remembered."""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.classify.core.labels import HEAD_NAMES, Heads
from services.classify.core.ports import NOTHING_SAID, Scores
from services.classify.core.text import prepare
from services.classify.model.artefact import Weights
from services.classify.model.encoder import Encoder
from services.classify.model.heads import logits, softmax

TEXTS_PER_CALL = 1_000


@dataclass
class RecentScores:
    """Scores of the texts seen last, bounded by their number; `hits` and `misses` count what was looked for."""

    capacity: int
    hits: int = 0
    misses: int = 0
    _held: OrderedDict[str, Scores] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, texts: Sequence[str]) -> dict[str, Scores]:
        """Return what is known, and mark it as used."""
        found = {}
        with self._lock:
            for text in texts:
                if (scores := self._held.get(text)) is not None:
                    self._held.move_to_end(text)
                    found[text] = scores
            self.hits += len(found)
            self.misses += len(texts) - len(found)
        return found

    def keep(self, scored: Mapping[str, Scores]) -> None:
        """Remember scores; the longest unused leave first."""
        with self._lock:
            self._held.update(scored)
            while len(self._held) > self.capacity:
                self._held.popitem(last=False)


@dataclass
class LinearScorer:
    """Implements services.classify.core.ports.Scorer."""

    model: str
    heads: Heads
    card: Mapping[str, Any]
    encoder: Encoder
    weights: Mapping[str, Weights]
    temperatures: Mapping[str, float]
    recent: RecentScores

    def score(self, texts: Sequence[str]) -> Sequence[Scores]:
        """See Scorer.score."""
        prepared = [prepare(text) for text in texts]
        distinct = list(dict.fromkeys(text for text in prepared if text))
        known = self.recent.find(distinct)
        new = [text for text in distinct if text not in known]
        for start in range(0, len(new), TEXTS_PER_CALL):
            part = new[start : start + TEXTS_PER_CALL]
            scored = dict(zip(part, self._scored(part), strict=True))
            self.recent.keep(scored)
            known.update(scored)
        return [known[text] if text else NOTHING_SAID for text in prepared]

    def _scored(self, texts: Sequence[str]) -> list[Scores]:
        vectors = self.encoder.vectors(texts)
        per_head = [
            softmax(logits(vectors, self.weights[name]), self.temperatures[name]).tolist() for name in HEAD_NAMES
        ]
        return [
            Scores(*(tuple(probabilities) for probabilities in of_one_text))
            for of_one_text in zip(*per_head, strict=True)
        ]
