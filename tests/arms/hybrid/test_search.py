"""One hold-out judges by a peer's nDCG, and the setting that it finds best is the one that is taken."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import ndcg_score

from recsat.arms.ease_text import text_weights
from recsat.arms.hybrid.holdout import draws_of_items, hold_out
from recsat.arms.hybrid.parts import Aligned, Carried, Liked, Likeness, Order, Recipe, Together, mean_likes, text_unit
from recsat.arms.hybrid.search import DECAYS, ORDER_TEXT_L2, PRIOR_BESIDE, best_of, search
from recsat.arms.hybrid.trial import SharedFits, Trial
from recsat.arms.linear_order import LinearOrder
from recsat.contract.interactions import TrainingData


@pytest.fixture
def trial(blocks: TrainingData) -> Trial:
    rng = np.random.default_rng(3)
    return Trial(hold_out(blocks, next(draws_of_items(blocks, 0.3, rng)), share=0.3, rng=rng), rng)


@pytest.mark.parametrize("unseen", [False, True])
def test_a_trial_judges_what_was_hidden_among_what_may_be_listed(trial: Trial, unseen: bool) -> None:
    scores = torch.rand(trial.liked.shape, generator=torch.Generator().manual_seed(1))
    values = trial.ndcg(scores, unseen=unseen)
    n_judged = 0
    for user in range(len(trial)):
        listed = trial.hidden if unseen else trial.warm & ~trial.met[user]
        liked, of_user = trial.liked[user][listed][None], scores[user][listed][None]
        if liked.sum() == 0:
            assert torch.isnan(values[user])
            continue
        n_judged += 1
        assert float(values[user]) == pytest.approx(ndcg_score(liked.numpy(), of_user.numpy(), k=10), abs=1e-5)
    assert n_judged > 20


def test_the_best_setting_is_taken_wherever_it_stands(trial: Trial) -> None:
    """Users like items of their taste group: likeness of texts knows the groups, popularity does not."""
    for recipes in ([Liked(), Likeness("text")], [Likeness("text"), Liked()]):
        assert best_of([trial], recipes) == Likeness("text")


@pytest.mark.parametrize("large", [False, True])
def test_settings_of_order_are_the_best_on_the_hold_out(
    timed_blocks: TrainingData, large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recsat.arms.hybrid.search.LARGE", 10 if large else 10_000)
    rng = np.random.default_rng(3)
    trial = Trial(hold_out(timed_blocks, next(draws_of_items(timed_blocks, 0.3, rng)), share=0.3, rng=rng), rng)
    warm = search([trial], ["text"], dense=True, by_time=True).warm
    plain, of_texts = warm["order"], warm["order text"]
    assert isinstance(plain, Order)
    assert isinstance(of_texts, Order)

    def values(recipes: list[Order]) -> list[float]:
        ndcg = [float(trial.ndcg(trial.normalised(recipe)).nanmean()) for recipe in recipes]
        assert len(set(ndcg)) > 1
        return ndcg

    first = Order(3.0, prior=6.0, vector="text")
    decays = values([replace(first if large else plain, history_decay=decay) for decay in DECAYS])
    assert plain.history_decay == of_texts.history_decay == DECAYS[int(np.argmax(decays))]
    if large:
        ridges = values([replace(of_texts, text_l2=text_l2) for text_l2 in ORDER_TEXT_L2])
        assert of_texts.text_l2 == ORDER_TEXT_L2[int(np.argmax(ridges))] != ORDER_TEXT_L2[0]


def test_every_text_has_the_settings_that_are_best_for_it(
    timed_blocks: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hold-out is replaced by one that likes ridge and prior together, the prior's share and the texts' ridge at other places for each text."""
    best = {"text": (100.0, 0.85, 0.75), "words": (3.0, 0.5, 0.2), None: (10.0, 0.0, 0.2)}

    def settings(recipe: Together | Order) -> tuple[float, float, float]:
        total = recipe.l2 + recipe.prior
        return total, recipe.prior / total, recipe.text_l2

    def badness(recipe: Recipe) -> float:
        if not isinstance(recipe, Together | Order):
            return 0.0
        (total, share, text_l2), optimum = settings(recipe), best[recipe.vector]
        of_ridge = abs(np.log(total / optimum[0])) + abs(share - optimum[1]) + abs(text_l2 - optimum[2])
        return float(of_ridge) + {"text": 0.1, "words": 0.0, None: 0.2}[recipe.vector]

    monkeypatch.setattr("recsat.arms.hybrid.search.best_of", lambda _, recipes: min(recipes, key=badness))
    rng = np.random.default_rng(3)
    trial = Trial(hold_out(timed_blocks, next(draws_of_items(timed_blocks, 0.3, rng)), share=0.3, rng=rng), rng)
    parts = search([trial], ["text", "words"], dense=True, by_time=True)
    for vector, optimum in best.items():
        together = parts.warm[f"together {vector}" if vector else "together"]
        in_order = parts.warm[f"order {vector}" if vector else "order"]
        assert isinstance(together, Together)
        assert isinstance(in_order, Order)
        assert settings(together) == pytest.approx(optimum)
        assert settings(in_order)[:2] == pytest.approx(optimum[:2])
        assert together.vector == in_order.vector == vector
    in_sessions, carried = parts.warm["together in sessions"], parts.unseen["carried text"]
    assert in_sessions == replace(parts.warm["together words"], session_share=0.5)
    assert isinstance(carried, Carried)
    assert carried.source == parts.warm["together words"]


def test_ridges_go_down_to_a_small_part_of_an_items_likes(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of few items with hundreds of likes each a ridge of one mean like is too much."""

    def total(recipe: Recipe) -> float:
        return recipe.l2 + recipe.prior if isinstance(recipe, Together) else 0.0

    monkeypatch.setattr("recsat.arms.hybrid.search.best_of", lambda _, recipes: min(recipes, key=total))
    warm = search([trial], ["text"], dense=True, by_time=False).warm
    assert total(warm["together"]) == total(warm["together text"]) == pytest.approx(0.03)


def test_other_texts_stand_beside_the_first_where_more_users_than_those_of_the_trial_say_so(
    timed_blocks: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recsat.arms.hybrid.search.LARGE", 10)
    monkeypatch.setattr("recsat.arms.hybrid.trial.FEWEST_USERS", 20)
    monkeypatch.setattr("recsat.arms.hybrid.trial.CELLS", 1)
    text = timed_blocks.vectors["text"]
    train = replace(timed_blocks, vectors={"text": text, "words": np.roll(text, 1, axis=0)})
    beside, beside_by_few = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        trial = Trial(hold_out(train, next(draws_of_items(train, 0.3, rng)), share=0.3, rng=rng), rng)
        warm = search([trial], ["text", "words"], dense=True, by_time=True).warm
        [(name, of_texts)] = [(name, recipe) for name, recipe in warm.items() if name.startswith("order ")]
        plain = warm["order"]
        assert isinstance(plain, Order)
        assert isinstance(of_texts, Order)
        assert of_texts.ridge == pytest.approx(plain.ridge)
        assert plain.priors(trial.train) == []
        of_one = replace(of_texts, l2=of_texts.ridge - of_texts.prior, beside=None, prior_beside=0.0)
        of_both = replace(of_one, l2=of_one.l2 - PRIOR_BESIDE, beside="words", prior_beside=PRIOR_BESIDE)
        values = np.array(
            [
                [float(one.ndcg(one.normalised(recipe)).nansum()) for recipe in (of_one, of_both)]
                for one in trial.of_more_users(1_000)
            ]
        )
        assert of_texts == (of_both if np.diff(values.sum(axis=0)) > 0 else of_one)
        assert name == ("order text and words" if of_texts == of_both else "order text")
        beside.append(of_texts == of_both)
        beside_by_few.append(np.diff(values[0])[0] > 0)
    assert len(set(beside)) == 2, "each is chosen of some hold-out"
    assert beside != beside_by_few


@pytest.mark.parametrize("n_users", [5, 17, 40, 1_000])
def test_more_users_look_at_the_same_fits(
    timed_blocks: TrainingData, n_users: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recsat.arms.hybrid.trial.FEWEST_USERS", 10)
    monkeypatch.setattr("recsat.arms.hybrid.trial.CELLS", 1)
    rng = np.random.default_rng(3)
    split = hold_out(timed_blocks, next(draws_of_items(timed_blocks, 0.3, rng)), share=0.3, rng=rng)
    first = Trial(split, rng)
    recipe = Order(3.0, prior=6.0, vector="text")
    first.normalised(recipe)
    trials = list(first.of_more_users(n_users))
    rows = torch.cat([trial.rows for trial in trials])
    eligible = int((np.diff(split.hidden_likes.indptr)[~split.train.users.is_new] > 0).sum())
    assert trials[0] is first
    assert len(set(rows.tolist())) == len(rows) == min(max(n_users, 10), eligible)
    assert max(map(len, trials)) == 10
    fitted = recipe.fit(split.train)
    for trial in trials:
        torch.testing.assert_close(trial.scored(recipe), fitted.score(split.train.users.take(trial.rows.numpy())))
        torch.testing.assert_close(trial.liked, torch.from_numpy(split.hidden_likes[trial.rows.numpy()].toarray()))
        assert trial.fits._system is first.fits._system


def test_order_between_two_priors_is_its_formula(timed_blocks: TrainingData) -> None:
    E = np.random.default_rng(1).normal(size=(len(timed_blocks.catalogue), 4)).astype(np.float32)
    train = replace(timed_blocks, vectors={**timed_blocks.vectors, "words": E})
    recipe = Order(1.5, prior=6.0, vector="text", beside="words", prior_beside=2.5, text_l2_beside=0.7)
    A, C = (matrix.double() for matrix in LinearOrder().products(train))
    unit, B = mean_likes(train), C.clone()
    for vector, weight, text_l2 in (("text", 6.0, 0.2), ("words", 2.5, 0.7)):
        of_texts = text_weights(train.vectors[vector], text_l2 * text_unit(train, vector))
        B += weight * unit * of_texts
    expected = torch.linalg.solve(A + 10.0 * unit * torch.eye(len(A), dtype=torch.float64), B)
    torch.testing.assert_close(recipe.fit(train).weights.double(), expected, atol=1e-4, rtol=1e-3)
    with pytest.raises(ValueError, match="give vector as well"):
        replace(recipe, vector=None)


@pytest.mark.parametrize("most_kept", [0, 5_000])
def test_what_is_shared_changes_no_fit(blocks: TrainingData, most_kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recsat.arms.hybrid.trial.MOST_ITEMS_KEPT", most_kept)
    blocks = replace(blocks, vectors={**blocks.vectors, "words": blocks.vectors["text"][::-1].copy()})
    beside = Order(1.5, prior=6.0, vector="text", beside="words", prior_beside=1.5)
    order, together = Order(3.0, prior=6.0, vector="text"), Together(1.5, 0.5, prior=8.5, vector="text")
    recipes = [
        order,
        together,
        Carried(order, "text", 0.3),
        beside,
        Order(3.0),
        Carried(beside, "words", 0.3),
        Carried(together, "text", 0.3),
    ]
    fits = SharedFits(blocks, np.zeros(len(blocks.catalogue), dtype=np.float32))
    for recipe in [*recipes, *recipes]:
        ours, alone = fits.fitted(recipe).score(blocks.users), recipe.fit(blocks).score(blocks.users)
        torch.testing.assert_close(ours, alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("few_users", [0.0, 10.0])
def test_scores_without_weights_are_those_of_the_fits(
    timed_blocks: TrainingData, few_users: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recsat.arms.hybrid.trial.FEW_USERS", few_users)
    timed_blocks = replace(
        timed_blocks, vectors={**timed_blocks.vectors, "words": timed_blocks.vectors["text"][::-1].copy()}
    )
    plain, prior = Together(3.0, 0.5), Together(1.5, 0.5, prior=8.5, vector="text")
    beside = Order(1.5, prior=6.0, vector="text", beside="words", prior_beside=1.5)
    recipes: list[Recipe] = [
        plain,
        replace(plain, length_power=0.0),
        prior,
        replace(prior, text_l2=0.75),
        replace(prior, length_power=0.0),
        replace(prior, session_share=0.5),
        Carried(plain, "text", 0.3),
        Carried(prior, "text", 0.3),
        Carried(prior, "text", 3.0),
        Aligned(2.0, "text"),
        Aligned(0.1, "text"),
        Order(9.0),
        Order(9.0, history_decay=None),
        Order(3.0, prior=6.0, vector="text"),
        Order(3.0, prior=6.0, vector="text", history_decay=2.0, text_l2=0.03),
        beside,
        replace(beside, prior=5.0, prior_beside=2.5, text_l2_beside=3.0),
        Order(1.0, prior=5.0, vector="text"),
        Carried(beside, "words", 0.3),
        Carried(Order(9.0), "text", 0.3),
        Carried(Order(3.0, prior=6.0, vector="text"), "text", 0.3),
    ]
    users, columns = timed_blocks.users.take(slice(3, 40)), np.array([0, 4, 5, 29])
    fits = SharedFits(timed_blocks, np.zeros(len(timed_blocks.catalogue), dtype=np.float32), users)
    for recipe in [*recipes, *reversed(recipes)]:
        expected = recipe.fit(timed_blocks).score(users)[:, columns]
        torch.testing.assert_close(fits.scores(recipe, columns), expected, atol=1e-4, rtol=1e-3)
