from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from recsat.errors import DataError
from recsat.offpolicy import DM, IPS, SNIPS, BanditLog, LinearOutcome
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


def test_a_refitted_interval_holds_the_value_where_the_model_is_right_and_one_that_holds_the_model_fixed_does_not() -> (
    None
):
    n_users, n_rounds, coefficients = 60, 4, np.array([0.5, -0.3])
    target = np.array([0.4, 0.8])
    truth = 0.2 + target @ coefficients
    user = np.repeat(np.arange(n_users), n_rounds)
    refitted, fixed = [], []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(len(user), 2))
        reward = 0.2 + X @ coefficients + rng.normal(size=n_users)[user] + rng.normal(size=len(user))
        log = BanditLog(reward=reward, propensity=np.ones(len(user)), user=user)
        model = LinearOutcome(X, np.tile(target, (len(user), 1)), ridge=0.0)
        interval = DM(model).interval(log, np.ones(len(user)), seed=seed, n_resamples=100)
        predictions = model.predictions(log)
        held_fixed = user_interval(log, predictions.of_target, confidence=0.95)
        refitted.append(interval.low <= truth <= interval.high)  # type: ignore[operator]
        fixed.append(held_fixed.low <= truth <= held_fixed.high)  # type: ignore[operator]
    assert 0.9 <= np.mean(refitted) <= 0.99
    assert np.mean(fixed) < 0.6
