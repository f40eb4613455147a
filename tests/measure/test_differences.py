"""Intervals of paired differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_ind

from recsat.measure.differences import detectable, difference_intervals, effective_users, smallest_shown, winsorised


def test_one_column_by_hand() -> None:
    """|t*| of every resample, one after the other."""
    d = np.array([0.0, 0.0, 0.0, 1.0, -0.5, 3.0, 0.2, 0.1])
    n, seed = len(d), 3
    rows = np.random.default_rng(seed).integers(n, size=(500, n))
    t = []
    for row in rows:
        error = d[row].std(ddof=1) / np.sqrt(n)
        apart = abs(d[row].mean() - d.mean())
        t.append(apart / error if error else (0.0 if apart == 0 else np.inf))
    half = np.quantile(t, 0.9, method="higher") * d.std(ddof=1) / np.sqrt(n)
    intervals = difference_intervals(d[:, None], confidence=0.9, n_bootstrap=500, seed=seed)
    np.testing.assert_allclose(
        (intervals.mean[0], intervals.low[0], intervals.high[0]), (d.mean(), d.mean() - half, d.mean() + half)
    )


def test_users_who_lack_an_arm_are_left_out_column_by_column() -> None:
    rng = np.random.default_rng(0)
    d = rng.normal(size=(50, 3))
    d[:20, 1] = np.nan
    together = difference_intervals(d, confidence=0.95, n_bootstrap=200, seed=1)
    alone = difference_intervals(d[20:, 1:2], confidence=0.95, n_bootstrap=200, seed=1)
    assert together.n_users.tolist() == [50, 30, 50]
    assert (together.low[1], together.high[1]) == (alone.low[0], alone.high[0])


@pytest.mark.parametrize("d", [[[0.0]] * 40, [[0.3]] * 40, [[1.0]], [[0.0]] * 19 + [[5.0]]])
def test_where_nothing_can_be_said_there_is_no_interval(d: list[list[float]]) -> None:
    """No spread, one user, or one user of twenty who alone has any: a third of the resamples have no spread then."""
    intervals = difference_intervals(np.array(d), confidence=0.95, n_bootstrap=500, seed=0)
    assert np.isnan(intervals.low[0])
    assert np.isnan(intervals.high[0])
    assert intervals.mean[0] == pytest.approx(np.mean(d))


def test_it_is_symmetric_and_turns_with_the_sign() -> None:
    d = np.random.default_rng(2).lognormal(size=(200, 1)) - 1
    a, b = (difference_intervals(sign * d, confidence=0.95, n_bootstrap=300, seed=0) for sign in (1, -1))
    np.testing.assert_allclose(a.low, -b.high)
    np.testing.assert_allclose(a.high - a.mean, a.mean - a.low)


def test_skewed_differences_are_covered_where_bca_is_not() -> None:
    """400 worlds of money at 200 users; the page docs/coverage.md has more."""
    rng = np.random.default_rng(0)
    a, b = ((rng.random((200, 400)) < 0.04) * rng.lognormal(0, 1.2, (200, 400)) for _ in range(2))
    intervals = difference_intervals(a - b, confidence=0.95, n_bootstrap=400, seed=0)
    assert ((intervals.low <= 0) & (intervals.high >= 0)).mean() >= 0.93


def test_effective_users() -> None:
    d = np.array([[1.0, 10.0, 0.0, np.nan], [1.0, 0.0, 0.0, 2.0], [1.0, 0.0, 0.0, 2.0]])
    assert effective_users(d).tolist() == [3, 1, 0, 2]


def test_what_could_have_been_shown_is_shown_four_times_in_five() -> None:
    rng = np.random.default_rng(0)
    n = 300
    smallest = detectable(rng.normal(size=(n, 1)), confidence=0.95)[0]
    d = rng.normal(smallest, 1, size=(n, 2000))
    z = d.mean(axis=0) / (d.std(axis=0, ddof=1) / np.sqrt(n))
    assert (z > 1.96).mean() == pytest.approx(0.8, abs=0.06)
    assert np.isnan(detectable(np.array([[1.0], [np.nan]]), confidence=0.95)[0])


def test_zeros_do_not_count_where_money_is_drawn_in() -> None:
    """Two in a hundred spend: 5 % of the users would be everybody who does, and the measure nothing."""
    money = np.zeros(1000)
    money[:20] = np.arange(1, 21)
    drawn_in = winsorised(money, money, 0.05, (0.0, None))
    assert drawn_in[:20].tolist() == [*range(1, 20), 19]
    assert not drawn_in[20:].any()


def test_only_sides_without_a_bound_are_drawn_in_and_missing_values_stay() -> None:
    values = np.array([-9.0, -1.0, 1.0, 9.0, np.nan])
    both, lower, upper = (
        winsorised(values, values, 0.3, bounds) for bounds in ((None, None), (None, 9.0), (-9.0, None))
    )
    np.testing.assert_array_equal(both, [-1, -1, 1, 1, np.nan])
    np.testing.assert_array_equal(lower, [-1, -1, 1, 9, np.nan])
    np.testing.assert_array_equal(upper, [-9, -1, 1, 1, np.nan])
    np.testing.assert_array_equal(winsorised(np.zeros(3), np.zeros(3), 0.3, (0.0, None)), np.zeros(3))


def test_the_smallest_difference_is_shown_four_times_in_five_and_is_larger_in_a_family() -> None:
    """Users' values are normal, of spread 1, 100 in each of two groups."""
    rng = np.random.default_rng(0)
    size = 100
    error = (2 / size) ** 0.5
    smallest = smallest_shown(error, confidence=0.95)
    assert smallest == pytest.approx(2.8016 * error, rel=1e-4)
    assert smallest_shown(error, confidence=0.95, family=4) > 1.1 * smallest
    pairs = ((rng.normal(size=size), rng.normal(smallest, size=size)) for _ in range(600))
    assert 0.75 < np.mean([ttest_ind(*pair, equal_var=False).pvalue < 0.05 for pair in pairs]) < 0.85
