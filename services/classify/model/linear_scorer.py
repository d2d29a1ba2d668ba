"""The Scorer: any encoder plus linear heads, identical texts scored once, results remembered."""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.classify.core.labels import HEAD_NAMES, Heads
from services.classify.core.legible import legible
from services.classify.core.ports import NOTHING_SAID, Scores
from services.classify.core.text import Prepared, read
from services.classify.model.artefact import Floats, Weights
from services.classify.model.encoder import Encoder, Vectors
from services.classify.model.heads import DECIMALS, logits, softmax
from services.classify.model.own_head import OwnHead

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


def _halfway(head: Sequence[float]) -> tuple[float, ...]:
    return tuple(round((each + 1 / len(head)) / 2, DECIMALS) for each in head)


def _doubted(scores: Scores) -> Scores:
    """Return probabilities of an illegible text half way towards those of a guess: what is stated must be honest."""
    if scores.legible:
        return scores
    return Scores(_halfway(scores.department), _halfway(scores.intent), _halfway(scores.sentiment), legible=False)


def _judged(scores: Scores, text: Prepared) -> Scores:
    """Return the scores of a text, doubted when most of it was not read."""
    return scores if text.mostly_read or not scores.legible else _doubted(scores._replace(legible=False))


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
    own: Mapping[str, OwnHead] = field(default_factory=dict)
    """Heads of an own taxonomy, where there is one; they build on the shipped ones."""

    def score(self, texts: Sequence[str]) -> Sequence[Scores]:
        """See Scorer.score."""
        prepared = [read(text) for text in texts]
        distinct = list(dict.fromkeys(each.text for each in prepared if each.text))
        known = self.recent.find(distinct)
        new = [text for text in distinct if text not in known]
        for start in range(0, len(new), TEXTS_PER_CALL):
            part = new[start : start + TEXTS_PER_CALL]
            scored = dict(zip(part, self._scored(part), strict=True))
            self.recent.keep(scored)
            known.update(scored)
        return [_judged(known[each.text], each) if each.text else NOTHING_SAID for each in prepared]

    def _scored(self, texts: Sequence[str]) -> list[Scores]:
        vectors = self.encoder.vectors(texts)
        per_head = [self._of_head(name, vectors).tolist() for name in HEAD_NAMES]
        return [
            _doubted(Scores(tuple(department), tuple(intent), tuple(sentiment), legible(text)))
            for text, department, intent, sentiment in zip(texts, *per_head, strict=True)
        ]

    def _of_head(self, name: str, vectors: Vectors) -> Floats:
        shipped = softmax(logits(vectors, self.weights[name]), self.temperatures[name])
        own = self.own.get(name)
        return own.probabilities(vectors, shipped) if own else shipped
