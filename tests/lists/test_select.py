"""The k best of padded scores."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recsat.lists import select
from recsat.lists.select import LARGEST, TieNoise, top_k

INF = float("inf")


def noise(seed: int, n_users: int) -> TieNoise:
    return TieNoise(seed, [f"u{i}" for i in range(n_users)])


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
    first = top_k(scores, 1, noise(5, 4000)).flatten()
    again = top_k(scores, 1, noise(5, 4000)).flatten()
    assert torch.equal(first, again)
    counts = torch.bincount(first, minlength=10)
    assert counts.min() > 300, "each of ten tied items should lead about 400 of 4,000 lists"


def test_the_random_draw_never_overturns_a_real_difference() -> None:
    scores = torch.tensor([[1.0, 1.0 + 2e-7, 0.5]]).repeat(500, 1)
    assert (top_k(scores, 1, noise(1, 500)) == 1).all()


def test_what_ties_with_the_last_place_is_drawn_and_what_is_better_keeps_its_place() -> None:
    scores = torch.tensor([[3.0, 1, 1, 1, 2, 2, 1, -INF]]).repeat(4000, 1)
    places = top_k(scores, 4, noise(2, 4000))
    assert (places[:, 0] == 0).all()
    assert torch.equal(places[:, 1:3].sort(dim=1).values, torch.tensor([[4, 5]]).expand(4000, 2))
    assert 0.45 < (places[:, 1] == 4).double().mean() < 0.55
    counts = torch.bincount(places[:, 3], minlength=8)
    assert counts[[0, 4, 5, 7]].sum() == 0
    assert counts[[1, 2, 3, 6]].min() > 900, "each of four tied items should be the last of about 1,000 lists"


def by_full_sort(scores: np.ndarray, k: int, numbers: np.ndarray) -> list[list[int]]:
    """The plain way: a number for every score, made whether scores are equal or not."""
    lists = []
    for row, of_row in zip(scores, numbers, strict=True):
        order = [int(i) for i in np.lexsort((-of_row, -row)) if np.isfinite(row[i])][:k]
        lists.append(order + [-1] * (k - len(order)))
    return lists


@given(
    arrays(np.float32, (4, 90), elements=st.sampled_from([-INF, 0.0, 1.0, 1.5]) | st.floats(-2, 2, width=32)),
    st.integers(1, 95),
    st.integers(0, 99),
    st.booleans(),
)
def test_lists_are_those_of_a_number_for_every_score(scores: np.ndarray, k: int, seed: int, few: bool) -> None:
    """Also where more are equal to the last one than are looked at first."""
    scores = scores[:, :9] if few else scores
    columns = torch.arange(scores.shape[1])[None, :]
    numbers = noise(seed, 4).numbers(torch.arange(4), columns).numpy()
    assert top_k(torch.from_numpy(scores), k, noise(seed, 4)).tolist() == by_full_sort(scores, k, numbers)


@pytest.mark.parametrize("rows_at_once", [1, 2, 6])
def test_in_long_rows_too_lists_are_those_of_a_number_for_every_score(
    rows_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row of which no scores are equal, two with more equal ones than are looked at first, one with few, and such with values that are no scores."""
    n, rng = 4 * select.OF_CPU[1], np.random.default_rng(0)
    monkeypatch.setattr(select, "NUMBERS_AT_ONCE", rows_at_once * n)
    plain, crowded, few = rng.permutation(n), rng.integers(0, 50, n), rng.integers(0, n // 8, n)
    scores = np.stack([plain, crowded, few, crowded, few, crowded[::-1]]).astype(np.float32)
    scores[3, :7], scores[4, 5:9], scores[:, 100:110] = INF, np.nan, -INF
    numbers = noise(11, 6).numbers(torch.arange(6), torch.arange(n)[None, :]).numpy()
    expected = by_full_sort(np.where(np.isfinite(scores), scores, -INF), 10, numbers)
    assert top_k(torch.from_numpy(scores), 10, noise(11, 6)).tolist() == expected
    assert (
        top_k(torch.from_numpy(scores[1:]), 10, TieNoise(11, ["u1", "u2", "u3", "u4", "u5"])).tolist() == expected[1:]
    )


def test_a_users_numbers_are_of_the_seed_the_user_and_the_item_alone() -> None:
    columns = torch.arange(50)[None, :]
    together = TieNoise(7, ["a", "b", "c"]).numbers(torch.tensor([2, 0]), columns)
    assert torch.equal(TieNoise(7, ["c"]).numbers(torch.tensor([0]), columns)[0], together[0])
    assert not torch.equal(TieNoise(8, ["c"]).numbers(torch.tensor([0]), columns)[0], together[0])
    candidates = torch.tensor([[4, 40, 2]])
    of_candidates = TieNoise(7, ["c"], candidates).numbers(torch.tensor([0]), torch.tensor([[2, 0]]))
    assert torch.equal(of_candidates[0], together[0][[2, 4]])


def test_numbers_are_spread_evenly_over_users_and_over_items() -> None:
    numbers = noise(3, 300).numbers(torch.arange(300), torch.arange(300)[None, :]).double() / LARGEST
    assert 0 <= numbers.min() < 1e-4
    assert 1 - 1e-4 < numbers.max() <= 1
    for of_one in (numbers, numbers.T):
        counts = torch.stack([torch.histc(row, 4, 0, 1) for row in of_one])
        assert (((counts - 75) ** 2 / 75).sum(dim=1) < 22).all(), "chi-square with 3 degrees of freedom, 1 - 6e-5"
    centred = numbers - 0.5
    assert abs(float((centred[1:] * centred[:-1]).mean())) < 0.002, "neighbouring users"
    assert abs(float((centred[:, 1:] * centred[:, :-1]).mean())) < 0.002, "neighbouring items"


@given(
    arrays(np.float32, (3, 64 * 12 + 5), elements=st.sampled_from([-INF, 0.0, 1.0]) | st.floats(-2, 2, width=32)),
    st.integers(1, 12),
    st.sampled_from([16, 64]),
)
def test_the_largest_of_groups_are_the_largest(scores: np.ndarray, k: int, columns: int) -> None:
    of_groups, expected = (
        select._largest_of_groups(torch.from_numpy(scores), k, columns),
        torch.from_numpy(scores).topk(k, dim=1),
    )
    assert torch.equal(of_groups.values, expected.values)
    assert torch.equal(torch.from_numpy(scores).gather(1, of_groups.indices), expected.values)
    assert all(len(set(row)) == k for row in of_groups.indices.tolist())


@given(arrays(np.float32, (6, 9), elements=st.sampled_from([-INF, 0.0, 1.0, 1.5])), st.integers(1, 8))
def test_the_best_k_are_the_first_of_more(scores: np.ndarray, k: int) -> None:
    """So that a reranker that keeps the order of its candidates changes no list."""
    few, many = (top_k(torch.from_numpy(scores), n, noise(4, 6)) for n in (k, 9))
    assert torch.equal(few, many[:, :k])


def test_users_and_items_that_tie_are_drawn_apart() -> None:
    """Every pair of four tied items is in either order equally often, and of two users as often alike as not."""
    order = top_k(torch.zeros(6000, 4), 4, noise(3, 6000)).argsort(dim=1)
    for one in range(4):
        for other in range(one):
            before = (order[:, one] < order[:, other]).double()
            assert 0.47 < before.mean() < 0.53
            assert 0.47 < (before[1:] == before[:-1]).double().mean() < 0.53


@given(
    arrays(np.float32, (6, 9), elements=st.sampled_from([-INF, 0.0, 1.0, 1.5])), st.integers(1, 11), st.integers(0, 99)
)
def test_with_ties_it_agrees_with_a_full_sort_and_names_nothing_twice(scores: np.ndarray, k: int, seed: int) -> None:
    places = top_k(torch.from_numpy(scores), k, noise(seed, 6)).numpy()
    for row, of_row in zip(scores, places, strict=True):
        finite = np.sort(row[np.isfinite(row)])[::-1][:k]
        listed = of_row[of_row >= 0]
        assert len(set(listed.tolist())) == len(listed) == len(finite)
        assert (of_row[len(finite) :] == -1).all()
        np.testing.assert_array_equal(row[listed], finite)


def test_what_is_no_finite_number_is_never_among_the_best() -> None:
    scores = torch.tensor([[float("nan"), 1.0, 3.0, INF], [0.0, 2.0, -INF, 1.0]])
    for of_ties in (None, noise(1, 2)):
        assert top_k(scores, 3, of_ties).tolist() == [[2, 1, -1], [1, 3, 0]]


def test_no_items_give_padding_and_no_users_nothing() -> None:
    assert top_k(torch.empty(2, 0), 2).tolist() == [[-1, -1], [-1, -1]]
    assert top_k(torch.empty(0, 4), 2).shape == (0, 2)


@pytest.mark.parametrize(
    ("width", "k", "by_groups"),
    [(2**14 + 3, 10, True), (2**14 + 3, 128, True), (2**14 + 3, 129, False), (2**14 - 1, 10, False)],
)
def test_long_rows_are_looked_through_by_groups(
    width: int, k: int, by_groups: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    of_groups = select._largest_of_groups
    monkeypatch.setattr(select, "_largest_of_groups", lambda *arguments: calls.append(1) or of_groups(*arguments))
    scores = torch.randn(2, width, generator=torch.Generator().manual_seed(0))
    assert torch.equal(select._largest(scores, k).values, scores.topk(k, dim=1).values)
    assert bool(calls) == by_groups
