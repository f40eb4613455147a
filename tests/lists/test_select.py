"""The k best of padded scores."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recsat.lists.select import top_k

INF = float("inf")


def test_places_come_best_first_and_padding_is_minus_one() -> None:
    scores = torch.tensor([[0.1, 3.0, -INF, 2.0], [-INF, -INF, 5.0, -INF]])
    assert top_k(scores, 3).tolist() == [[1, 3, 0], [2, -1, -1]]


def test_k_may_exceed_the_number_of_candidates() -> None:
    assert top_k(torch.tensor([[1.0, 2.0]]), 4).tolist() == [[1, 0, -1, -1]]


@given(arrays(np.float32, (5, 9), elements=st.floats(-100, 100, width=32)), st.integers(1, 9))
def test_it_agrees_with_a_full_sort(scores: np.ndarray, k: int) -> None:
    places = top_k(torch.from_numpy(scores), k).numpy()
    picked = np.take_along_axis(scores, places, axis=1)
    np.testing.assert_array_equal(picked, -np.sort(-scores, axis=1)[:, :k])


def test_ties_are_drawn_at_random_and_a_seed_repeats_them() -> None:
    scores = torch.ones(4000, 10)
    first = top_k(scores, 1, torch.Generator().manual_seed(5)).flatten()
    again = top_k(scores, 1, torch.Generator().manual_seed(5)).flatten()
    assert torch.equal(first, again)
    counts = torch.bincount(first, minlength=10)
    assert counts.min() > 300, "each of ten tied items should lead about 400 of 4,000 lists"


def test_the_random_draw_never_overturns_a_real_difference() -> None:
    scores = torch.tensor([[1.0, 1.0 + 2e-7, 0.5]]).repeat(500, 1)
    assert (top_k(scores, 1, torch.Generator().manual_seed(1)) == 1).all()
