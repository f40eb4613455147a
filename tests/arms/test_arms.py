"""What every arm must do, whatever it computes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from recsat.builtin.arms import RECOMMENDERS
from recsat.contract.arm import Recommender
from recsat.contract.domain import RecommenderSpec
from recsat.contract.interactions import TrainingData, UserBatch

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


VARIANTS = {
    **{spec.name: (spec, QUICK.get(spec.name, {})) for spec in PERSONAL},
    # alpha above 1 changes the normal equations with the history; a large catalogue has another warm part
    "ials, weighted": (next(spec for spec in PERSONAL if spec.name == "ials"), {"factors": 6, "alpha": 8.0}),
    "hybrid, large catalogue": (next(spec for spec in PERSONAL if spec.name == "hybrid"), {"dense_limit": 10}),
}


@pytest.fixture
def with_new_items(blocks: TrainingData) -> TrainingData:
    """The same without any event on one item of each taste group."""
    history = blocks.users.history.toarray()
    history[:, :3] = 0
    return replace(blocks, users=replace(blocks.users, history=csr_array(history)))


@pytest.mark.parametrize("world", ["blocks", "with_new_items"])
@pytest.mark.parametrize("name", VARIANTS)
def test_taking_the_named_reason_away_lowers_the_score(name: str, world: str, request: pytest.FixtureRequest) -> None:
    spec, parameters = VARIANTS[name]
    data: TrainingData = request.getfixturevalue(world)
    arm = spec.make(**parameters).fit(data)
    history = data.users.history.toarray()
    best = arm.score(data.users).masked_fill(torch.from_numpy(history > 0), float("-inf")).topk(3, dim=1).indices
    listed = np.concatenate([best.numpy(), np.tile([0, 1, 2], (60, 1))], axis=1)
    because = arm.explain(data.users, listed).item
    assert (because[:, :3] >= 0).sum() > 100
    for user in range(0, 60, 7):
        own = np.flatnonzero(history[user])
        left_out = np.tile(history[user], (len(own), 1))
        left_out[np.arange(len(own)), own] = 0
        before = arm.score(data.users.take(np.array([user])))[0, listed[user]].numpy()
        after = arm.score(UserBatch(["x"] * len(own), csr_array(left_out)))[:, listed[user]].numpy()
        for place in np.flatnonzero(because[user] >= 0):
            assert because[user, place] in own, "the reason must be one of the user's own items"
            without = after[own == because[user, place], place][0]
            assert without < before[place]
            if not spec.name.startswith("text"):  # these name the likest of the items that lower it
                assert without <= after[:, place].min() + 1e-3 * abs(before[place]) + 1e-5, "none lowers it more"


@by_name
def test_fitting_twice_with_one_seed_gives_the_same_scores(spec: RecommenderSpec, blocks: TrainingData) -> None:
    first, second = (made(spec).fit(blocks).score(blocks.users) for _ in range(2))
    torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-5)
