"""What is chosen on the validation part, and by whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Self

import numpy as np
import polars as pl
import pytest
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from recsat.arms.linear.padded import at_candidates
from recsat.contract.arm import Reasons, Recommender
from recsat.contract.dataset import Dataset
from recsat.contract.domain import FilterContext, RecommenderSpec
from recsat.contract.interactions import Catalogue, TrainingData, UserBatch
from recsat.lists.filters import plan_filters
from recsat.lists.request import Request
from recsat.stages.trial.fold import Fold
from recsat.stages.trial.tune import tune

CATALOGUE = Catalogue(pl.DataFrame({"item_id": list("abcdef"), "kind": ["movie"] * 6}))
LIKED = np.array([[1, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0]], dtype=np.float32)
REQUEST = Request(k=2)


class Favours(Recommender):
    """One item comes first, the others by popularity."""

    def __init__(self, place: int) -> None:
        self.place = place

    def fit(self, train: TrainingData) -> Self:
        self.scores = torch.from_numpy(train.popularity).clone()
        self.scores[self.place] = 99
        return self

    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        scores = self.scores.expand(len(users), -1)
        return scores if candidates is None else at_candidates(scores, candidates)

    def explain(self, users: UserBatch, items: NDArray[np.int64]) -> Reasons:
        return Reasons(np.full(items.shape, "popular"), np.full(items.shape, -1, dtype=np.int64))


SPEC = RecommenderSpec(name="arm", description="", make=Favours, ranks_unseen_items=True)


def fold_of(histories: list[list[float]], relevant: dict[str, str]) -> Fold:
    """Users u0, u1 … with these histories, who go on to like the items of ``relevant``."""
    ids = [f"u{i}" for i in range(len(histories))]
    users = UserBatch(ids, csr_array(np.array(histories, dtype=np.float32)))
    empty = pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String})
    known = FilterContext(
        known=Dataset(items=CATALOGUE.items, events=empty), config=None, now=datetime(2024, 1, 1, tzinfo=UTC)
    )
    return Fold(
        TrainingData(CATALOGUE, UserBatch(["t"] * 3, csr_array(LIKED))),
        users,
        plan_filters({}, CATALOGUE, ids, known),
        empty,
        relevant=pl.DataFrame({"user_id": list(relevant), "item_id": list(relevant.values())}),
        held_out=empty,
    )


NEW = [0.0] * 6
FEW = fold_of([[0, 1, 0, 0, 0, 0], NEW, NEW], {"u0": "f", "u1": "a", "u2": "a"})
"""The fallback hits for both users without a history."""


@pytest.mark.parametrize(("place", "expected"), [(5, 1.0), (0, 0.0)])
def test_an_arm_is_judged_by_the_users_whom_the_fallback_does_not_serve(place: int, expected: float) -> None:
    assert tune("arm", SPEC, {"place": place}, FEW, REQUEST).validation_ndcg == expected


def test_the_setting_that_does_best_on_validation_is_taken() -> None:
    tuned = tune("arm", replace(SPEC, grid={"place": [0, 5, 4]}), {}, FEW, REQUEST)
    assert (tuned.parameters, tuned.validation_ndcg) == ({"place": 5}, 1.0)
    assert tuned.table.rows() == [("arm", "place=0", 0.0), ("arm", "place=5", 1.0), ("arm", "place=4", 0.0)]


def test_a_fixed_parameter_is_not_tuned_and_the_arm_is_judged_all_the_same() -> None:
    tuned = tune("arm", replace(SPEC, grid={"place": [0, 5]}), {"place": 0}, FEW, REQUEST)
    assert (tuned.parameters, tuned.validation_ndcg, tuned.table.height) == ({"place": 0}, 0.0, 1)


def test_where_nobody_has_a_history_the_first_setting_stands() -> None:
    nobody = fold_of([NEW, NEW], {"u0": "a", "u1": "f"})
    tuned = tune("arm", replace(SPEC, grid={"place": [3, 5]}), {}, nobody, REQUEST)
    assert tuned.parameters == {"place": 3}
    assert tuned.table["ndcg"].to_list() == [0, 0]


class FavoursOneOfItsOwn(Favours):
    """Takes the last item that anybody has liked, unless it is told which."""

    def __init__(self, choices: dict[str, int] | None = None) -> None:
        self.choices = choices

    def choose(self, train: TrainingData) -> dict[str, int]:
        return self.choices or {"place": int(np.flatnonzero(train.popularity).max())}

    def fit(self, train: TrainingData) -> Self:
        self.place = self.choose(train)["place"]
        return super().fit(train)


def test_what_an_arm_chose_by_itself_is_a_parameter_from_then_on() -> None:
    spec = RecommenderSpec(name="arm", description="", make=FavoursOneOfItsOwn, ranks_unseen_items=True)
    tuned = tune("arm", spec, {}, FEW, REQUEST)
    assert tuned.parameters == {"choices": {"place": 2}}
    assert tuned.table["parameters"].to_list() == [""], "nothing was tried from outside"
    assert tune("arm", spec, {"choices": {"place": 5}}, FEW, REQUEST).parameters == {"choices": {"place": 5}}
    liked_by_one_more = np.vstack([LIKED, [[0, 0, 0, 0, 0, 1]]]).astype(np.float32)
    known = TrainingData(CATALOGUE, UserBatch(["t"] * 4, csr_array(liked_by_one_more)))
    of_known = tune("arm", spec, {}, FEW, REQUEST, known=known)
    assert of_known.parameters == {"choices": {"place": 5}}, "chosen on what is known before the test"
    assert of_known.validation_ndcg == 1, "and judged with it on validation"
