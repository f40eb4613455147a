"""Taste for texts as one map: what a history says of any item that has a text, liked by anybody or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.arms.attributes import packed
from recsat.arms.linear.inner_products import inner_products
from recsat.arms.linear.item_item import history_times
from recsat.arms.linear.padded import factors_at, factors_of
from recsat.arms.on_device import scores_on_cpu
from recsat.contract.arm import ArmState
from recsat.contract.interactions import UserBatch


@dataclass(frozen=True)
class TextMap:
    r"""Inner product of an item's text vector with a sum over the history.

    .. math:: s_{ui} = x_u^\top F e_i

    F is :math:`E` for plain likeness of texts (the ranking of their cosine), :math:`E M` for aligned text
    (:class:`~recsat.arms.aligned.AlignedText`), :math:`W K` for scores carried along texts (:func:`carried`), or a weighted sum of such.
    """

    item_vectors: NDArray[np.float32]
    """(n_items, d): those called ``vector`` in the run."""
    vector: str
    map: NDArray[np.float32]
    """(n_items, d): summed over a user's history it is the query."""

    @classmethod
    def summed(cls, parts: Sequence[tuple[float, TextMap]]) -> Self:
        """The sum of ``parts`` of one vector, each times its weight."""
        first = parts[0][1]
        total = sum((np.float32(weight) * part.map for weight, part in parts), start=np.zeros_like(first.map))
        return cls(first.item_vectors, first.vector, total)

    def state(self) -> ArmState:
        return packed(vars(self))

    def query_vectors(self, users: UserBatch) -> NDArray[np.float32]:
        """(n_users, d), whose inner product with a text vector is the score."""
        return np.asarray(users.history @ self.map, dtype=np.float32)

    def queries(self, users: UserBatch) -> Mapping[str, NDArray[np.float32]]:
        return {self.vector: self.query_vectors(users)}

    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        return inner_products(
            torch.from_numpy(self.query_vectors(users)), torch.from_numpy(self.item_vectors), candidates
        )

    def to(self, device: torch.device) -> TextMap | MovedTextMap:
        if scores_on_cpu(device):
            return self
        return MovedTextMap(*(torch.from_numpy(table).to(device) for table in (self.map, self.item_vectors)))

    def losses(self, users: UserBatch, items: NDArray[np.int64]) -> Tensor:
        """What history item h adds to the score of listed item i, (B, H, k), 0 where padded. The score is their sum."""
        E = torch.from_numpy(self.item_vectors)
        return factors_of(users.history, torch.from_numpy(self.map)) @ factors_at(torch.from_numpy(items), E).mT


@dataclass(frozen=True)
class MovedTextMap:
    """The scores of a :class:`TextMap` whose tables are on a device."""

    map: Tensor
    item_vectors: Tensor

    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        return inner_products(history_times(users.history, self.map), self.item_vectors, candidates)


def texts_of_warm(vectors: NDArray[np.float32], warm: NDArray[np.bool_]) -> NDArray[np.float32]:
    """``vectors`` (n_items, d) of warm items, 0 for the others."""
    return vectors * warm[:, None].astype(np.float32)


def carried(vectors: NDArray[np.float32], vector: str, sums: Tensor, warm: NDArray[np.bool_], l2: float) -> TextMap:
    r"""The ridge regression of a user's item-item scores :math:`x_u^\top W` of warm items on their texts; ``sums`` are :math:`W E_w`.

    .. math:: K = E_w (E_w^\top E_w + \lambda I)^{-1}, \qquad \lambda = \text{l2} \cdot \operatorname{tr}(E_w^\top E_w) / d

    :math:`E_w` are the text vectors of warm items, 0 for the others. A content map fitted to a collaborative model: Gantner et al., ICDM
    2010. It errs otherwise than aligned text: W knows what is liked together item by item, M texts alone.
    """
    Ew = torch.from_numpy(texts_of_warm(vectors, warm))
    gram = Ew.T @ Ew
    unit = float(gram.trace()) / len(gram)
    gram.diagonal().add_(max(l2 * unit, 1e-6))
    return TextMap(vectors, vector, torch.linalg.solve(gram, sums.T).T.contiguous().numpy())
