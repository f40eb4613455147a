import numpy as np
import pytest

from recsat.store import ExactIndex, SearchHits, recall


def hits(scores: list[list[float]]) -> SearchHits:
    values = np.array(scores, dtype=np.float32)
    return SearchHits(np.where(np.isfinite(values), 0, -1).astype(np.int64), values)


def test_exact_search_equals_a_full_sort_whatever_the_block() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(40, 5)).astype(np.float32)
    queries = rng.normal(size=(9, 5)).astype(np.float32)
    expected = np.argsort(-(queries @ vectors.T), axis=1)[:, :7]
    for block in (1, 4, 100):
        np.testing.assert_array_equal(ExactIndex(vectors).search(queries, limit=7, block=block).items, expected)


def test_masked_items_are_left_out_and_short_rows_are_padded() -> None:
    vectors = np.array([[3.0], [2.0], [1.0]], dtype=np.float32)
    query = np.array([[1.0], [-1.0]], dtype=np.float32)
    keep = np.array([[False, True, True], [False, False, True]])
    nearest = ExactIndex(vectors).search(query, limit=4, keep=keep)
    assert nearest.items.tolist() == [[1, 2, -1, -1], [2, -1, -1, -1]]
    assert nearest.scores.tolist() == [[2.0, 1.0, -np.inf, -np.inf], [-1.0, -np.inf, -np.inf, -np.inf]]


@pytest.mark.parametrize(
    ("scores", "exact", "expected"),
    [
        ([[3, 2, 1]], [[3, 2, 1]], 1.0),
        ([[3, 1, 0]], [[3, 2, 1]], 2 / 3),
        ([[3, 1, -np.inf]], [[3, 2, 1]], 2 / 3),
        ([[2, 2]], [[2, 2]], 1.0),
        ([[3, -np.inf]], [[3, -np.inf]], 1.0),
        ([[3, 2], [-np.inf, -np.inf]], [[3, 2], [5, 4]], 0.5),
        ([[1, 0]], [[-np.inf, -np.inf]], 1.0),
    ],
)
def test_recall_by_hand(scores: list[list[float]], exact: list[list[float]], expected: float) -> None:
    assert recall(hits(scores), hits(exact)) == pytest.approx(expected)
