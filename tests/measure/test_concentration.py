from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from recsat.errors import UnknownItem
from recsat.measure import concentration as conc
from recsat.measure.exposure import ListedItems, listed_items

MEASURES: dict[str, Callable[[ListedItems], conc.Aggregate]] = {
    "coverage": conc.coverage_of,
    "entropy": conc.entropy_of,
    "simpson": conc.simpson_of,
    "gini": conc.gini_of,
}


def listed_of(matrix: np.ndarray) -> ListedItems:
    n_users, n_items = matrix.shape
    users = pl.Series([f"u{i}" for i in range(n_users)])
    return ListedItems(users, pl.Series([f"i{i}" for i in range(n_items)]), csr_array(matrix.astype(np.float32)))


def sampled_lists(seed: int, n_users: int, n_items: int, k: int, skew: float) -> np.ndarray:
    dice = np.random.default_rng(seed)
    keys = -skew * np.log(np.arange(1, n_items + 1)) + dice.gumbel(size=(n_users, n_items))
    matrix = np.zeros((n_users, n_items))
    np.put_along_axis(matrix, np.argpartition(-keys, k, axis=1)[:, :k], 1.0, axis=1)
    return matrix


def textbook(counts: np.ndarray) -> dict[str, float]:
    """The definitions, written out over all pairs."""
    p = counts / counts.sum()
    return {
        "coverage": float((counts > 0).mean()),
        "entropy": -sum(float(x) * math.log2(x) for x in p if x > 0),
        "simpson": 1 - float((p**2).sum()),
        "gini": float(np.abs(counts[:, None] - counts[None]).sum() / (2 * len(counts) * counts.sum())),
    }


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), k=st.integers(1, 6), skew=st.floats(0, 3))
def test_values_and_every_left_out_value_equal_the_definitions(seed: int, k: int, skew: float) -> None:
    matrix = sampled_lists(seed, 12, 15, k, skew)
    matrix[3] = 0  # a user without a list
    for name, measure in MEASURES.items():
        aggregate = measure(listed_of(matrix))
        assert aggregate.value == pytest.approx(textbook(matrix.sum(axis=0))[name], abs=1e-9)
        for user in range(12):
            without = np.delete(matrix, user, axis=0).sum(axis=0)
            assert aggregate.left_out[user] == pytest.approx(textbook(without)[name], abs=1e-9), (name, user)
        assert aggregate.user_values.mean() == pytest.approx(aggregate.value, abs=1e-9)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([1, 1, 1, 1], {"coverage": 1.0, "entropy": 2.0, "simpson": 0.75, "gini": 0.0}),
        ([3, 0, 0, 0], {"coverage": 0.25, "entropy": 0.0, "simpson": 0.0, "gini": 0.75}),
        ([2, 1, 1, 0], {"coverage": 0.75, "entropy": 1.5, "simpson": 0.625, "gini": 0.375}),
    ],
)
def test_values_worked_by_hand(counts: list[int], expected: dict[str, float]) -> None:
    lists = pl.DataFrame(
        [(f"u{item}{n}", "abcd"[item], 1) for item, times in enumerate(counts) for n in range(times)],
        schema=["user_id", "item_id", "rank"],
        orient="row",
    )
    items = pl.Series(list("abcd"))
    assert conc.coverage(lists, items) == pytest.approx(expected["coverage"])
    assert conc.exposure_entropy(lists, items) == pytest.approx(expected["entropy"])
    assert conc.exposure_simpson(lists, items) == pytest.approx(expected["simpson"])
    assert conc.exposure_gini(lists, items) == pytest.approx(expected["gini"])


def test_a_users_value_is_the_jackknifes_by_hand() -> None:
    # Of four items u is shown the first, v the first two. Coverage is 2 of 4, 2 of 4 without u and 1 of 4 without v, so v,
    # who alone is shown the second item, has the larger value:
    # 1/2 + (2 - 1) (3/8 - 1/2) = 3/8 and 1/2 + (2 - 1) (3/8 - 1/4) = 5/8.
    aggregate = conc.coverage_of(listed_of(np.array([[1, 0, 0, 0], [1, 1, 0, 0]])))
    assert aggregate.left_out.tolist() == [0.5, 0.25]
    assert aggregate.user_values.tolist() == [0.375, 0.625]


@pytest.mark.parametrize("name", MEASURES)
def test_a_users_value_is_theta_and_n_minus_one_times_what_is_missed_without_them(name: str) -> None:
    aggregate = MEASURES[name](listed_of(sampled_lists(1, 12, 15, 3, 1.0)))
    expected = aggregate.value + 11 * (aggregate.left_out.mean() - aggregate.left_out)
    np.testing.assert_allclose(aggregate.user_values, expected)
    assert aggregate.user_values.std() > 0


def test_a_single_list_has_a_value_and_no_spread() -> None:
    aggregate = conc.coverage_of(listed_of(np.array([[1, 0]])))
    assert aggregate.value == 0.5
    assert np.isnan(aggregate.user_values).all()


def test_lists_that_show_nothing_cover_nothing_and_have_no_shares() -> None:
    listed = listed_of(np.zeros((3, 4)))
    assert conc.coverage_of(listed).value == 0.0
    for measure in (conc.entropy_of, conc.simpson_of, conc.gini_of):
        assert math.isnan(measure(listed).value)


def test_only_the_first_k_places_count() -> None:
    lists = pl.DataFrame({"user_id": ["u"] * 3, "item_id": ["a", "b", "c"], "rank": [1, 2, 3]})
    assert listed_items(lists, pl.Series(["a", "b", "c"]), k=2).counts.tolist() == [1, 1, 0]


def test_an_item_outside_the_catalogue_is_named() -> None:
    lists = pl.DataFrame({"user_id": ["u"], "item_id": ["z"], "rank": [1]})
    with pytest.raises(UnknownItem, match="'z' is not among the 1 items"):
        conc.coverage(lists, pl.Series(["a"]))


@pytest.mark.parametrize("skew", [0.3, 1.2, 2.0])
def test_the_jackknife_holds_the_expected_value_at_least_as_often_as_it_says(skew: float) -> None:
    n_users, n_items, k, n_worlds = 100, 300, 5, 150
    worlds = [listed_of(sampled_lists(seed, n_users, n_items, k, skew)) for seed in range(n_worlds)]
    for name, measure in MEASURES.items():
        aggregates = [measure(listed) for listed in worlds]
        values = np.array([one.value for one in aggregates])
        errors = np.array([one.user_values.std(ddof=1) / math.sqrt(n_users) for one in aggregates])
        covered = np.abs(values - values.mean()) <= 1.96 * errors
        assert covered.mean() >= 0.92, name  # 0.95 nominal; conservative by Efron and Stein
        assert errors.mean() <= 3 * values.std(), name  # and not uselessly wide


def test_why_not_the_bootstrap_a_resample_always_covers_less() -> None:
    matrix = sampled_lists(0, 100, 300, 5, 0.3)
    dice = np.random.default_rng(0)
    covered = [(matrix[dice.integers(100, size=100)].sum(axis=0) > 0).mean() for _ in range(200)]
    assert max(covered) < conc.coverage_of(listed_of(matrix)).value


@pytest.mark.parametrize("name", MEASURES)
def test_lists_read_from_a_table_are_left_as_they_are_and_have_the_values_of_their_matrix(name: str) -> None:
    matrix = sampled_lists(2, 12, 15, 3, 1.0)
    lists = pl.DataFrame(
        [(f"u{user}", f"i{item}", 1) for user, item in np.argwhere(matrix)],
        schema=["user_id", "item_id", "rank"],
        orient="row",
    )
    listed = listed_items(lists, pl.Series([f"i{item}" for item in range(15)]))
    measured = MEASURES[name](listed)
    assert (listed.matrix.toarray() == matrix).all()
    for user in range(12):
        without = MEASURES[name](listed_of(np.delete(matrix, user, axis=0)))
        assert measured.left_out[user] == pytest.approx(without.value, abs=1e-9)
