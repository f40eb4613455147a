"""Means over draws: the formula by hand, and how often the interval holds the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from recsat.measure.draws import drawn_means


def by_hand(values: np.ndarray) -> tuple[float, float, float]:
    """Mean, standard error and degrees of freedom of one column (n_users, n_draws), in loops."""
    n_users, n_draws = values.shape
    present = [[value for value in values[:, r] if not np.isnan(value)] for r in range(n_draws)]
    means = [sum(of_draw) / len(of_draw) for of_draw in present]
    mean = sum(means) / n_draws
    draws = sum((m - mean) ** 2 for m in means) / (n_draws - 1) / n_draws
    users = 0.0
    for u in range(n_users):
        psi = 0.0
        for r in range(n_draws):
            if not np.isnan(values[u, r]):
                psi += (values[u, r] - means[r]) / len(present[r]) / n_draws
        users += psi**2 * n_users / (n_users - 1)
    freedom = (draws + users) ** 2 / (draws**2 / (n_draws - 1) + users**2 / (n_users - 1))
    return mean, (draws + users) ** 0.5, freedom


def test_it_is_the_formula() -> None:
    rng = np.random.default_rng(0)
    values = rng.gamma(0.5, 1.0, (40, 3, 4))
    values[rng.random(values.shape) < 0.3] = np.nan
    values[0, :, 0] = 1.0  # every user has a value somewhere
    values[np.isnan(values).all(axis=2)] = 0.5
    over_draws = drawn_means(values, confidence=0.9)
    for column in range(3):
        mean, error, freedom = by_hand(values[:, column])
        half = stats.t.ppf(0.95, freedom) * error
        assert over_draws.intervals.mean[column] == pytest.approx(mean)
        assert over_draws.error[column] == pytest.approx(error)
        assert over_draws.freedom[column] == pytest.approx(freedom)
        assert over_draws.intervals.low[column] == pytest.approx(mean - half)
        assert over_draws.intervals.high[column] == pytest.approx(mean + half)
        assert over_draws.p[column] == pytest.approx(2 * stats.t.sf(abs(mean) / error, freedom))


def test_a_user_of_whom_no_draw_knows_anything_changes_nothing() -> None:
    values = np.random.default_rng(1).random((30, 1, 3))
    padded = np.concatenate([values, np.full((5, 1, 3), np.nan)])
    left, right = (drawn_means(table, confidence=0.95) for table in (values, padded))
    assert left.intervals.n_users.tolist() == right.intervals.n_users.tolist() == [30]
    assert right.error == pytest.approx(left.error)


def test_a_draw_without_values_is_not_counted() -> None:
    values = np.random.default_rng(1).random((30, 1, 3))
    with_empty = np.concatenate([values, np.full((30, 1, 1), np.nan)], axis=2)
    left, right = (drawn_means(table, confidence=0.95) for table in (values, with_empty))
    assert right.intervals.mean == pytest.approx(left.intervals.mean)
    assert right.error == pytest.approx(left.error)


@pytest.mark.parametrize(
    "values",
    [
        np.full((5, 1, 3), np.nan),
        np.ones((5, 1, 3)),  # nothing differs
        np.array([[[1.0, np.nan]], [[3.0, np.nan]]]),  # one draw
        np.array([[[1.0, 2.0]]]),  # one user
    ],
)
def test_where_nothing_can_be_said_there_are_no_ends(values: np.ndarray) -> None:
    over_draws = drawn_means(values, confidence=0.95)
    assert np.isnan([over_draws.intervals.low[0], over_draws.intervals.high[0], over_draws.p[0]]).all()


@pytest.mark.parametrize(("of_users", "of_draws", "of_both"), [(0.05, 0.03, 0.1), (0.2, 0.1, 0.1), (0.2, 0.0, 0.3)])
def test_it_holds_the_truth_where_one_draw_alone_does_not(of_users: float, of_draws: float, of_both: float) -> None:
    """400 worlds of 300 users: five draws, and the interval over the users of the first one."""
    rng = np.random.default_rng(2)
    covered = covered_by_one = 0
    for _ in range(400):
        values = (
            rng.normal(0, of_users, (300, 1, 1))
            + rng.normal(0, of_draws, (1, 1, 5))
            + rng.normal(0, of_both, (300, 1, 5))
        )
        intervals = drawn_means(values, confidence=0.95).intervals
        covered += intervals.low[0] <= 0 <= intervals.high[0]
        one = values[:, 0, 0]
        covered_by_one += abs(one.mean()) <= 1.97 * one.std(ddof=1) / 300**0.5
    assert covered >= 400 * 0.92
    assert (covered_by_one < 400 * 0.6) == (of_draws > 0)


@pytest.mark.parametrize(("is_anew", "least", "most"), [(True, 0.93, 1.0), (False, 0.0, 0.8)])
def test_what_is_chosen_once_for_all_draws_is_in_no_interval(is_anew: bool, least: float, most: float) -> None:
    """400 runs of five draws, in each of which what an arm chose moves all users: by as much as the draw itself."""
    rng = np.random.default_rng(4)
    n_runs, n_draws = 400, 5
    of_draw = rng.normal(0, 0.03, (n_runs, n_draws))
    of_choice = rng.normal(0, 0.03, (n_runs, n_draws if is_anew else 1))
    users = rng.normal(0, 0.1, (n_runs, 300, n_draws))
    holds = [
        bool(abs(interval.mean[0]) <= interval.high[0] - interval.mean[0])
        for values in users + (of_draw + of_choice)[:, None, :]
        for interval in [drawn_means(values[:, None, :], confidence=0.95).intervals]
    ]
    assert least <= np.mean(holds) <= most
