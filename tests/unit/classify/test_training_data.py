"""Labels by hash, agreement of readers, targets: what the model learns from, and what it never sees."""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from services.classify.core import text
from services.classify.core.labels import TAXONOMY
from services.classify.training import datasets
from services.classify.training.datasets import OWN, REAL_NAME, Example, read_corpus
from services.classify.training.labels import LabelledPost, agreement, read_labels
from services.classify.training.mapping import Meaning
from services.classify.training.targets import MAPPED_WEIGHT, epochs_of, head_targets

PRAISE = Meaning("marketing", "praise", "positive")
CHATTER = Meaning("none", "chatter", "neutral")


def post(readings: tuple[Meaning, Meaning] | None) -> LabelledPost:
    return LabelledPost("a_set", "00" * 32, PRAISE, "agreed", readings)


def test_training_and_serving_prepare_texts_with_one_function() -> None:
    assert vars(datasets)["prepare"] is text.prepare


def test_every_label_of_the_shipped_file_belongs_to_the_taxonomy_and_no_text_stands_in_it() -> None:
    posts = list(read_labels())
    assert len(posts) >= 4_000
    assert len({(each.set_name, each.sha256) for each in posts}) == len(posts)
    for each in posts:
        assert each.meaning.department in TAXONOMY["department"]
        assert each.meaning.intent in TAXONOMY["intent"]
        assert each.meaning.sentiment in TAXONOMY["sentiment"]
        assert len(each.sha256) == 64


def test_at_least_600_posts_read_twice_are_held_back_by_their_hash_alone() -> None:
    parts = Counter(each.part for each in read_labels() if each.readings is not None)
    assert parts["test"] >= 600


def test_a_post_stays_in_its_part() -> None:
    assert LabelledPost("a_set", "0000000f" + "0" * 56, PRAISE, "agreed", None).part == "training"
    assert LabelledPost("a_set", "00000002" + "0" * 56, PRAISE, "agreed", None).part == "test"
    assert LabelledPost("a_set", "00000003" + "0" * 56, PRAISE, "agreed", None).part == "tuning"


def test_agreement_counts_posts_read_twice_and_takes_chance_off() -> None:
    found = agreement([post((PRAISE, PRAISE)), post((CHATTER, CHATTER)), post((PRAISE, CHATTER)), post(None)])
    assert found["intent"] == {"texts": 3, "same": 0.667, "kappa": 0.4}


def test_a_label_on_which_readers_differ_counts_half_each() -> None:
    examples = [
        Example("a", PRAISE, REAL_NAME, (PRAISE, CHATTER)),
        Example("b", Meaning(None, "praise", None), "goemotions"),
        Example("c", CHATTER, OWN),
    ]
    targets = head_targets(examples, "department")
    labels = TAXONOMY["department"]
    shares = dict(zip(labels, targets.shares[0], strict=True))
    assert shares["marketing"] == pytest.approx(shares["none"])
    assert shares["marketing"] > 0.4
    assert targets.weights[1] == 0
    assert np.allclose(targets.shares[[0, 2]].sum(axis=1), 1)
    by_intent = head_targets(examples, "intent")
    assert by_intent.weights[1] == pytest.approx(MAPPED_WEIGHT["intent"])


def test_posts_read_by_us_come_in_every_epoch_mapped_ones_once_and_the_sentiment_set_in_three() -> None:
    examples = [Example(str(each), CHATTER, "goemotions") for each in range(4)]
    examples += [Example("x", CHATTER, OWN), Example("y", CHATTER, "semeval2017_sentiment")]
    seen = epochs_of(examples, 5)
    assert seen[:5] == [{0}, {1}, {2}, {3}, {0, 1, 2, 3, 4}]
    assert len(seen[5]) == 3


@pytest.mark.data
def test_no_text_is_learnt_from_that_is_measured_or_chosen_on(shared_folder: Path) -> None:
    corpus = read_corpus(shared_folder / "data", seed=7)
    learnt = {each.text for each in corpus.training}
    chosen = {each.text for each in corpus.tuning}
    measured = {each.text for examples in corpus.held_out.values() for each in examples}
    assert not learnt & chosen
    assert not learnt & measured
    assert not chosen & {each.text for each in corpus.held_out[REAL_NAME]}
    assert len(corpus.held_out[REAL_NAME]) >= 600


@pytest.mark.data
def test_a_label_names_the_text_of_its_set(shared_folder: Path) -> None:
    rows = datasets.read_rows(shared_folder / "data", "vader_amazon")
    digests = {hashlib.sha256(row.text.encode()).hexdigest() for row in rows}
    assert {each.sha256 for each in read_labels() if each.set_name == "vader_amazon"} <= digests
