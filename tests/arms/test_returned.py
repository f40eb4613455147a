"""What a plugin's arm or reranker returns is refused at the door, with its name and what to return."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from recsat import PluginError, Reasons, Recommender, RecommenderSpec
from recsat.arms.returned import checked_places, checked_reasons, checked_scores
from recsat.contract.interactions import TrainingData, UserBatch
from recsat.errors import RunError
from recsat.stages.trial.fitting import fitted_arm

ITEMS = np.array([[0, 1], [2, -1]])


class Mine(Recommender):
    """An arm that gives what it was told to give."""

    def __init__(self, fitted: Any = None) -> None:
        self.fitted = fitted

    def fit(self, train: TrainingData) -> Any:
        return self.fitted

    def score(self, users: UserBatch, candidates: torch.Tensor | None = None) -> torch.Tensor:
        raise NotImplementedError

    def explain(self, users: UserBatch, items: Any) -> Reasons:
        raise NotImplementedError


class Order:
    def rerank(self, block: Any, k: int) -> torch.Tensor:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("scores", "what"),
    [
        (None, "None"),
        ([[0.0] * 3] * 2, "a list"),
        (np.zeros((2, 3), dtype=np.float32), "a numpy.ndarray"),
        (torch.zeros(2, 4), r"torch.float32 of \(2, 4\)"),
        (torch.zeros(6), r"torch.float32 of \(6,\)"),
        (torch.zeros(2, 3, dtype=torch.bool), r"torch.bool of \(2, 3\)"),
    ],
)
def test_scores_are_a_tensor_of_users_and_items(scores: Any, what: str) -> None:
    message = rf"^arm Mine\.score \(.*test_returned\.py:\d+\) returned {what}; return a float32 tensor of \(2, 3\)\.$"
    with pytest.raises(PluginError, match=message):
        checked_scores(Mine(), scores, (2, 3))
    sound = torch.zeros(2, 3)
    assert checked_scores(Mine(), sound, (2, 3)) is sound


def test_a_score_that_is_no_number_ends_the_run_and_infinities_do_not() -> None:
    scores = torch.tensor([[0.0, -torch.inf, torch.inf], [3.4e38, 3.4e38, 3.4e38]])
    assert checked_scores(Mine(), scores, (2, 3)) is scores
    scores[1, 2] = torch.nan
    with pytest.raises(RunError, match=r"^Mine gave scores that are not a number\."):
        checked_scores(Mine(), scores, (2, 3))


@pytest.mark.parametrize(
    "reasons",
    [
        None,
        ["because"],
        Reasons(np.full((2,), "popular"), np.full((2, 2), -1)),
        Reasons(np.full((2, 2), "popular"), np.full((2, 1), -1)),
        Reasons(np.full((2, 2), "popular"), np.full((2, 2), -1.0)),
    ],
)
def test_reasons_are_aligned_with_the_items(reasons: Any) -> None:
    with pytest.raises(
        PluginError, match=r"arm Mine\.explain .* return recsat\.Reasons with code and item of \(2, 2\)\."
    ):
        checked_reasons(Mine(), reasons, ITEMS)
    sound = Reasons(np.full((2, 2), "popular"), np.full((2, 2), -1))
    assert checked_reasons(Mine(), sound, ITEMS) is sound


@pytest.mark.parametrize(
    "places",
    [None, [[0, 1]], np.array([[0, 1]]), torch.tensor([[0.0, 1.0]]), torch.tensor([[0]]), torch.tensor([[0, 3]]), torch.tensor([[-2, 0]])],
)  # fmt: skip
def test_places_are_whole_numbers_within_the_candidates(places: Any) -> None:
    with pytest.raises(
        PluginError, match=r"reranker Order\.rerank .* return an int64 tensor of \(1, 2\), places from 0 to 2 or -1\."
    ):
        checked_places(Order(), places, 1, 3, 2)
    assert checked_places(Order(), torch.tensor([[2, -1]]), 1, 3, 2).tolist() == [[2, -1]]


def test_a_place_comes_once_in_a_list() -> None:
    with pytest.raises(
        PluginError, match=r"^reranker Order\.rerank .* returned place 1 twice in one list; return .*, each once\.$"
    ):
        checked_places(Order(), torch.tensor([[0, 1, 2], [1, 2, 1]]), 2, 3, 3)
    empty = torch.tensor([[0, -1, -1], [-1, -1, -1]])
    assert checked_places(Order(), empty, 2, 3, 3).equal(empty)


def test_fit_returns_the_arm() -> None:
    spec = RecommenderSpec(name="mine", description="Mine.", make=Mine)
    with pytest.raises(PluginError, match=r"arm 'mine': fit returned None.*End it with return self"):
        fitted_arm(spec, {}, None)  # type: ignore[arg-type]
    with pytest.raises(PluginError, match=r"arm 'mine': make returned dict"):
        fitted_arm(RecommenderSpec(name="mine", description="Mine.", make=dict), {}, None)  # type: ignore[arg-type]
    arm = Mine()
    assert fitted_arm(spec, {"fitted": arm}, None) is arm  # type: ignore[arg-type]
