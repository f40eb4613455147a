"""Item-item weights as vectors and neighbours."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_array

from recsat.arms.ease import Ease
from recsat.arms.hybrid.short_form import factorise, latest_neighbours
from recsat.contract.interactions import TrainingData, UserBatch


def test_at_full_rank_the_vectors_give_the_weights_back(blocks: TrainingData) -> None:
    weights = Ease(l2=5.0).fit(blocks).weights
    taste = factorise(weights, seed=1, n_factors=30)
    np.testing.assert_allclose(taste.history @ taste.items.T, weights.numpy(), atol=1e-5)


def test_a_low_rank_is_near_the_best_that_there_is(blocks: TrainingData) -> None:
    weights = Ease(l2=5.0).fit(blocks).weights
    taste = factorise(weights, seed=1, n_factors=8)
    error = np.linalg.norm(taste.history @ taste.items.T - weights.numpy())
    best = torch.linalg.svdvals(weights)[8:].norm().item()
    assert error <= 1.15 * best


def test_a_seed_gives_one_factorisation(blocks: TrainingData) -> None:
    weights = Ease(l2=5.0).fit(blocks).weights
    first, second = (factorise(weights, seed=3, n_factors=5) for _ in range(2))
    np.testing.assert_array_equal(first.items, second.items)


def test_neighbours_are_summed_over_the_last_items_alone() -> None:
    weights = csr_array(np.array([[0, 3, 1, 0], [0, 0, 0, 2], [0, 5, 0, 4], [0, 0, 0, 0]], dtype=np.float32))
    history = csr_array(np.array([[1, 0, 1, 0], [0, 0, 0, 1]], dtype=np.float32))
    assert latest_neighbours(weights, UserBatch(["u", "v"], history), 3).tolist() == [[1, 3, 2], [-1, -1, -1]]


def test_older_items_than_the_last_twenty_do_not_count() -> None:
    n = 25
    weights = csr_array(np.eye(n, n, k=1, dtype=np.float32))
    history = csr_array(np.array([[*[1] * (n - 1), 0]], dtype=np.float32))
    times = csr_array(np.array([[*range(1, n), 0]], dtype=np.float64))
    neighbours = latest_neighbours(weights, UserBatch(["u"], history, times=times), 30)
    assert set(neighbours[neighbours >= 0].tolist()) == set(range(5, n))


def test_which_items_of_one_moment_are_the_last_is_no_matter_of_their_ids() -> None:
    n = 400
    weights = csr_array(np.eye(n, dtype=np.float32))
    history = csr_array(np.ones((1, n), dtype=np.float32))
    times = csr_array((np.zeros(n), history.indices, history.indptr), shape=history.shape)
    neighbours = latest_neighbours(weights, UserBatch(["u"], history, times=times), n)[0]
    last = neighbours[neighbours >= 0]
    assert len(last) == 20
    assert n / 4 < last.mean() < 3 * n / 4
    assert 100 < np.median(latest_neighbours(weights, UserBatch(["u"], history), 20)[0]) < 300
