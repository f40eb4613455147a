"""Moments, and what came before and after each, beside loops over every pair."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from recsat.arms.linear.order import before_and_after, decayed, moments_of


def world(seed: int, *, n_times: int = 4) -> tuple[csr_array, csr_array]:
    rng = np.random.default_rng(seed)
    history = csr_array((rng.random((6, 9)) < 0.5).astype(np.float32))
    times = csr_array(
        (rng.integers(-2, n_times - 2, history.nnz).astype(float), history.indices, history.indptr), shape=history.shape
    )
    return history, times


def of_user(history: csr_array, values: np.ndarray, user: int) -> tuple[np.ndarray, np.ndarray]:
    part = slice(history.indptr[user], history.indptr[user + 1])
    return history.indices[part], values[part]


@pytest.mark.parametrize("seed", range(5))
def test_moments_count_the_users_distinct_times_in_order(seed: int) -> None:
    history, times = world(seed)
    moments = moments_of(history, times)
    for user in range(6):
        _, at = of_user(history, times.data, user)
        expected = [sorted(set(at.tolist())).index(time) for time in at]
        assert of_user(history, moments, user)[1].tolist() == expected


def test_without_times_everything_is_of_one_moment() -> None:
    history, _ = world(0)
    assert moments_of(history, None).tolist() == [0] * history.nnz
    empty = csr_array((3, 9), dtype=np.float32)
    assert moments_of(empty, empty).tolist() == []
    S, T = before_and_after(history, moments_of(history, None), 1.0)
    assert (S.nnz, T.nnz) == (0, 0)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("decay", [0.5, 1.0, 3.0])
def test_before_and_after_are_what_loops_over_all_pairs_say(seed: int, decay: float) -> None:
    history, times = world(seed, n_times=6)
    moments = moments_of(history, times)
    before, after = [], []
    for user in range(6):
        items, at = of_user(history, moments, user)
        for moment in range(at.max(initial=-1) + 1):
            rows = np.zeros(9), np.zeros(9)
            for item, when in zip(items, at, strict=True):
                if moment < at.max():
                    side, distance = (0, moment - when) if when <= moment else (1, when - moment - 1)
                    rows[side][item] = np.exp(-distance / decay)
            before.append(rows[0])
            after.append(rows[1])
    S, T = before_and_after(history, moments, decay)
    np.testing.assert_allclose(S.toarray(), before, atol=2e-3)  # far steps are left out
    np.testing.assert_allclose(T.toarray(), after, atol=2e-3)


def test_an_older_item_weighs_less_and_an_endless_decay_changes_nothing() -> None:
    history, times = world(3)
    moments = moments_of(history, times)
    rows = decayed(history, moments, 2.0)
    for user in range(6):
        _, at = of_user(history, moments, user)
        np.testing.assert_allclose(of_user(rows, rows.data, user)[1], np.exp((at - at.max(initial=0)) / 2.0), rtol=1e-6)
    assert decayed(history, moments, None) is history
