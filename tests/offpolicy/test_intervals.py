from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from recsat.errors import DataError
from recsat.offpolicy import IPS, SNIPS, BanditLog
from recsat.offpolicy.intervals import ratio_contributions, user_interval


def test_users_of_one_round_give_the_t_interval_of_a_mean() -> None:
    values = np.random.default_rng(0).random(30)
    log = BanditLog(reward=values, propensity=np.ones(30))
    interval = user_interval(log, values, confidence=0.9)
    low, high = stats.t.interval(0.9, 29, values.mean(), values.std(ddof=1) / np.sqrt(30))
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-12)


def test_copies_of_a_users_rounds_say_nothing_new() -> None:
    values = np.random.default_rng(1).random(20)
    plain = BanditLog(reward=values, propensity=np.full(20, 0.5))
    copies = BanditLog(reward=np.repeat(values, 9), propensity=np.full(180, 0.5), user=np.repeat(np.arange(20), 9))
    target, targets = np.full(20, 0.25), np.full(180, 0.25)
    assert SNIPS().interval(plain, target).standard_error == pytest.approx(
        SNIPS().interval(copies, targets).standard_error
    )
    assert IPS().interval(copies, targets).standard_error == pytest.approx(IPS().interval(plain, target).standard_error)


def test_one_user_says_nothing() -> None:
    log = BanditLog(reward=np.ones(3), propensity=np.ones(3), user=np.array(["a", "a", "a"]))
    assert IPS().interval(log, np.ones(3)).low is None


def test_a_ratio_by_the_delta_method() -> None:
    rng = np.random.default_rng(2)
    weights = rng.random(50)
    terms = weights * rng.random(50)
    contributions = ratio_contributions(terms, weights)
    ratio = terms.sum() / weights.sum()
    assert contributions.mean() == pytest.approx(ratio, abs=1e-12)
    by_hand = np.sqrt(np.var(terms - ratio * weights, ddof=1) / 50) / weights.mean()
    assert contributions.std(ddof=1) / np.sqrt(50) == pytest.approx(by_hand, abs=1e-12)
    with pytest.raises(DataError, match="nothing to divide by"):
        ratio_contributions(np.zeros(3), np.zeros(3))
