"""EASE: embarrassingly shallow autoencoder."""

from __future__ import annotations

import copy
from typing import Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.arms.ease_text import inverse
from recsat.arms.linear.inverse import invert_in_place
from recsat.arms.linear.item_item import ItemItemRecommender
from recsat.arms.linear.padded import at_candidates
from recsat.arms.on_device import where_it_fits
from recsat.arms.recency import Recency, choose_gain
from recsat.contract.interactions import TrainingData, UserBatch

FLOAT32_CONDITION = 1e6
"""Up to this condition float32 gives the lists of float64: on made-up histories at 3.9e5 all of 1,000, at 3.9e7 all but one."""


class Ease(ItemItemRecommender):
    r"""Linear item-item regression with a zero diagonal, in closed form.

    .. math:: \min_W \|X - XW\|_F^2 + \lambda\|W\|_F^2 \quad \text{s.t. } \operatorname{diag}(W) = 0
              \;\Rightarrow\; P = (X^\top X + \lambda I)^{-1},\; W_{ij} = -P_{ij} / P_{jj}\; (i \ne j)

    X is the binary (users × items) matrix. Cost O(nnz · items + items³), memory items² float32. Steck, WWW 2019, equation 8.

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
        gram = (X.T @ X).astype(np.float32).toarray(order="C")
        gram[np.diag_indices_from(gram)] += self.l2
        P = _inverse(gram, float((X.T @ X.sum(axis=1)).max(initial=0.0)) / self.l2 + 1, train.device)
        diagonal = P.diagonal().copy()
        P /= -diagonal
        np.fill_diagonal(P, 0.0)
        self.weights = torch.from_numpy(P)
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
        scores = scores if self.gains is None else scores * self.gains.to(scores.device)
        return scores if candidates is None else at_candidates(scores.to(candidates.device), candidates)

    def losses(self, users: UserBatch, items: NDArray[np.int64]) -> Tensor:
        losses = super().losses(users, items)
        return losses if self.gains is None else losses * self.gains[torch.from_numpy(items).clamp(min=0)][:, None, :]


def _inverse(A: NDArray[np.float32], condition: float, device: str) -> NDArray[np.float32]:
    """On a CPU in the memory of ``A``; in float64, and three times that memory, above :data:`FLOAT32_CONDITION`."""
    precise = condition > FLOAT32_CONDITION
    if device == "cpu" and not precise:
        return invert_in_place(A)
    kind = torch.float64 if precise else torch.float32
    inverted = where_it_fits(
        device, lambda where: inverse(torch.from_numpy(A).to(where, kind)).to("cpu", torch.float32)
    )
    return np.ascontiguousarray(inverted.numpy())
