"""Scoring is timed and counted, and so is what need not be scored."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.classify.core.ports import Scores
from services.classify.meters import MeteredScorer, Meters
from services.classify.model.linear_scorer import RecentScores
from shared.service.telemetry import Telemetry
from tests.unit.classify.fakes import FakeScorer


@dataclass
class RememberingScorer(FakeScorer):
    """Looks up and keeps scores as the real one does."""

    recent: RecentScores = field(default_factory=lambda: RecentScores(10))

    def score(self, texts: Sequence[str]) -> Sequence[Scores]:
        found = self.recent.find(texts)
        fresh = [text for text in texts if text not in found]
        self.recent.keep(dict(zip(fresh, super().score(fresh), strict=True)))
        return super().score(texts)


def test_calls_texts_and_remembered_scores_are_told() -> None:
    telemetry, scorer = Telemetry("classify"), RememberingScorer()
    metered = MeteredScorer(scorer, Meters(telemetry, scorer.recent))
    assert metered.score(["billing a", "it b"]) == scorer.score(["billing a", "it b"])
    metered.score(["billing a", "sales c"])
    sample = telemetry.registry.get_sample_value
    assert sample("earshot_scoring_seconds_count") == 2
    assert sample("earshot_scoring_texts_sum") == 4
    assert sample("earshot_score_cache_misses_total") == 3
    # Two by the plain call in between, one by the last.
    assert sample("earshot_score_cache_hits_total") == 3
    assert (metered.model, metered.heads, metered.card) == (scorer.model, scorer.heads, scorer.card)
