"""Prometheus metrics of classify beside those every process has: time to score, and what need not be scored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import Histogram

from services.classify.core.labels import Heads
from services.classify.core.ports import Scorer, Scores
from services.classify.model.linear_scorer import RecentScores
from shared.service.collectors import ReadCounter
from shared.service.telemetry import SECONDS_BUCKETS, Telemetry


class Meters:
    """The metrics of one model in one process."""

    def __init__(self, telemetry: Telemetry, recent: RecentScores) -> None:
        self.scoring_seconds = Histogram(
            "earshot_scoring_seconds",
            "One call of the model, over HTTP or for a batch, texts of which it remembers the scores included.",
            buckets=SECONDS_BUCKETS,
            registry=telemetry.registry,
        )
        self.scored_texts = Histogram(
            "earshot_scoring_texts",
            "Texts per call of the model.",
            buckets=(1, 10, 100, 1_000, 10_000),
            registry=telemetry.registry,
        )
        self.remembered = ReadCounter(
            "earshot_score_cache_hits_total",
            "Distinct texts of a call whose scores were remembered.",
            lambda: recent.hits,
            telemetry.registry,
        )
        self.unknown = ReadCounter(
            "earshot_score_cache_misses_total",
            "Distinct texts of a call that had to be scored.",
            lambda: recent.misses,
            telemetry.registry,
        )


@dataclass(frozen=True)
class MeteredScorer:
    """Implements Scorer around another one, and times it."""

    scorer: Scorer
    meters: Meters

    @property
    def model(self) -> str:
        """See Scorer.model."""
        return self.scorer.model

    @property
    def heads(self) -> Heads:
        """See Scorer.heads."""
        return self.scorer.heads

    @property
    def card(self) -> Mapping[str, Any]:
        """See Scorer.card."""
        return self.scorer.card

    def score(self, texts: Sequence[str]) -> Sequence[Scores]:
        """See Scorer.score."""
        self.meters.scored_texts.observe(len(texts))
        with self.meters.scoring_seconds.time():
            return self.scorer.score(texts)
