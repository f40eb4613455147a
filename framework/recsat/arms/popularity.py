"""Popularity: the baseline that every other arm must beat."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.arms.attributes import SavedByAttributes
from recsat.arms.linear.padded import at_candidates
from recsat.arms.on_device import ScoredByTable
from recsat.contract.arm import Reasons
from recsat.contract.interactions import TrainingData, UserBatch


class Popularity(ScoredByTable, SavedByAttributes):
    """Score of an item = number of training users who liked it; the same for every user."""

    counts: Tensor

    def fit(self, train: TrainingData) -> Self:
        self.counts = torch.from_numpy(train.popularity)
        return self

    def scored_by(self) -> Tensor:
        return self.counts

    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        if candidates is None:
            return self.table.expand(len(users), -1)
        return at_candidates(self.table.to(candidates.device), candidates)

    def explain(self, users: UserBatch, items: NDArray[np.int64]) -> Reasons:
        unseen = self.counts.numpy()[items] == 0
        return Reasons(code=np.where(unseen, "new", "popular"), item=np.full(items.shape, -1, dtype=np.int64))
