"""One hold-out judges by a peer's nDCG, and the setting that it finds best is the one that is taken."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import ndcg_score

from recsat.arms.hybrid.holdout import hold_out
from recsat.arms.hybrid.parts import Liked, Likeness
from recsat.arms.hybrid.search import best_of
from recsat.arms.hybrid.trial import Trial
from recsat.contract.interactions import TrainingData


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
