"""Item-item weights in a form that a vector store can search: short vectors, and each item's nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from recsat.arms.linear.order import tie_break
from recsat.arms.linear.padded import PADDING
from recsat.contract.interactions import UserBatch

N_FACTORS = 128
N_NEIGHBOURS = 50
N_LATEST = 20


@dataclass(frozen=True)
class LowRankItemItem:
    """W (n_items, n_items) in short: ``history @ items.T`` is its best approximation of that rank."""

    history: NDArray[np.float32]
    """(n_items, d): summed over a user's history it is the query."""
    items: NDArray[np.float32]
    """(n_items, d): what is stored."""
    neighbours: csr_array
    """(n_items, n_items): each row's largest positive weights alone."""


def factorise(
    weights: Tensor, *, seed: int, n_factors: int = N_FACTORS, n_neighbours: int = N_NEIGHBOURS
) -> LowRankItemItem:
    r"""Truncated singular value decomposition :math:`W \approx U S V^\top`, history :math:`U S`, items :math:`V`.

    Randomised with two power iterations (Halko, Martinsson and Tropp, SIAM Review 2011), O(n_items² · d), seeded.
    """
    n_items = len(weights)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        U, S, V = torch.svd_lowrank(weights, q=min(n_factors, n_items), niter=2)
    nearest = weights.topk(min(n_neighbours, n_items), dim=1)
    rows = np.repeat(np.arange(n_items), nearest.indices.shape[1])
    near = csr_array(
        (nearest.values.clamp(min=0).numpy().ravel(), (rows, nearest.indices.numpy().ravel())), shape=(n_items, n_items)
    )
    near.eliminate_zeros()
    return LowRankItemItem((U * S).numpy(), np.ascontiguousarray(V.numpy()), near)


def latest_neighbours(neighbours: csr_array, users: UserBatch, n: int) -> NDArray[np.int64]:
    """The ``n`` items with the largest summed weight to each user's :data:`N_LATEST` last items, best first, (B, n).

    Without times, the whole history counts. Which of one moment's items is the last, and which of equal sums the larger, is drawn
    (:func:`~recsat.arms.linear.order.tie_break`). Padded with -1; sparse all the way, so its cost does not grow with the catalogue.
    """
    scores = csr_array(_latest(users) @ neighbours)
    row = np.repeat(np.arange(scores.shape[0]), np.diff(scores.indptr))
    order = np.lexsort((tie_break(scores.shape[1])[scores.indices], -scores.data, row))
    row, item = row[order], scores.indices[order]
    place = np.arange(len(row)) - scores.indptr[row]
    ranked = np.full((scores.shape[0], n), PADDING, dtype=np.int64)
    best = place < n
    ranked[row[best], place[best]] = item[best]
    return ranked


def _latest(users: UserBatch) -> csr_array:
    if users.times is None:
        return users.history
    row = np.repeat(np.arange(len(users)), np.diff(users.times.indptr))
    order = np.lexsort((tie_break(users.times.shape[1])[users.times.indices], -users.times.data, row))
    place = np.arange(len(row)) - users.times.indptr[row]
    latest = order[place < N_LATEST]
    return csr_array(
        (np.ones(len(latest), dtype=np.float32), (row[latest], users.times.indices[latest])), shape=users.history.shape
    )
