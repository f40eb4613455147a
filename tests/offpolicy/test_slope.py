from __future__ import annotations

import numpy as np
import pytest

from recsat.errors import DataError
from recsat.offpolicy import IPS, BanditLog, slope

CLIPS = [IPS(clip) for clip in (1.0, 10.0, np.inf)]


def log_of(weights: np.ndarray, seed: int) -> tuple[BanditLog, np.ndarray]:
    n = len(weights)
    reward = np.random.default_rng(seed).random(n)
    propensity = np.full(n, 0.001)
    return BanditLog(reward=reward, propensity=propensity), weights * propensity


def test_without_a_bias_that_shows_the_least_spread_is_taken() -> None:
    log, target = log_of(np.where(np.arange(400) % 200 == 0, 40.0, 0.9), 0)
    assert slope(CLIPS, log, target) == IPS(1.0)


def test_a_clip_that_takes_away_too_much_is_not_taken() -> None:
    # Half of all rounds have a weight of 2: with a clip at 1 a third of the value is gone, beyond any doubt.
    log, target = log_of(np.where(np.arange(4000) % 2 == 0, 2.0, 0.5), 0)
    assert slope(CLIPS, log, target) in CLIPS[1:]


def test_order_does_not_matter() -> None:
    log, target = log_of(np.random.default_rng(1).exponential(size=500) ** 3, 1)
    assert slope(CLIPS, log, target) == slope(CLIPS[::-1], log, target)


def test_nothing_to_choose_from_is_refused() -> None:
    log, target = log_of(np.ones(5), 0)
    with pytest.raises(DataError, match="no candidate"):
        slope([], log, target)
