"""Item-item nearest neighbours."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch

from recsat.arms.linear.item_item import ItemItemRecommender
from recsat.contract.interactions import TrainingData


class ItemNeighbours(ItemItemRecommender):
    r"""Cosine similarity of items' user sets, damped for small counts, cut to the nearest neighbours.

    .. math:: W_{hi} = \frac{x_h^\top x_i}{\|x_h\|\,\|x_i\| + s}, \text{ kept where } h \text{ is among the } n
              \text{ nearest neighbours of } i, \quad W_{ii} = 0

    Deshpande and Karypis, ACM TOIS 2004 (cosine-based item-item, equation 3); shrinkage s as in Bell and Koren, ICDM 2007.
    """

    def __init__(self, *, n_neighbours: int = 100, shrinkage: float = 20.0) -> None:
        if n_neighbours < 1:
            raise ValueError(f"n_neighbours must be at least 1, not {n_neighbours}")
        if shrinkage < 0:
            raise ValueError(f"shrinkage must not be negative, not {shrinkage}")
        self.n_neighbours = n_neighbours
        self.shrinkage = shrinkage

    def fit(self, train: TrainingData) -> Self:
        X = train.users.history
        together = torch.from_numpy(np.asarray((X.T @ X).toarray(), dtype=np.float32))
        norms = together.diagonal().sqrt()
        scale = torch.outer(norms, norms) + self.shrinkage
        W = torch.where(scale > 0, together / scale.clamp(min=1e-12), torch.zeros(()))
        W.fill_diagonal_(0.0)
        n = min(self.n_neighbours, len(train.catalogue))
        nearest = W.topk(n, dim=0)
        self.weights = torch.zeros_like(W).scatter_(0, nearest.indices, nearest.values)
        return self
