"""EASE: embarrassingly shallow autoencoder."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch

from recsat.arms.linear.item_item import ItemItemRecommender
from recsat.contract.interactions import TrainingData


class Ease(ItemItemRecommender):
    r"""Linear item-item regression with a zero diagonal, in closed form.

    .. math:: \min_W \|X - XW\|_F^2 + \lambda\|W\|_F^2 \quad \text{s.t. } \operatorname{diag}(W) = 0
              \;\Rightarrow\; P = (X^\top X + \lambda I)^{-1},\; W_{ij} = -P_{ij} / P_{jj}\; (i \ne j)

    X is the binary (users × items) matrix. Cost O(nnz · items + items³), memory items². Steck, WWW 2019, equation 8.
    """

    def __init__(self, *, l2: float = 200.0) -> None:
        if l2 <= 0:
            raise ValueError(f"l2 must be above 0, not {l2}: without it the Gram matrix need not be invertible")
        self.l2 = l2

    def fit(self, train: TrainingData) -> Self:
        X = train.users.history
        gram = np.asarray((X.T @ X).toarray(), dtype=np.float64)
        gram[np.diag_indices_from(gram)] += self.l2
        P = torch.cholesky_inverse(torch.linalg.cholesky(torch.from_numpy(gram)))  # half the time of a general inverse
        W = -P / P.diagonal()
        W.fill_diagonal_(0.0)
        self.weights = W.to(torch.float32)
        return self
