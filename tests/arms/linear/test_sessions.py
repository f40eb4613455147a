"""Pairs of likes that count by how close in time they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from recsat.arms.linear import sessions
from recsat.arms.linear.sessions import session_gram
from recsat.contract.interactions import TrainingData


def timed(history: csr_array, seed: int = 0) -> csr_array:
    seconds = np.random.default_rng(seed).uniform(0, 2000, history.nnz)
    return csr_array((seconds, history.indices, history.indptr), shape=history.shape)


def test_pairs_count_by_time_and_by_place_between_them() -> None:
    history = csr_array(np.array([[1, 1, 0, 1], [0, 1, 1, 0]], dtype=np.float32))
    times = csr_array((np.array([100.0, 160.0, 220.0, 5.0, 5.0]), history.indices, history.indptr), shape=history.shape)
    G = session_gram(history, times, np.array([2.0, 1.0]), seconds=60.0, window=3).toarray()
    next_to, two_apart = 2 * np.exp(-1) * 3 / 4, 2 * np.exp(-2) * 2 / 4
    expected = [[2, next_to, 0, two_apart], [next_to, 3, 0.75, next_to], [0, 0.75, 1, 0], [two_apart, next_to, 0, 2]]
    np.testing.assert_allclose(G, expected)


@given(st.integers(0, 1000), st.sampled_from([1, 4, 50]))
def test_the_time_weighted_gram_stays_positive_semidefinite(seed: int, window: int) -> None:
    rng = np.random.default_rng(seed)
    history = csr_array((rng.random((8, 12)) < 0.5).astype(np.float32))
    G = session_gram(history, timed(history, seed), rng.random(8), seconds=300.0, window=window).toarray()
    np.testing.assert_array_equal(G, G.T)
    assert np.linalg.eigvalsh(G).min() > -0.01  # pairs whose decay is below e^-7 are left out


def test_how_many_pairs_are_summed_at_once_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    history = csr_array((np.random.default_rng(0).random((20, 12)) < 0.5).astype(np.float32))
    at_once = session_gram(history, timed(history), np.ones(20), seconds=600.0).toarray()
    monkeypatch.setattr(sessions, "MOST_PAIRS", 20)
    np.testing.assert_allclose(session_gram(history, timed(history), np.ones(20), seconds=600.0).toarray(), at_once)


def test_without_decay_or_window_the_time_weighted_gram_is_the_gram(blocks: TrainingData) -> None:
    history = blocks.users.history
    G = session_gram(history, timed(history), np.ones(60), seconds=1e12, window=10**4)
    np.testing.assert_allclose(G.toarray(), (history.T @ history).toarray(), rtol=1e-2)


def test_in_one_moment_the_order_of_ids_decides_nothing() -> None:
    n = 400
    history = csr_array(np.ones((1, n), dtype=np.float32))
    times = csr_array((np.zeros(n), history.indices, history.indptr), shape=history.shape)
    G = session_gram(history, times, np.ones(1), seconds=60.0, window=3).toarray()
    first, second = np.nonzero(np.triu(G, 1))
    # Neighbours in a drawn order are n / 3 apart on average; in the order of ids they would be at most 3.
    assert np.abs(first - second).mean() > n / 4
