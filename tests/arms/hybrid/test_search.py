"""One hold-out judges by a peer's nDCG, and the setting that it finds best is the one that is taken."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.metrics import ndcg_score

from recsat.arms.hybrid import search
from recsat.arms.hybrid.holdout import hold_out, last_likes
from recsat.arms.hybrid.parts import Carried, Liked, Likeness, Order, Together
from recsat.arms.hybrid.search import best_of
from recsat.arms.hybrid.trial import SharedFits, Trial
from recsat.contract.interactions import Catalogue, TrainingData, UserBatch


@pytest.fixture
def trial(blocks: TrainingData) -> Trial:
    rng = np.random.default_rng(3)
    return Trial(hold_out(blocks, share=0.3, rng=rng), rng)


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


@pytest.mark.parametrize("most_kept", [0, 5_000])
def test_what_is_shared_changes_no_fit(blocks: TrainingData, most_kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recsat.arms.hybrid.trial.MOST_ITEMS_KEPT", most_kept)
    order, together = Order(3.0, prior=6.0, vector="text"), Together(1.5, 0.5, prior=8.5, vector="text")
    recipes = [
        order,
        together,
        Carried(order, "text", 0.3),
        Order(3.0),
        Order(3.0, together=0.5),
        Carried(together, "text", 0.3),
    ]
    fits = SharedFits(blocks)
    for recipe in [*recipes, *recipes]:
        ours, alone = fits.fitted(recipe).score(blocks.users), recipe.fit(blocks).score(blocks.users)
        torch.testing.assert_close(ours, alone, atol=1e-4, rtol=1e-4)


def walks(*, in_order: bool, n_users: int = 200, n_items: int = 60, length: int = 7) -> TrainingData:
    """Users who go around a ring of items by every other one, with a third of their likes by chance; or who like the same in no order."""
    rng = np.random.default_rng(0)
    places, times = [], []
    for user in range(n_users):
        items = (rng.integers(n_items) + 2 * np.arange(length)) % n_items
        items = items if in_order else rng.permutation(items)
        items[rng.random(length) < 0.3] = rng.integers(n_items)
        _, first = np.unique(items, return_index=True)
        places += [(user, items[place]) for place in sorted(first)]
        times += [*range(1, len(first) + 1)]
    rows, columns = np.array(places).T
    history, moments = (
        csr_array((np.array(values), (rows, columns)), shape=(n_users, n_items))
        for values in (np.ones(len(rows), dtype=np.float32), np.array(times, dtype=np.float64))
    )
    items = [str(item) for item in range(n_items)]
    catalogue = Catalogue(pl.DataFrame({"item_id": items, "kind": "item", "title": items}))
    E = rng.normal(size=(n_items, 8)).astype(np.float32)
    users = UserBatch([str(user) for user in range(n_users)], history, moments)
    return TrainingData(catalogue, users, {"text": E}, seed=0, protocol="last-n")


@pytest.mark.parametrize(("in_order", "share"), [(True, 0.2), (False, 0.5)])
def test_pairs_whatever_their_order_count_for_more_where_order_says_nothing(in_order: bool, share: float) -> None:
    rng = np.random.default_rng(1)
    trials = [Trial(last_likes(walks(in_order=in_order), 0, rng), rng)]
    parts = search._order(trials, ["text"])
    assert [recipe.together for recipe in parts.values() if isinstance(recipe, Order)] == [share] * 2
