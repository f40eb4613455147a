"""EASE: embarrassingly shallow autoencoder."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from recsat.arms.ease_text import inverse
from recsat.arms.linear.inverse import invert_in_place
from recsat.arms.linear.item_item import ItemItemRecommender
from recsat.contract.interactions import TrainingData

FLOAT32_CONDITION = 1e6
"""Up to this condition float32 gives the lists of float64: on made-up histories at 3.9e5 all of 1,000, at 3.9e7 all but one."""


class Ease(ItemItemRecommender):
    r"""Linear item-item regression with a zero diagonal, in closed form.

    .. math:: \min_W \|X - XW\|_F^2 + \lambda\|W\|_F^2 \quad \text{s.t. } \operatorname{diag}(W) = 0
              \;\Rightarrow\; P = (X^\top X + \lambda I)^{-1},\; W_{ij} = -P_{ij} / P_{jj}\; (i \ne j)

    X is the binary (users × items) matrix. Cost O(nnz · items + items³), memory items² float32. Steck, WWW 2019, equation 8.
    """

    def __init__(self, *, l2: float = 200.0) -> None:
        if l2 <= 0:
            raise ValueError(f"l2 must be above 0, not {l2}: without it the Gram matrix need not be invertible")
        self.l2 = l2

    def fit(self, train: TrainingData) -> Self:
        X = train.users.history
        gram = (X.T @ X).astype(np.float32).toarray(order="C")
        gram[np.diag_indices_from(gram)] += self.l2
        P = _inverse(gram, float((X.T @ X.sum(axis=1)).max(initial=0.0)) / self.l2 + 1)
        diagonal = P.diagonal().copy()
        P /= -diagonal
        np.fill_diagonal(P, 0.0)
        self.weights = torch.from_numpy(P)
        return self


def _inverse(A: NDArray[np.float32], condition: float) -> NDArray[np.float32]:
    """In the memory of ``A``; in float64, and three times that memory, above :data:`FLOAT32_CONDITION`."""
    if condition <= FLOAT32_CONDITION:
        return invert_in_place(A)
    inverted: NDArray[np.float32] = inverse(torch.from_numpy(A.astype(np.float64))).to(torch.float32).numpy()
    return inverted
