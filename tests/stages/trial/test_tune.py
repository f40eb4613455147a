"""What is chosen on the validation part, and by whom."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
import pytest
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from recsat import RunConfig
from recsat.arms.linear.padded import at_candidates
from recsat.arms.popularity import Popularity
from recsat.contract.arm import Reasons, Recommender
from recsat.contract.dataset import Dataset
from recsat.contract.domain import FilterContext, RecommenderSpec
from recsat.contract.interactions import Catalogue, TrainingData, UserBatch
from recsat.lists.filters import plan_filters
from recsat.lists.request import Request
from recsat.plugins import load_plugins
from recsat.run.folder import RunFolder
from recsat.run.progress import LogProgress
from recsat.run.stage import StageContext
from recsat.stages.trial.curves import CurveArm, ahead
from recsat.stages.trial.fold import Fold
from recsat.stages.trial.tune import tune, validation_ndcg

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


def spec_of(name: str, place: int) -> RecommenderSpec:
    return RecommenderSpec(
        name=name, description="", make=Favours, grid={"place": [place]}, uses_language=False, ranks_unseen_items=True
    )


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
        pl.DataFrame({"user_id": list(relevant), "item_id": list(relevant.values())}),
        empty,
        empty,
    )


NEW = [0.0] * 6
FEW = fold_of([[0, 1, 0, 0, 0, 0], NEW, NEW], {"u0": "f", "u1": "a", "u2": "a"})
"""The fallback hits for both users without a history."""


@pytest.mark.parametrize(("place", "expected"), [(5, 1.0), (0, 0.0)])
def test_an_arm_is_judged_by_the_users_whom_the_fallback_does_not_serve(place: int, expected: float) -> None:
    fallbacks = [Popularity().fit(FEW.train)]
    assert validation_ndcg(spec_of("arm", place), {"place": place}, FEW, fallbacks, REQUEST) == expected


def test_where_nobody_has_a_history_the_first_setting_stands() -> None:
    nobody = fold_of([NEW, NEW], {"u0": "a", "u1": "f"})
    spec = RecommenderSpec(
        name="arm", description="", make=Favours, grid={"place": [3, 5]}, uses_language=False, ranks_unseen_items=True
    )
    chosen, table = tune(spec, {}, nobody, [Popularity().fit(nobody.train)], REQUEST)
    assert chosen == {"place": 3}
    assert table["ndcg"].to_list() == [0, 0]


def context(config: RunConfig, **measure: object) -> StageContext:
    config = config.model_copy(update={"measure": config.measure.model_copy(update=measure)})
    plugins = load_plugins(["content"])
    return StageContext(RunFolder(Path()), config, plugins, plugins.domain("content"), LogProgress())


def chosen(of: StageContext, *arms: tuple[str, int, float | None], fold: Fold = FEW) -> str | None:
    best: CurveArm | None = None
    for name, place, ndcg in arms:
        arm = CurveArm(name, spec_of(name, place), {"place": place}, Favours(place), ndcg)
        best = ahead(of, best, arm, fold, REQUEST)
    return None if best is None else best.name


def test_curves_are_of_the_best_arm_on_validation_also_of_one_that_was_not_tuned(small_run_config: RunConfig) -> None:
    auto = context(small_run_config)
    assert chosen(auto, ("popularity", 0, 0.2), ("text", 0, 0.5), ("ease", 0, 0.4)) == "text"
    assert chosen(auto, ("popularity", 0, None), ("text", 5, None), ("ease", 4, None)) == "text"
    assert chosen(auto, ("popularity", 0, 0.2), ("text", 5, None), ("ease", 0, 0.4)) == "text"


def test_of_equal_arms_the_curve_is_not_of_the_baseline(small_run_config: RunConfig) -> None:
    auto = context(small_run_config)
    assert chosen(auto, ("popularity", 0, 0.0), ("text", 0, 0.0), ("ease", 0, 0.0)) == "text"
    assert chosen(auto, ("text", 0, 0.3), ("popularity", 0, 0.3)) == "text"
    assert chosen(auto, ("popularity", 0, 0.3), ("text", 0, 0.2)) == "popularity"


def test_a_named_arm_has_the_curve_whatever_it_did_and_without_curves_no_arm_has(small_run_config: RunConfig) -> None:
    arms = [("popularity", 0, 0.9), ("text", 0, None), ("ease", 0, 0.95)]
    assert chosen(context(small_run_config, curve_arm="text"), *arms) == "text"
    assert chosen(context(small_run_config, curve_arm="hybrid"), *arms) is None
    assert chosen(context(small_run_config, curves=False), *arms) is None
