"""Item-item nearest neighbours."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from scipy.sparse import csr_array, vstack
from torch import Tensor

from recsat.arms.linear.item_item import ItemItemRecommender
from recsat.contract.interactions import TrainingData

BLOCK = 2**24
"""Cosines that are held at once."""


class ItemNeighbours(ItemItemRecommender[csr_array]):
    r"""Cosine similarity of items' user sets, damped for small counts, cut to the nearest neighbours.

    .. math:: W_{hi} = \frac{x_h^\top x_i}{\|x_h\|\,\|x_i\| + s}, \text{ kept where } h \text{ is among the } n
              \text{ nearest neighbours of } i, \quad W_{ii} = 0

    W is sparse, and no matrix of items × items is formed: items · n numbers. Deshpande and Karypis, ACM TOIS 2004 (cosine-based item-item, equation 3); shrinkage s as in Bell and Koren, ICDM 2007.
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
        together = (X.T @ X).astype(np.float32).tocsr()
        norms = torch.from_numpy(together.diagonal()).sqrt()
        step = max(1, BLOCK // max(1, len(norms)))
        blocks = [self._nearest(together[start : start + step], norms, start) for start in range(0, len(norms), step)]
        # Cosines are symmetric, so the columns of W, each with its neighbours, are found as rows.
        self.weights = csr_array(vstack(blocks, format="csr").T.tocsr())
        return self

    def _nearest(self, together: csr_array, norms: Tensor, start: int) -> csr_array:
        """Weights of the neighbours of the items from ``start`` on, as rows, from their rows of XᵀX."""
        of_rows = norms[start : start + together.shape[0], None]
        scale = of_rows * norms + self.shrinkage
        cosines = torch.where(scale > 0, torch.from_numpy(together.toarray()) / scale.clamp(min=1e-12), torch.zeros(()))
        cosines.diagonal(start).zero_()
        nearest = cosines.topk(min(self.n_neighbours, len(norms)), dim=1)
        rows, places = nearest.values.nonzero(as_tuple=True)
        values, columns = (part[rows, places].numpy() for part in nearest)
        return csr_array((values, (rows.numpy(), columns)), shape=together.shape)
