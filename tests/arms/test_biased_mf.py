"""Biased matrix factorisation against what it minimises, solved another way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array
from sklearn.linear_model import Ridge

from recsat.arms.biased_mf import BiasedMF
from recsat.contract.interactions import Catalogue, TrainingData, UserBatch
from recsat.errors import ConfigError
from recsat.testing.worlds import checkerboard, rated, taste_groups

N_USERS, N_ITEMS = 25, 12


def batch(ratings: np.ndarray) -> UserBatch:
    """Users with ``ratings`` (users × items), NaN where there is none; they liked nothing."""
    row, column = np.nonzero(~np.isnan(ratings))
    values = csr_array((ratings[row, column], (row, column)), shape=ratings.shape)
    nothing = csr_array(ratings.shape, dtype=np.float32)
    return UserBatch([f"u{u}" for u in range(len(ratings))], nothing, ratings=values)


def training(ratings: np.ndarray) -> TrainingData:
    items = pl.DataFrame({"item_id": [f"i{i}" for i in range(ratings.shape[1])], "kind": "film", "title": "Film"})
    raters = batch(ratings)
    return TrainingData(Catalogue(items), raters.take(slice(0, 0)), raters=raters, seed=1)


@pytest.fixture(scope="module")
def ratings() -> np.ndarray:
    """Two thirds of all pairs, of users who are mild or harsh and items that are good or bad; 0 is a rating too."""
    rng = np.random.default_rng(5)
    values = 3 + rng.normal(0, 0.8, (N_USERS, 1)) + rng.normal(0, 0.8, N_ITEMS) + rng.normal(0, 0.7, (N_USERS, N_ITEMS))
    values = np.clip(values.round(), 0, 5)
    return np.where(rng.random(values.shape) < 0.66, values, np.nan)


def predicted(arm: BiasedMF, users: UserBatch) -> np.ndarray:
    items = np.tile(np.arange(users.history.shape[1]), (len(users), 1))
    return arm.predict_ratings(users, items).astype(np.float64)


def test_the_biases_alone_are_the_one_ridge_regression_on_who_rates_and_what(ratings: np.ndarray) -> None:
    row, column = np.nonzero(~np.isnan(ratings))
    one_hot = np.zeros((len(row), N_USERS + N_ITEMS))
    one_hot[np.arange(len(row)), row] = one_hot[np.arange(len(row)), N_USERS + column] = 1
    mean = np.nanmean(ratings)
    peer = Ridge(alpha=2.0, fit_intercept=False).fit(one_hot, ratings[row, column] - mean).coef_
    expected = np.clip(mean + peer[:N_USERS, None] + peer[None, N_USERS:], 0, 5)
    train = training(ratings)
    arm = BiasedMF(factors=0, bias_l2=2.0, iterations=200).fit(train)
    assert train.raters is not None
    np.testing.assert_allclose(predicted(arm, train.raters), expected, atol=1e-5)


def test_no_step_lowers_the_loss_further(ratings: np.ndarray) -> None:
    train = training(ratings)
    assert train.raters is not None
    arm = BiasedMF(factors=3, l2=1.5, bias_l2=0.7, iterations=600).fit(train)
    users = arm._of_users(train.raters)
    mask = ~np.isnan(ratings)

    def loss(users: np.ndarray, items: np.ndarray) -> float:
        fitted = arm.mean + users[:, :1] + items[:, 0] + users[:, 1:] @ items[:, 1:].T
        penalty = 0.7 * ((users[:, 0] ** 2).sum() + (items[:, 0] ** 2).sum())
        penalty += 1.5 * ((users[:, 1:] ** 2).sum() + (items[:, 1:] ** 2).sum())
        return float(((ratings - fitted)[mask] ** 2).sum() + penalty)

    least, step = loss(users, arm.items), 1e-4
    assert np.abs(users[:, 1:]).max() > 0.1  # the factors are not what nothing would be
    rng = np.random.default_rng(0)
    for _ in range(200):
        to_users, to_items = rng.standard_normal(users.shape), rng.standard_normal(arm.items.shape)
        for sign in (step, -step):
            assert loss(users + sign * to_users, arm.items + sign * to_items) >= least


def test_a_user_is_a_ridge_regression_on_the_items_that_they_rated(ratings: np.ndarray) -> None:
    arm = BiasedMF(factors=3, l2=1.5, bias_l2=6.0).fit(training(ratings))
    new = np.full((1, N_ITEMS), np.nan)
    new[0, [0, 4, 7, 9]] = 5.0, 0.0, 2.0, 4.0
    # One penalty for all: the column of the bias is drawn in instead.
    design = np.column_stack([np.full(N_ITEMS, np.sqrt(1.5 / 6.0)), arm.items[:, 1:]])
    rows = [0, 4, 7, 9]
    target = new[0, rows] - arm.mean - arm.items[rows, 0]
    peer = Ridge(alpha=1.5, fit_intercept=False).fit(design[rows], target)
    expected = arm.mean + arm.items[:, 0] + design @ peer.coef_
    np.testing.assert_allclose(arm.score(batch(new))[0].numpy(), expected, atol=1e-5)


def test_a_rating_of_nothing_is_a_rating(ratings: np.ndarray) -> None:
    arm = BiasedMF(factors=2).fit(training(ratings))
    new = np.full((2, N_ITEMS), np.nan)
    new[0, :6] = 0.0
    harsh, unknown = predicted(arm, batch(new))
    assert (harsh[6:] < unknown[6:] - 0.3).all()


def test_taste_is_told_from_biases() -> None:
    train = rated(checkerboard())
    assert train.raters is not None
    rows = np.arange(20)[:, None]
    with_taste, biases = (
        BiasedMF(factors=factors, l2=1.0).fit(train).predict_ratings(train.raters, rows)[:, 0] for factors in (4, 0)
    )
    assert (with_taste > 4.5).all()
    assert (with_taste > biases).all()
    assert biases.mean() < 4


def test_predictions_keep_within_what_was_rated(ratings: np.ndarray) -> None:
    narrow = np.clip(ratings, 2, 4)
    arm = BiasedMF(factors=4, l2=0.01, bias_l2=0.01, iterations=5).fit(training(narrow))
    train = training(narrow)
    assert train.raters is not None
    values = predicted(arm, train.raters)
    assert (values.min(), values.max()) == (2.0, 4.0)
    assert arm.score(train.raters).max() > 4.0


def test_blocks_of_users_are_solved_as_all_at_once(ratings: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = BiasedMF(factors=3).fit(training(ratings)).items
    monkeypatch.setattr("recsat.arms.biased_mf.GRAM_BUDGET", 8 * 16 * 7)
    np.testing.assert_allclose(BiasedMF(factors=3).fit(training(ratings)).items, at_once)


def test_without_ratings_it_says_so_and_what_to_do() -> None:
    for raters in (None, batch(np.full((3, 20), np.nan))):
        with pytest.raises(ConfigError, match="learns from ratings, and no known event is one"):
            BiasedMF().fit(replace(checkerboard(), raters=raters))


def test_the_reason_is_the_liked_item_without_whose_rating_the_prediction_is_lowest() -> None:
    train = rated(taste_groups())
    arm = BiasedMF(factors=3, l2=0.5, bias_l2=0.2).fit(train)
    assert train.users.ratings is not None
    n_checked = 0
    for row in range(0, 60, 9):
        user = train.users.take(np.array([row]))
        items = arm.score(user).numpy().argsort(axis=1)[:, -3:]
        because = arm.explain(user, items).item[0]
        ratings = user.ratings.toarray()  # type: ignore[union-attr]
        liked = user.history.indices
        without = np.repeat(np.where(ratings == 0, np.nan, ratings), len(liked), axis=0)
        without[np.arange(len(liked)), liked] = np.nan
        scores = arm.score(batch(without)).numpy()[:, items[0]]
        for place, reason in enumerate(because):
            if reason >= 0:
                assert reason == liked[scores[:, place].argmin()]
                n_checked += 1
    assert n_checked > 5
