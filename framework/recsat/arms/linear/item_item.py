"""Arms whose score is history times an item-item matrix."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.arms.attributes import SavedByAttributes
from recsat.arms.linear.padded import PADDING, at_candidates, dense, padded_rows, reasons_by
from recsat.contract.arm import Reasons
from recsat.contract.interactions import UserBatch


class ItemItemRecommender(SavedByAttributes):
    """Score of item i for a user with history H: sum over h in H of W[h, i]. ``weights`` is (n_items, n_items), float32."""

    weights: Tensor

    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        scores = dense(users.history) @ self.weights
        return scores if candidates is None else at_candidates(scores.to(candidates.device), candidates)

    def losses(self, users: UserBatch, items: NDArray[np.int64]) -> Tensor:
        """W[h, i] of each history item h and listed item i, (B, H, k), 0 where padded.

        The score is their sum, so it loses as much without h.
        """
        history = torch.from_numpy(padded_rows(users.history))[:, :, None]
        weights = self.weights[history.clamp(min=0), torch.from_numpy(items).clamp(min=0)[:, None, :]]
        return weights.masked_fill(history == PADDING, 0.0)

    def explain(self, users: UserBatch, items: NDArray[np.int64]) -> Reasons:
        """The history item h with the largest W[h, i]: taking it away lowers the score by exactly that."""
        return reasons_by(self.losses(users, items), users, items)
