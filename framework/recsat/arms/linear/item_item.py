"""Arms whose score is history times an item-item matrix."""

from __future__ import annotations

from typing import Generic, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor
from torch.nn.functional import embedding_bag
from typing_extensions import TypeVar

from recsat.arms.attributes import SavedByAttributes
from recsat.arms.linear.padded import PADDING, at_candidates, dense, padded_rows, reasons_by
from recsat.arms.on_device import ScoredByTable
from recsat.contract.arm import Reasons
from recsat.contract.interactions import UserBatch

GATHER_SHARE = 20
"""A row of weights that is gathered costs about as much as this many times its share of a dense product."""


Weights = TypeVar("Weights", bound=Tensor | csr_array, default=Tensor)


class ItemItemRecommender(ScoredByTable, SavedByAttributes, Generic[Weights]):
    """Score of item i for a user with history H: sum over h in H of W[h, i]. ``weights`` is (n_items, n_items), float32, dense or sparse."""

    weights: Weights

    def scored_by(self) -> Tensor:
        assert isinstance(self.weights, Tensor)  # sparse rows are not moved
        return self.weights

    def to(self, device: torch.device) -> Self:
        return super().to(device) if isinstance(self.weights, Tensor) else self

    @property
    def rows(self) -> Tensor | csr_array:
        """The weights, where scores are made."""
        return self.table if isinstance(self.weights, Tensor) else self.weights

    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        scores = history_times(users.history, self.rows)
        return scores if candidates is None else at_candidates(scores.to(candidates.device), candidates)

    def losses(self, users: UserBatch, items: NDArray[np.int64]) -> Tensor:
        """W[h, i] of each history item h and listed item i, (B, H, k), 0 where padded.

        The score is their sum, so it loses as much without h.
        """
        history, listed = padded_rows(users.history)[:, :, None], np.maximum(items, 0)[:, None, :]
        weights = _at(self.weights, np.maximum(history, 0), listed)
        return weights.masked_fill(torch.from_numpy(history == PADDING), 0.0)

    def explain(self, users: UserBatch, items: NDArray[np.int64]) -> Reasons:
        """The history item h with the largest W[h, i]: taking it away lowers the score by exactly that."""
        return reasons_by(self.losses(users, items), users, items)


def history_times(history: csr_array, weights: Tensor | csr_array) -> Tensor:
    """``history`` (B, n_items) times ``weights``, dense float32 on their device; histories that are short are summed row by row of the weights."""
    if not isinstance(weights, Tensor):
        return dense(history @ weights)
    device = weights.device
    if device.type == "mps":  # it has no sums of weighted rows
        return history_times(history, weights.cpu()).to(device)
    if GATHER_SHARE * history.nnz > history.shape[0] * history.shape[1]:
        return dense(history).to(device) @ weights
    return embedding_bag(
        torch.from_numpy(history.indices.astype(np.int64)).to(device),
        weights,
        torch.from_numpy(history.indptr.astype(np.int64)).to(device),
        mode="sum",
        per_sample_weights=torch.from_numpy(history.data.astype(np.float32)).to(device),
        include_last_offset=True,
    )


def _at(weights: Tensor | csr_array, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Tensor:
    if isinstance(weights, Tensor):
        return weights[torch.from_numpy(rows), torch.from_numpy(columns)]
    rows, columns = np.broadcast_arrays(rows, columns)
    values = weights[rows.ravel(), columns.ravel()]
    return torch.from_numpy(np.asarray(values, dtype=np.float32).reshape(rows.shape))
