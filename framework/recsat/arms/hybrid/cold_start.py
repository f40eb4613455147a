"""What a user's scores of warm items say of unseen ones: a taste for texts, fitted to the scores themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.arms.aligned import AlignedText
from recsat.arms.attributes import packed
from recsat.arms.hybrid.blend import spread
from recsat.arms.linear.inner_products import inner_products
from recsat.arms.linear.item_item import ItemItemRecommender
from recsat.arms.linear.padded import factors_of
from recsat.contract.arm import ArmState
from recsat.contract.interactions import TrainingData, UserBatch

L2 = 10.0
"""Of the best three of 1, 3, 10, 30 and 100 on both MovieLens and Steam; see docs/decisions/0004-leading-arms.md."""


@dataclass(frozen=True)
class ContentToCollaborative:
    r"""Inner product of an item's text vector with a sum over the history, of aligned text and of carried scores in equal parts.

    .. math:: s_{ui} = x_u^\top \Bigl(\frac{E M}{\sigma_M} + \frac{W K}{\sigma_K}\Bigr) e_i, \qquad
              K = E_w (E_w^\top E_w + \lambda I)^{-1}

    M is the map of :class:`~recsat.arms.aligned.AlignedText`, W item-item weights, :math:`E_w` the text vectors of warm items,
    0 for the others. :math:`x_u^\top W K` is the ridge regression of the user's scores :math:`x_u^\top W` of warm items on their
    texts; a content map fitted to a collaborative model: Gantner et al., ICDM 2010. The two err differently: W knows what is
    liked together item by item, M texts alone. σ is the spread of a part's scores, over ``columns`` for ``users``.
    """

    item_vectors: NDArray[np.float32]
    """(n_items, d): those called ``vector`` in the run."""
    vector: str
    map: NDArray[np.float32]
    """(n_items, d): summed over a user's history it is the query."""

    @classmethod
    def fit(
        cls,
        train: TrainingData,
        aligned: AlignedText,
        weights: ItemItemRecommender,
        users: UserBatch,
        columns: NDArray[np.int64],
    ) -> Self:
        """From a fitted ``aligned`` and fitted item-item ``weights`` of the same data."""
        E = aligned.item_vectors
        Ew = torch.from_numpy(E * train.warm[:, None].astype(np.float32))
        K = torch.linalg.solve(Ew.T @ Ew + L2 * torch.eye(E.shape[1]), Ew.T).T
        lengths = torch.from_numpy(users.lengths)
        parts = [E @ aligned.mapping, (weights.weights @ K).numpy()]
        summed = sum(
            (part / spread(torch.from_numpy(users.history @ part @ E[columns].T), lengths) for part in parts),
            start=np.zeros_like(E),
        )
        return cls(E, aligned.text_vectors, summed.astype(np.float32))

    def state(self) -> ArmState:
        return packed(vars(self))

    def query_vectors(self, users: UserBatch) -> NDArray[np.float32]:
        """(n_users, d), whose inner product with a text vector is the score."""
        return np.asarray(users.history @ self.map, dtype=np.float32)

    def queries(self, users: UserBatch) -> Mapping[str, NDArray[np.float32]]:
        return {self.vector: self.query_vectors(users)}

    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        return inner_products(self.query_vectors(users), self.item_vectors, candidates)

    def losses(self, users: UserBatch, items: NDArray[np.int64]) -> Tensor:
        """What history item h adds to the score of listed item i, (B, H, k), 0 where padded. The score is their sum."""
        E = torch.from_numpy(self.item_vectors)
        return factors_of(users.history, torch.from_numpy(self.map)) @ E[torch.from_numpy(items).clamp(min=0)].mT
