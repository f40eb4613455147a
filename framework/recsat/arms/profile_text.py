"""What a user says of themselves: the only personal thing that is known before any event."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.arms.attributes import SavedByAttributes
from recsat.arms.linear.padded import at_candidates
from recsat.arms.market_popularity import MarketPopularity
from recsat.arms.on_device import ScoredByTable
from recsat.contract.arm import Reasons, Recommender
from recsat.contract.interactions import TrainingData, UserBatch
from recsat.errors import RunError


class ProfileText(ScoredByTable, SavedByAttributes):
    """Inner product of the user's description vector with the items' text vectors, for users without history.

    A user who has a history, or no description, scores -inf everywhere: this arm is a fallback and has nothing to say there.
    """

    def fit(self, train: TrainingData) -> Self:
        if "text" not in train.vectors:
            raise RunError("profile: the training data have no item vectors named 'text'. Run the embed stage first.")
        self.item_vectors = train.vectors["text"]
        return self

    def scored_by(self) -> Tensor:
        return torch.from_numpy(self.item_vectors)

    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        profiles, items = users.profile_vectors, self.table
        if profiles is None:
            scores = torch.full((len(users), len(items)), float("-inf"), device=items.device)
        else:
            has_profile = torch.from_numpy(profiles.any(axis=1) & users.is_new).to(items.device)
            scores = torch.from_numpy(profiles).to(items.device) @ items.T
            scores = scores.masked_fill(~has_profile[:, None], float("-inf"))
        return scores if candidates is None else at_candidates(scores.to(candidates.device), candidates)

    def explain(self, users: UserBatch, items: NDArray[np.int64]) -> Reasons:
        return Reasons(code=np.full(items.shape, "profile"), item=np.full(items.shape, -1, dtype=np.int64))


def fallbacks_for(train: TrainingData) -> list[Recommender]:
    """Who fills a place that an arm leaves empty, in this order: the user's own description, then popularity in their market."""
    popularity = MarketPopularity().fit(train)
    return [ProfileText().fit(train), popularity] if "text" in train.vectors else [popularity]
