"""What the service knows of a model: texts go in, probabilities per head come out."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from services.classify.core.labels import Heads


class Scores(NamedTuple):
    """Probabilities of one text, per head in the order of its labels; empty when the text says nothing.

    `legible` is False for a text the model cannot judge: another language, no words, most of it unread.
    """

    department: tuple[float, ...]
    intent: tuple[float, ...]
    sentiment: tuple[float, ...]
    legible: bool = True


NOTHING_SAID = Scores((), (), ())


class Scorer(Protocol):
    """One loaded model version. Deterministic: a text's scores depend on the text alone (invariant 7)."""

    @property
    def model(self) -> str:
        """The model version, as it stands in every classification."""

    @property
    def heads(self) -> Heads:
        """Labels and thresholds."""

    @property
    def card(self) -> Mapping[str, Any]:
        """The model card: version, labels, thresholds, training sets, scores."""

    def score(self, texts: Sequence[str]) -> Sequence[Scores]:
        """Return scores for each text, in order. Thread-safe."""
