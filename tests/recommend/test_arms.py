"""What every arm must do, whatever it computes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from recsat.domain import RecommenderSpec
from recsat.recommend.gather import padded_rows
from recsat.recommend.interactions import TrainingData, UserBatch
from recsat.recommend.recommender import Recommender
from recsat.recommend.registry import RECOMMENDERS

PERSONAL = [spec for spec in RECOMMENDERS if spec.name != "popularity"]
QUICK = {
    "sequence": {"width": 32, "n_layers": 1, "length": 20, "epochs": 25}
}  # what is trained in epochs: minutes at its defaults
by_name = pytest.mark.parametrize("spec", RECOMMENDERS, ids=lambda spec: spec.name)
by_personal_name = pytest.mark.parametrize("spec", PERSONAL, ids=lambda spec: spec.name)


def made(spec: RecommenderSpec) -> Recommender:
    return spec.make(**QUICK.get(spec.name, {}))


@by_personal_name
def test_the_one_withheld_item_of_a_checkerboard_comes_first(spec: RecommenderSpec, checkerboard: TrainingData) -> None:
    # the oracle of the implicit library's own tests: user u has met every item of its colour but item u
    scores = made(spec).fit(checkerboard).score(checkerboard.users)
    unseen = torch.from_numpy(checkerboard.users.history.toarray() == 0)
    best = scores.masked_fill(~unseen, float("-inf")).argmax(dim=1)
    assert best.tolist() == list(range(20))


@by_name
def test_scores_at_candidates_are_the_catalogue_scores_at_those_places(
    spec: RecommenderSpec, blocks: TrainingData
) -> None:
    arm = made(spec).fit(blocks)
    candidates = torch.tensor([[3, 29, -1, 0]] * len(blocks.users))
    everything = arm.score(blocks.users)
    picked = arm.score(blocks.users, candidates)
    assert torch.isneginf(picked[:, 2]).all()
    torch.testing.assert_close(picked[:, [0, 1, 3]], everything[:, [3, 29, 0]])


@by_name
def test_a_user_is_scored_from_the_history_handed_in_not_from_a_stored_id(
    spec: RecommenderSpec, blocks: TrainingData
) -> None:
    arm = made(spec).fit(blocks)
    stranger = UserBatch(ids=["never seen"], history=blocks.users.history[[4]])
    torch.testing.assert_close(arm.score(stranger)[0], arm.score(blocks.users)[4], rtol=1e-4, atol=1e-5)


@by_name
def test_an_empty_history_gives_finite_scores(spec: RecommenderSpec, blocks: TrainingData) -> None:
    nobody = UserBatch(ids=["new"], history=blocks.users.history[[0]] * 0)
    nobody.history.eliminate_zeros()
    assert torch.isfinite(made(spec).fit(blocks).score(nobody)).all()


@by_personal_name
def test_taking_the_named_reason_away_lowers_the_score(spec: RecommenderSpec, blocks: TrainingData) -> None:
    arm = made(spec).fit(blocks)
    unseen = torch.from_numpy(blocks.users.history.toarray() == 0)
    items = arm.score(blocks.users).masked_fill(~unseen, float("-inf")).topk(3, dim=1).indices
    because = arm.explain(blocks.users, items.numpy()).item
    history = blocks.users.history.toarray()
    named = np.argwhere(because >= 0)
    assert len(named) > 100
    for user, place in named[::7]:
        item, reason = int(items[user, place]), because[user, place]
        assert history[user, reason] == 1, "the reason must be one of the user's own items"
        without = history[[user]].copy()
        without[0, reason] = 0
        before = arm.score(blocks.users.take(np.array([user])))[0, item]
        after = arm.score(UserBatch(["x"], type(blocks.users.history)(without)))[0, item]
        if spec.name.startswith("text"):
            # a cosine with the mean: what counts is the named item's own share, the largest of the history's
            E = blocks.vectors["text"]
            own = padded_rows(blocks.users.history[[user]])[0]
            assert E[reason] @ E[item] >= (E[own[own >= 0]] @ E[item]).max() - 1e-6
        else:
            assert after < before


@by_name
def test_fitting_twice_with_one_seed_gives_the_same_scores(spec: RecommenderSpec, blocks: TrainingData) -> None:
    first, second = (made(spec).fit(blocks).score(blocks.users) for _ in range(2))
    torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-5)
