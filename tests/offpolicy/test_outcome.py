from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from recsat.errors import DataError
from recsat.offpolicy import BanditLog, LinearOutcome


def data(n: int = 240) -> tuple[BanditLog, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    X, X_target = rng.normal(size=(2, n, 3))
    reward = 0.4 + X @ [1.0, -2.0, 0.5] + rng.normal(size=n)
    user = rng.integers(0, 40, n)
    return BanditLog(reward=reward, propensity=np.full(n, 0.5), user=user), X, X_target


def test_each_user_is_predicted_by_a_model_of_the_others() -> None:
    log, X, X_target = data()
    model = LinearOutcome(X, X_target, ridge=0.01, n_folds=4, seed=3)
    predictions = model.predictions(log)
    fold = model.sums(log, np.zeros(log.n)).fold
    for number in range(4):
        judged = fold[log.cluster] == number
        n = int((~judged).sum())
        # scikit-learn shrinks by the sum of squares and leaves the intercept alone, as here.
        peer = Ridge(alpha=0.01 * n).fit(X[~judged], log.reward[~judged])
        assert predictions.of_actions[judged] == pytest.approx(peer.predict(X[judged]), abs=1e-9)
    assert set(fold.tolist()) == {0, 1, 2, 3}


def test_without_a_penalty_it_is_least_squares() -> None:
    log, X, X_target = data()
    model = LinearOutcome(X, X_target, ridge=0.0, n_folds=2)
    fold = model.sums(log, np.zeros(log.n)).fold[log.cluster]
    theta, *_ = np.linalg.lstsq(np.column_stack([np.ones((fold == 1).sum()), X[fold == 1]]), log.reward[fold == 1])
    expected = np.column_stack([np.ones((fold == 0).sum()), X_target[fold == 0]]) @ theta
    assert model.predictions(log).of_target[fold == 0] == pytest.approx(expected, abs=1e-9)


def test_a_sample_of_users_is_what_fitting_on_their_rounds_gives() -> None:
    log, X, X_target = data()
    correction = np.random.default_rng(1).random(log.n)
    sums = LinearOutcome(X, X_target, ridge=0.0, n_folds=2).sums(log, correction)
    counts = np.random.default_rng(2).integers(0, 3, log.n_users).astype(float)
    rows = np.repeat(np.arange(log.n), counts[log.cluster].astype(int))
    fold = sums.fold[log.cluster[rows]]
    q, q_target = np.empty(len(rows)), np.empty(len(rows))
    for number in (0, 1):
        train, test = fold != number, fold == number
        theta, *_ = np.linalg.lstsq(np.column_stack([np.ones(train.sum()), X[rows][train]]), log.reward[rows][train])
        q[test] = np.column_stack([np.ones(test.sum()), X[rows][test]]) @ theta
        q_target[test] = np.column_stack([np.ones(test.sum()), X_target[rows][test]]) @ theta
    value = (q_target + correction[rows] * (log.reward[rows] - q)).mean()
    assert sums.values(counts[None])[0] == pytest.approx(value, abs=1e-9)


def test_more_folds_than_users_are_refused() -> None:
    log = BanditLog(reward=np.ones(4), propensity=np.ones(4), user=np.array([0, 0, 1, 1]))
    with pytest.raises(DataError, match="2 users cannot be dealt into 3 folds"):
        LinearOutcome(np.ones((4, 1)), np.ones((4, 1))).predictions(log)


def test_features_must_be_of_every_round() -> None:
    log, X, X_target = data()
    with pytest.raises(DataError, match=r"of_target has the shape \(239, 3\)"):
        LinearOutcome(X, X_target[1:]).predictions(log)
    with pytest.raises(DataError, match=r"of_target has the shape \(240, 2\); it must be \(240, 3\)"):
        LinearOutcome(X, X_target[:, 1:]).predictions(log)
