"""EASE: embarrassingly shallow autoencoder."""

from __future__ import annotations

import copy
from typing import Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.arms.linear.item_item import ItemItemRecommender
from recsat.arms.linear.padded import at_candidates
from recsat.arms.recency import Recency, choose_gain
from recsat.contract.interactions import TrainingData, UserBatch


class Ease(ItemItemRecommender):
    r"""Linear item-item regression with a zero diagonal, in closed form.

    .. math:: \min_W \|X - XW\|_F^2 + \lambda\|W\|_F^2 \quad \text{s.t. } \operatorname{diag}(W) = 0
              \;\Rightarrow\; P = (X^\top X + \lambda I)^{-1},\; W_{ij} = -P_{ij} / P_{jj}\; (i \ne j)

    X is the binary (users × items) matrix. Cost O(nnz · items + items³), memory items². Steck, WWW 2019, equation 8.

    With ``recency`` "auto" column i of W is multiplied with the :func:`~recsat.arms.recency.gain` of item i, if one is surely better on windows before the cut: five more
    fits. It follows later events without another fit.
    """

    def __init__(self, *, l2: float = 200.0, recency: Literal["off", "auto"] = "off") -> None:
        if l2 <= 0:
            raise ValueError(f"l2 must be above 0, not {l2}: without it the Gram matrix need not be invertible")
        if recency not in ("off", "auto"):
            raise ValueError(f"recency must be off or auto, not {recency!r}")
        self.l2 = l2
        self.recency = recency
        self.half_life: float | None = None
        self.gamma = 0.0
        self.gains: Tensor | None = None

    def fit(self, train: TrainingData) -> Self:
        X = train.users.history
        gram = np.asarray((X.T @ X).toarray(), dtype=np.float64)
        gram[np.diag_indices_from(gram)] += self.l2
        P = torch.cholesky_inverse(torch.linalg.cholesky(torch.from_numpy(gram)))  # half the time of a general inverse
        W = -P / P.diagonal()
        W.fill_diagonal_(0.0)
        self.weights = W.to(torch.float32)
        if self.recency == "auto":
            best = choose_gain(train, Ease(l2=self.l2).fit)
            self.half_life, self.gamma = best.half_life, best.gamma
        return self._with_gains(train)

    def recounted(self, train: TrainingData) -> Self:
        return copy.copy(self)._with_gains(train)

    def _with_gains(self, train: TrainingData) -> Self:
        gains = Recency(self.half_life, self.gamma).gains(train)
        self.gains = None if gains is None else torch.from_numpy(gains)
        return self

    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        scores = super().score(users)
        scores = scores if self.gains is None else scores * self.gains
        return scores if candidates is None else at_candidates(scores.to(candidates.device), candidates)

    def losses(self, users: UserBatch, items: NDArray[np.int64]) -> Tensor:
        losses = super().losses(users, items)
        return losses if self.gains is None else losses * self.gains[torch.from_numpy(items).clamp(min=0)][:, None, :]
