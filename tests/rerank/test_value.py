"""The outcome model against scikit-learn, and the value model by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from recsat.builtin.rerankers import rerankers_of
from recsat.contract.domain import Domain, DomainConfig
from recsat.contract.reranker import Example, LearnedReranker, RerankInput
from recsat.errors import ConfigError, RunError
from recsat.measure.prediction import calibration_error_of, log_loss_of
from recsat.rerank.make import make_reranker
from recsat.rerank.mmr import MaximalMarginalRelevance
from recsat.rerank.outcome import OutcomeModel, fit_outcome
from recsat.rerank.value import ExpectedValue, cross_fitted

N_ITEMS = 50


def sampled_outcomes(seed: int = 0, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Features on unlike scales, and outcomes drawn from a logistic truth."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.random(n), 3 + 2 * rng.standard_normal(n)])
    p = 1 / (1 + np.exp(-(-4 + 3 * X[:, 0] + 0.4 * X[:, 1])))
    return X, rng.random(n) < p


def test_the_outcome_model_is_that_of_scikit_learn_on_platt_s_targets() -> None:
    X, y = sampled_outcomes()
    model = fit_outcome([X[:1500], X[1500:]], [y[:1500], y[1500:]], l2=2.0)
    standardised = (X - X.mean(axis=0)) / X.std(axis=0)
    # A target between 0 and 1 is a positive and a negative row with weights that sum to one.
    targets = np.where(y, (y.sum() + 1) / (y.sum() + 2), 1 / ((~y).sum() + 2))
    peer = LogisticRegression(C=1 / 2.0, tol=1e-10, max_iter=1000).fit(
        np.concatenate([standardised, standardised]),
        np.repeat([1, 0], len(y)),
        sample_weight=np.concatenate([targets, 1 - targets]),
    )
    np.testing.assert_allclose(model.weights, [peer.intercept_[0], *peer.coef_[0]], atol=1e-5)
    np.testing.assert_allclose(model.probability(X), peer.predict_proba(standardised)[:, 1], atol=1e-6)


def test_probabilities_come_true_on_new_draws() -> None:
    model = fit_outcome(*([part] for part in sampled_outcomes(0)))  # type: ignore[arg-type]
    X, y = sampled_outcomes(1, 20_000)
    table = pl.DataFrame({"user_id": ["u"] * len(y), "predicted": model.probability(X), "observed": y.astype(float)})
    assert calibration_error_of(table) < 0.02
    rate = pl.lit(float(y.mean()))
    assert log_loss_of(table) < 0.97 * log_loss_of(table.with_columns(predicted=rate))


@pytest.mark.parametrize("label", [False, True])
def test_an_event_that_nobody_or_everybody_had_is_nearly_certain_and_finite(label: bool) -> None:
    X, _ = sampled_outcomes(n=1000)
    p = fit_outcome([X], [np.full(1000, label)]).probability(X)
    assert np.isfinite(p).all()
    assert (np.abs(p - label) < 0.01).all()
    assert ((p > 0) & (p < 1)).all()


@pytest.mark.parametrize(("c", "a"), [(0.5, 1.0), (0.6, 1.3), (0.3, 1.3)])
def test_features_that_say_nearly_the_same_do_not_throw_the_steps_off(c: float, a: float) -> None:
    # Undamped steps ran off to weights of 1e8 here: log rank, and a noisy score that falls with it.
    rng = np.random.default_rng(0)
    rank = np.tile(np.arange(1.0, 101.0), 1000)
    y = rng.random(len(rank)) < c / rank**a
    X = np.column_stack([np.log(rank), np.log1p(rng.gamma(5, 1 / 5, len(rank)) / rank), np.log(rank) * np.log(20)])
    model = fit_outcome([X], [y], l2=1.0)
    assert np.abs(model.weights).max() < 20
    probabilities = model.probability(X).reshape(1000, 100).mean(axis=0)
    np.testing.assert_allclose(probabilities[:20], c / rank[:20] ** a, atol=0.12)
    assert probabilities.sum() == pytest.approx(y.sum() / 1000, rel=0.02)


@pytest.mark.parametrize("kind", ["drawn", "rare", "separable", "nearly the same"])
def test_one_more_newton_step_would_not_move_the_weights(kind: str) -> None:
    X, y = sampled_outcomes(n=50_000)
    rng = np.random.default_rng(1)
    if kind == "rare":
        y = rng.random(len(y)) < 1e-3
    if kind == "separable":
        y = X[:, 0] > 0.5
    if kind == "nearly the same":
        X[:, 1] = X[:, 0] + 1e-6 * rng.standard_normal(len(X))
    weights = fit_outcome([X], [y], l2=1.0).weights
    design = np.column_stack([np.ones(len(X)), (X - X.mean(axis=0)) / X.std(axis=0)])
    targets = np.where(y, (y.sum() + 1) / (y.sum() + 2), 1 / ((~y).sum() + 2))
    p = expit(design @ weights)
    penalty = np.array([0.0, 1.0, 1.0])
    gradient = design.T @ (p - targets) + penalty * weights
    curvature = (design * (p * (1 - p))[:, None]).T @ design + np.diag(penalty)
    assert np.abs(np.linalg.solve(curvature, gradient)).max() < 1e-6 * max(1.0, np.abs(weights).max())


def test_features_that_do_not_vary_are_left_at_nothing() -> None:
    X, y = sampled_outcomes(n=500)
    flat = np.column_stack([X[:, 0], np.ones(500)])
    model = fit_outcome([flat], [y])
    assert model.weights[2] == pytest.approx(0, abs=1e-9)
    assert np.isfinite(model.plain[0])


def block(rows: int = 1) -> RerankInput:
    """Items 0, 1, 2 with scores 2, 1, 0, that is relevance 1, ½, 0; liked by 0, 1 and 3 users."""
    return RerankInput(
        candidates=torch.tensor([[0, 1, 2, -1]]).expand(rows, -1),
        scores=torch.tensor([[2.0, 1.0, 0.0, -math.inf]]).expand(rows, -1),
        vectors=torch.tensor([[1.0, 0], [1, 0], [0, 1]]),
        topics=None,
        user_topics=None,
        popularity=torch.tensor([0.0, 1.0, 3.0]),
    )


def plain_model(intercept: float, of_relevance: float, of_popularity: float) -> OutcomeModel:
    return OutcomeModel(np.zeros(2), np.ones(2), np.array([intercept, of_relevance, of_popularity]))


def test_the_value_is_what_events_are_worth_times_their_probabilities_by_hand() -> None:
    # Clicks follow relevance, purchases popularity. With log(1 + 3) = 1.39: P(click) = σ(-1), σ(-.5), σ(0);
    # P(purchase) = σ(-3), σ(-1.61), σ(-.23). Worth 1 and 4: .27 + .19 = .46, .38 + .66 = 1.04, .50 + 1.77 = 2.27.
    models = {"click": plain_model(0, -1, 0), "purchase": plain_model(-3, 0, 2)}
    value = ExpectedValue({"click": 1.0, "purchase": 4.0}, models=models)
    assert value.rerank(block(), 4).tolist() == [[2, 1, 0, -1]]
    # Clicks alone, and rightly learnt: the arm's order.
    clicks = ExpectedValue({"click": 1.0}, models={"click": plain_model(-2, 2, 0)})
    assert clicks.rerank(block(), 2).tolist() == [[0, 1]]
    # An event that costs turns it round.
    assert ExpectedValue({"click": -1.0}, models=clicks.models).rerank(block(), 2).tolist() == [[2, 1]]


def test_another_reranker_takes_the_values_for_scores() -> None:
    models = {"click": plain_model(-2, 2, 0)}
    then = ExpectedValue({"click": 1.0}, models=models, then=MaximalMarginalRelevance(trade_off=0.9))
    assert then.rerank(block(), 2).tolist() == [[0, 2]]  # item 1 is a copy of item 0


def world(n_users: int = 300, seed: int = 3) -> list[Example]:
    """Purchases happen to popular candidates, whatever the arm's score."""
    rng = np.random.default_rng(seed)
    popularity = torch.from_numpy(rng.integers(0, 100, N_ITEMS).astype(np.float32))
    candidates = np.stack([rng.permutation(N_ITEMS)[:20] for _ in range(n_users)])
    bought = rng.random((n_users, 20)) < (popularity.numpy()[candidates] / 200)
    whole = RerankInput(
        candidates=torch.from_numpy(candidates),
        scores=torch.from_numpy(rng.standard_normal((n_users, 20)).astype(np.float32)),
        vectors=None,
        topics=None,
        user_topics=None,
        popularity=popularity,
    )
    half = n_users // 2
    return [
        Example(
            replace(whole, candidates=whole.candidates[rows], scores=whole.scores[rows]),
            {"purchase": torch.from_numpy(bought[rows])},
            liked=torch.from_numpy(bought[rows]),
            n_liked=torch.from_numpy(bought[rows].sum(axis=1)),
            k=10,
        )
        for rows in (slice(0, half), slice(half, n_users))
    ]


def test_what_is_learnt_is_what_happened() -> None:
    learning = ExpectedValue({"purchase": 1.0})
    assert isinstance(learning, LearnedReranker)
    value = learning.fit(world())
    assert isinstance(value, ExpectedValue)
    _, (of_relevance, of_popularity) = value.models["purchase"].plain
    assert of_popularity > 0.5
    assert abs(of_relevance) < 0.4
    new = world(seed=4)[0].block
    assert new.popularity is not None
    first = new.candidates.gather(1, value.rerank(new, 1))[:, 0]
    best = new.popularity[new.candidates].amax(dim=1)
    assert new.popularity[first].mean() > 0.97 * best.mean()


def test_a_value_model_that_has_learnt_nothing_or_has_nothing_to_learn_from_says_so() -> None:
    with pytest.raises(RunError, match="has not been fitted"):
        ExpectedValue({"purchase": 1.0}).rerank(block(), 2)
    empty = replace(block(), scores=torch.full((1, 4), -math.inf))
    none = torch.zeros(1, 4, dtype=torch.bool)
    nothing = Example(empty, {"click": none}, liked=none, n_liked=torch.zeros(1), k=4)
    with pytest.raises(RunError, match="no candidate of a validation user to learn"):
        ExpectedValue({"click": 1.0}).fit([nothing])
    with pytest.raises(RunError, match="without popularity"):
        ExpectedValue({"click": 1.0}, models={"click": plain_model(0, 1, 0)}).rerank(
            replace(block(), popularity=None), 2
        )


def domain(**changes: object) -> Domain:
    plain: dict[str, object] = {
        "name": "shop",
        "description": "A shop.",
        "config": DomainConfig,
        "load": lambda config: None,
        "describe_item": lambda items: items["item_id"],
        "describe_user": lambda users, history: users["user_id"],
        "positive": pl.lit(value=True),
        "kinds": ("thing",),
    }
    return Domain(**{**plain, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("value", {}, "domain 'shop' does not say. Set Domain.worth in the plugin"),
        ("xquad", {}, "'xquad' needs topics, and domain 'shop' names no topics column"),
        ("calibrated", {}, "'calibrated' needs topics"),
        ("mmr", {"depht": 3}, "has no parameter 'depht'. It has: trade_off, depth, order"),
        ("msd", {"trade_off": -1}, "trade_off must be from 0"),
        ("dpp", {"trade_off": "much"}, "'dpp': "),
    ],
)
def test_what_a_domain_lacks_and_what_a_reranker_does_not_take_is_named(
    name: str, parameters: dict[str, object], message: str
) -> None:
    spec = next(spec for spec in rerankers_of(domain()) if spec.name == name)
    with pytest.raises(ConfigError, match=message):
        make_reranker(spec, parameters)


def test_a_domain_with_worth_gets_a_value_model_and_what_comes_after_it() -> None:
    spec = next(spec for spec in rerankers_of(domain(worth={"purchase": 2.0})) if spec.name == "value")
    assert make_reranker(spec, {}).worth == {"purchase": 2.0}  # type: ignore[attr-defined]
    then = make_reranker(spec, {"then": "mmr", "trade_off": 0.4}).then  # type: ignore[attr-defined]
    assert then == MaximalMarginalRelevance(trade_off=0.4)
    for wrong in ({"then": "value"}, {"trade_off": 0.4}, {"depth": 0}):
        with pytest.raises(ConfigError, match=r"rank\.reranker_parameters: reranker 'value'"):
            make_reranker(spec, wrong)


def test_each_half_of_the_users_is_predicted_by_a_model_of_the_other() -> None:
    taught = [
        replace(e, block=replace(e.block, user_ids=[f"u{i}{n}" for n in range(150)])) for i, e in enumerate(world())
    ]
    learning = ExpectedValue({"purchase": 1.0})
    table = cross_fitted(learning, taught)
    assert table.height == 300 * 20
    assert table["observed"].sum() == sum(int(e.happened["purchase"].sum()) for e in taught)
    assert log_loss_of(table) < 0.95 * log_loss_of(table.with_columns(predicted=pl.col("observed").mean()))
    # A user's outcomes, turned round, change the predictions of the other half and not their own.
    first = taught[0].happened["purchase"]
    turned = torch.cat([~first[:1], first[1:]])
    other = cross_fitted(learning, [replace(taught[0], happened={"purchase": turned}), taught[1]])
    before, new = (t.filter(pl.col("user_id") == "u00")["predicted"].sort() for t in (table, other))
    assert before.equals(new)
    beside, new = (t.filter(pl.col("user_id") == "u01")["predicted"].sort() for t in (table, other))
    assert not beside.equals(new)


def test_blocks_of_one_user_are_halved_too() -> None:
    (first, _) = world(40)
    single = [
        Example(
            replace(
                first.block,
                candidates=first.block.candidates[[u]],
                scores=first.block.scores[[u]],
                user_ids=[f"u{u}"],
            ),
            {"purchase": first.happened["purchase"][[u]]},
            liked=first.liked[[u]],
            n_liked=first.n_liked[[u]],
            k=10,
        )
        for u in range(20)
    ]
    assert cross_fitted(ExpectedValue({"purchase": 1.0}), single).height == 20 * 20
