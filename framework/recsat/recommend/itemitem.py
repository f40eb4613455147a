"""Arms whose score is history times an item-item matrix."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.recommend.gather import PADDING, at_candidates, dense, padded_rows, strongest
from recsat.recommend.interactions import UserBatch
from recsat.recommend.recommender import Reasons, Recommender


class ItemItemRecommender(Recommender):
    """Score of item i for a user with history H: sum over h in H of W[h, i]. ``weights`` is (n_items, n_items), float32."""

    weights: Tensor

    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        scores = dense(users.history) @ self.weights
        return scores if candidates is None else at_candidates(scores.to(candidates.device), candidates)

    def explain(self, users: UserBatch, items: NDArray[np.int64]) -> Reasons:
        """The history item h with the largest W[h, i]: taking it away lowers the score by exactly that."""
        history = padded_rows(users.history)
        rows = torch.from_numpy(history).clamp(min=0)[:, :, None]
        columns = torch.from_numpy(items).clamp(min=0)[:, None, :]
        because = strongest(self.weights[rows, columns], history)
        because = np.where(items == PADDING, PADDING, because)
        return Reasons(code=np.where(because >= 0, "because", "taste"), item=because)
