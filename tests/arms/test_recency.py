"""Recency: half-lives and gains that are found where fashions change, and left out where they do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from recsat.arms.ease import Ease
from recsat.arms.recency import (
    DAY,
    Recency,
    choose_gain,
    choose_half_life,
    decayed_counts,
    gain,
    half_lives,
)
from recsat.contract.interactions import TrainingData
from recsat.testing.worlds import fashions


def without_fashion(seed: int = 5) -> TrainingData:
    """The same likes, at times that say nothing."""
    train = fashions()
    times = train.users.times
    assert times is not None
    shuffled = csr_array(
        (np.random.default_rng(seed).permutation(times.data), times.indices, times.indptr), times.shape
    )
    return replace(train, users=replace(train.users, times=shuffled, first_times=shuffled))


def test_a_like_is_worth_half_for_every_half_life_of_its_age() -> None:
    times = csr_array(np.array([[100.0, 90.0, 0], [80.0, 0, 70.0]]))
    assert decayed_counts(times, 100.0, 10.0).tolist() == [1.25, 0.5, 0.125]
    assert decayed_counts(times, 70.0, 10.0).tolist() == [2, 1, 1]  # what is later than now is of now
    assert decayed_counts(times, 110.0, 10.0).tolist() == [0.625, 0.25, 0.0625]


def test_the_gain_is_the_smoothed_share_of_recent_likes_to_a_power() -> None:
    recent, counts = np.array([3, 0, 0], dtype=np.float32), np.array([3, 11, 0], dtype=np.float32)
    np.testing.assert_allclose(gain(recent, counts, 1.0), [4 / 8, 1 / 16, 1 / 5])
    np.testing.assert_allclose(gain(recent, counts, 2.0, c=1.0), [1, 1 / 144, 1])
    assert gain(recent, counts, 0.0).tolist() == [1, 1, 1]


def test_half_lives_are_the_span_of_the_data_and_its_halves_down_to_a_day() -> None:
    train = fashions()
    assert train.users.times is not None
    span = 100 * DAY - train.users.times.data.min()
    assert half_lives(train) == [span / 2**k for k in range(7)]
    assert half_lives(replace(train, now=None)) == []
    assert half_lives(replace(train, users=replace(train.users, times=None))) == []


def test_where_fashions_change_the_half_life_is_that_of_a_fashion() -> None:
    half_life = choose_half_life(fashions())
    assert half_life is not None
    assert 1 <= half_life / DAY <= 15


@pytest.mark.parametrize("seed", range(5))
def test_where_time_says_nothing_likes_count_alike_and_scores_have_no_gain(seed: int) -> None:
    train = without_fashion(seed)
    half_life = choose_half_life(train)
    assert half_life is None or half_life > 20 * DAY
    assert choose_gain(train, Ease(l2=10.0).fit) == Recency()


def test_where_fashions_change_a_gain_is_chosen_on_what_was_known_then() -> None:
    train, moments = fashions(), []

    def fit(earlier: TrainingData) -> Ease:
        assert earlier.users.times is not None
        assert earlier.now is not None
        assert earlier.users.times.data.max() < earlier.now
        moments.append(earlier.now)
        return Ease(l2=10.0).fit(earlier)

    best = choose_gain(train, fit)
    assert best.half_life is not None
    assert best.half_life <= 25 * DAY
    assert best.gamma > 0
    assert len(moments) == 5
    gains = best.gains(train)
    assert gains is not None
    assert gains[30:].mean() > 2 * gains[:20].mean()


def test_no_gain_without_times_or_a_moment() -> None:
    train = fashions()
    for one in (replace(train, now=None), replace(train, users=replace(train.users, times=None))):
        assert choose_gain(one, Ease(l2=10.0).fit) == Recency()
        assert Recency(DAY, 1.0).gains(one) is None
    assert Recency().gains(train) is None
