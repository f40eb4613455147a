"""Histories of unlike length side by side."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_array

from recsat.arms.linear.padded import factors_of, padded_rows

MATRIX = csr_array(np.array([[0, 1, 0, 1], [0, 0, 0, 0], [1, 1, 1, 0]], dtype=np.float32))


def test_rows_are_padded_to_the_longest_of_those_that_are_taken() -> None:
    assert padded_rows(MATRIX).tolist() == [[1, 3, -1], [-1, -1, -1], [0, 1, 2]]
    assert padded_rows(MATRIX, np.array([1, 0])).tolist() == [[-1, -1], [1, 3]]
    assert padded_rows(MATRIX, np.array([1])).tolist() == [[-1]]
    assert padded_rows(MATRIX, np.array([], dtype=np.int64)).tolist() == []


def test_a_padded_place_has_factors_of_zero() -> None:
    factors = torch.arange(1.0, 9.0).reshape(4, 2)
    assert factors_of(MATRIX, factors)[0].tolist() == [[3.0, 4.0], [7.0, 8.0], [0.0, 0.0]]
    assert not factors_of(MATRIX, factors)[1].any()


def test_of_a_large_catalogue_no_other_factors_are_read() -> None:
    n_items = 10**9  # 256 GB of factors, which one row stands for
    events = csr_array((np.ones(3), np.array([5, n_items - 1, 7]), np.array([0, 2, 3])), shape=(2, n_items))
    of_rows = factors_of(events, torch.ones(1, 64).expand(n_items, 64))
    assert of_rows.sum(dim=2).tolist() == [[64.0, 64.0], [64.0, 0.0]]
