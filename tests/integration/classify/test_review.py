"""The tools on the shipped artefact: words that move a label, nearest examples, two artefacts, a taxonomy's doubts."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.classify.commands import cli
from services.classify.core.labels import DEPARTMENTS, INTENTS, SENTIMENTS
from services.classify.core.ports import Scores
from services.classify.review.compare import difference, mcnemar
from services.classify.training.datasets import Example
from services.classify.training.mapping import Meaning
from tests.unit.classify.fakes import shares

RUN = CliRunner()


def test_explain_names_the_word_that_makes_the_sentiment_and_near_examples() -> None:
    found = json.loads(RUN.invoke(cli, ["explain", "the new app is wonderful", "--json"]).stdout)
    assert found["words"] == ["the", "new", "app", "is", "wonderful"]
    sentiment = next(each for each in found["heads"] if each["head"] == "sentiment")
    assert sentiment["label"] == "positive"
    assert max(sentiment["moved"]) == sentiment["moved"][4] > 0.1
    similarities = [each["similarity"] for each in found["nearest"]]
    assert len(similarities) == 5
    assert similarities == sorted(similarities, reverse=True)


@pytest.mark.parametrize("text", ["", "muchas [bold]gracias[/]"])
def test_explain_shows_a_table_for_any_text(text: str) -> None:
    answer = RUN.invoke(cli, ["explain", text])
    assert answer.exit_code == 0
    assert "unsure" in answer.stdout or "head" in answer.stdout


def test_mcnemar_is_the_exact_binomial_test() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 5) == 1.0
    assert mcnemar(0, 6) == pytest.approx(2 / 64)
    assert mcnemar(10, 2) == pytest.approx(2 * (1 + 12 + 66) / 4096)


def some_scores(department: str) -> Scores:
    return Scores(
        shares(DEPARTMENTS, department, 0.9), shares(INTENTS, "praise", 0.9), shares(SENTIMENTS, "neutral", 0.9)
    )


def test_a_difference_counts_changed_labels_and_says_which_artefact_is_better() -> None:
    examples = [Example(f"text {n}", Meaning("billing", None, None), "set") for n in range(8)]
    old, new = [some_scores("sales")] * 7 + [some_scores("billing")], [some_scores("billing")] * 8
    found = difference("part", "department", examples, old, new)
    assert found is not None
    assert (found.accuracy, found.changed, found.verdict) == ((0.125, 1.0), 7, "better")
    assert difference("part", "intent", examples, old, new) is None


def test_taxonomy_tells_the_doubts_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "earshot.yaml"
    path.write_text(
        "taxonomy:\n  departments:\n"
        "    - {name: garage, description: Cars and parking, examples: [no place to park]}\n",
        encoding="utf-8",
    )
    answer = RUN.invoke(cli, ["taxonomy", str(path)])
    assert answer.exit_code == 0
    assert "1 example;" in " ".join(answer.stdout.split())
    told = json.loads(RUN.invoke(cli, ["taxonomy", str(path), "--json"]).stdout)
    assert told["heads"]["department"]["labels"][-1] == "garage"
