from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import bootstrap

from recsat.measure.intervals import BLOCK, bootstrap_intervals, bootstrap_means

Dice = np.random.Generator


def skewed(dice: Dice, shape: tuple[int, int]) -> np.ndarray:
    return dice.exponential(1.0, shape)


def normal(dice: Dice, shape: tuple[int, int]) -> np.ndarray:
    return dice.normal(1.0, 1.0, shape)


def rare(dice: Dice, shape: tuple[int, int]) -> np.ndarray:
    """Mostly zero, as watch time is: mean 1."""
    return np.where(dice.random(shape) < 0.25, dice.exponential(4.0, shape), 0.0)


@pytest.mark.parametrize("draw", [normal, skewed, rare])
def test_nominal_95_percent_covers_93_to_97(draw: Callable[[Dice, tuple[int, int]], np.ndarray]) -> None:
    n_worlds = 2000
    values = draw(np.random.default_rng(5), (250, n_worlds))  # every column a world, with true mean 1
    intervals = bootstrap_intervals(values, confidence=0.95, n_bootstrap=1000, seed=11)
    covered = ((intervals.low <= 1.0) & (intervals.high >= 1.0)).mean()
    assert 0.93 <= covered <= 0.97


@pytest.mark.parametrize("draw", [normal, skewed])
def test_agreement_with_scipy(draw: Callable[[Dice, tuple[int, int]], np.ndarray]) -> None:
    values = draw(np.random.default_rng(2), (80, 1))
    ours = bootstrap_intervals(values, confidence=0.9, n_bootstrap=20_000, seed=0)
    theirs = bootstrap(
        (values[:, 0],), np.mean, confidence_level=0.9, n_resamples=20_000, method="BCa", rng=np.random.default_rng(1)
    ).confidence_interval
    assert ours.low[0] == pytest.approx(theirs.low, abs=0.01)
    assert ours.high[0] == pytest.approx(theirs.high, abs=0.01)


def test_one_seed_gives_one_interval_and_another_seed_another() -> None:
    values = skewed(np.random.default_rng(0), (50, 2))
    once, again, other = (
        bootstrap_intervals(values, confidence=0.95, n_bootstrap=200, seed=seed) for seed in (1, 1, 2)
    )
    assert np.array_equal(once.low, again.low)
    assert not np.array_equal(once.low, other.low)


def test_columns_do_not_depend_on_their_neighbours() -> None:
    values = skewed(np.random.default_rng(0), (50, 3))
    values[:7, 1] = np.nan
    together = bootstrap_intervals(values, confidence=0.95, n_bootstrap=200, seed=1)
    for column in range(3):
        alone = bootstrap_intervals(values[:, [column]], confidence=0.95, n_bootstrap=200, seed=1)
        assert (together.low[column], together.high[column]) == pytest.approx((alone.low[0], alone.high[0]), rel=1e-12)
    assert together.n_users.tolist() == [50, 43, 50]


def test_blocks_give_what_one_piece_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    values = skewed(np.random.default_rng(0), (40, 2))
    assert BLOCK > 40 * 300
    whole = bootstrap_means(values, n_bootstrap=300, seed=3)
    monkeypatch.setattr("recsat.measure.intervals.BLOCK", 40 * 7)
    assert np.allclose(whole, bootstrap_means(values, n_bootstrap=300, seed=3))


def test_the_interval_stays_within_the_range_of_the_values() -> None:
    values = (np.random.default_rng(0).random((12, 200)) < 0.06).astype(float)
    intervals = bootstrap_intervals(values, confidence=0.95, n_bootstrap=500, seed=0)
    assert (intervals.low >= 0).all()
    assert (intervals.high <= 1).all()
    assert (intervals.low <= intervals.mean).all()
    assert (intervals.mean <= intervals.high).all()


def test_too_few_users_give_a_mean_without_an_interval_and_none_gives_nothing() -> None:
    values = np.array([[1.0, np.nan, 2.0], [np.nan, np.nan, 2.0]])
    intervals = bootstrap_intervals(values, confidence=0.95, n_bootstrap=100, seed=0)
    assert intervals.n_users.tolist() == [1, 0, 2]
    assert intervals.mean.tolist()[::2] == [1.0, 2.0]
    assert np.isnan(intervals.mean[1])
    assert np.isnan(intervals.low[:2]).all()
    assert (intervals.low[2], intervals.high[2]) == (2.0, 2.0)
