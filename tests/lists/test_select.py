"""The k best of padded scores."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recsat.lists.select import TieNoise, top_k

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
    first = top_k(scores, 1, TieNoise(5)).flatten()
    again = top_k(scores, 1, TieNoise(5)).flatten()
    assert torch.equal(first, again)
    counts = torch.bincount(first, minlength=10)
    assert counts.min() > 300, "each of ten tied items should lead about 400 of 4,000 lists"


def test_the_random_draw_never_overturns_a_real_difference() -> None:
    scores = torch.tensor([[1.0, 1.0 + 2e-7, 0.5]]).repeat(500, 1)
    assert (top_k(scores, 1, TieNoise(1)) == 1).all()


def test_what_ties_with_the_last_place_is_drawn_and_what_is_better_keeps_its_place() -> None:
    scores = torch.tensor([[3.0, 1, 1, 1, 2, 2, 1, -INF]]).repeat(4000, 1)
    places = top_k(scores, 4, TieNoise(2))
    assert (places[:, 0] == 0).all()
    assert torch.equal(places[:, 1:3].sort(dim=1).values, torch.tensor([[4, 5]]).expand(4000, 2))
    assert 0.45 < (places[:, 1] == 4).double().mean() < 0.55
    counts = torch.bincount(places[:, 3], minlength=8)
    assert counts[[0, 4, 5, 7]].sum() == 0
    assert counts[[1, 2, 3, 6]].min() > 900, "each of four tied items should be the last of about 1,000 lists"


def noise_for_all(scores: np.ndarray, k: int, generator: torch.Generator) -> list[list[int]]:
    """The plain way: a number for every score, made whether there are ties or not."""
    exact = torch.from_numpy(scores).double()
    finite = torch.isfinite(exact)
    scale = exact.masked_fill(~finite, 0).abs().amax(dim=1, keepdim=True).clamp(min=1e-12)
    exact += 1e-9 * scale * torch.rand(exact.shape, generator=generator, dtype=torch.float64)
    best = exact.masked_fill(~finite, -INF).topk(min(k, scores.shape[1]), dim=1)
    places = best.indices.masked_fill(torch.isinf(best.values), -1)
    return torch.nn.functional.pad(places, (0, k - places.shape[1]), value=-1).tolist()


BLOCKS = st.lists(
    arrays(np.float32, (4, 9), elements=st.sampled_from([-INF, 0.0, 1.0, 1.5]) | st.floats(-2, 2, width=32)), max_size=4
)


@given(BLOCKS, st.integers(1, 11), st.integers(0, 99))
def test_lists_are_those_of_a_number_for_every_score_whatever_blocks_came_before(
    blocks: list[np.ndarray], k: int, seed: int
) -> None:
    distinct = np.arange(36, dtype=np.float32).reshape(4, 9)
    noise, generator = TieNoise(seed), torch.Generator().manual_seed(seed)
    for scores in (distinct, *blocks, distinct, np.ones((4, 9), dtype=np.float32)):
        assert top_k(torch.from_numpy(scores), k, noise).tolist() == noise_for_all(scores, k, generator)


@given(arrays(np.float32, (6, 9), elements=st.sampled_from([-INF, 0.0, 1.0, 1.5])), st.integers(1, 8))
def test_the_best_k_are_the_first_of_more(scores: np.ndarray, k: int) -> None:
    """So that a reranker that keeps the order of its candidates changes no list."""
    few, many = (top_k(torch.from_numpy(scores), n, TieNoise(4)) for n in (k, 9))
    assert torch.equal(few, many[:, :k])


def test_users_and_items_that_tie_are_drawn_apart() -> None:
    """Every pair of four tied items is in either order equally often, and of two users as often alike as not."""
    order = top_k(torch.zeros(6000, 4), 4, TieNoise(3)).argsort(dim=1)
    for one in range(4):
        for other in range(one):
            before = (order[:, one] < order[:, other]).double()
            assert 0.47 < before.mean() < 0.53
            assert 0.47 < (before[1:] == before[:-1]).double().mean() < 0.53


@given(
    arrays(np.float32, (6, 9), elements=st.sampled_from([-INF, 0.0, 1.0, 1.5])), st.integers(1, 11), st.integers(0, 99)
)
def test_with_ties_it_agrees_with_a_full_sort_and_names_nothing_twice(scores: np.ndarray, k: int, seed: int) -> None:
    places = top_k(torch.from_numpy(scores), k, TieNoise(seed)).numpy()
    for row, of_row in zip(scores, places, strict=True):
        finite = np.sort(row[np.isfinite(row)])[::-1][:k]
        listed = of_row[of_row >= 0]
        assert len(set(listed.tolist())) == len(listed) == len(finite)
        assert (of_row[len(finite) :] == -1).all()
        np.testing.assert_array_equal(row[listed], finite)


def test_what_is_no_finite_number_is_never_among_the_best() -> None:
    scores = torch.tensor([[float("nan"), 1.0, 3.0, INF], [0.0, 2.0, -INF, 1.0]])
    for generator in (None, TieNoise(1)):
        assert top_k(scores, 3, generator).tolist() == [[2, 1, -1], [1, 3, 0]]


def test_no_items_give_padding_and_no_users_nothing() -> None:
    assert top_k(torch.empty(2, 0), 2).tolist() == [[-1, -1], [-1, -1]]
    assert top_k(torch.empty(0, 4), 2).shape == (0, 2)
