import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.classify.model.artefact import Weights
from services.classify.model.heads import logits, on_grid, softmax


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_logits_of_a_vector_do_not_depend_on_the_rows_around_it(seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.uniform(-1, 1, (rows, 768)).astype(np.float32)
    weights = Weights(on_grid(rng.normal(0, 10, (11, 768))), on_grid(rng.normal(0, 1, 11)))
    together = logits(vectors, weights)
    alone = np.vstack([logits(vectors[row : row + 1], weights) for row in range(rows)])
    # The sums are exact, so adding backwards gives the same bits as well.
    backwards = logits(vectors[:, ::-1], Weights(weights.weight[:, ::-1], weights.bias))
    assert np.array_equal(together, alone)
    assert np.array_equal(together, backwards)


def test_probabilities_sum_to_one_and_survive_extreme_logits() -> None:
    found = softmax(np.array([[0.0, 0.0], [1e6, -1e6], [3.0, 1.0]]), 2.0)
    assert np.allclose(found.sum(axis=1), 1, atol=2e-4)
    assert found[0].tolist() == [0.5, 0.5]
    assert found[1].tolist() == [1.0, 0.0]
    assert found[2, 0] == round(1 / (1 + np.exp(-1.0)), 4)
