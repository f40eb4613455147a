"""Several rankings into one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recsat.arms.linear.padded import PADDING

DAMPING = 60.0
"""k of the formula; 60 is the value of the paper."""


def reciprocal_rank_fusion(rankings: Sequence[NDArray[np.int64]], limit: int) -> NDArray[np.int64]:
    r"""The ``limit`` items with the largest sum of reciprocal ranks, best first, int64 (B, limit), padded with -1.

    .. math:: \mathrm{RRF}(i) = \sum_r \frac{1}{60 + \mathrm{rank}_r(i)}

    Every ranking is int64 (B, m) of item indices, best first, padded with -1; an item stands in one ranking at most once.
    Equal sums are ordered by item index. Cormack, Clarke and Buettcher, SIGIR 2009.
    """
    n_users = len(rankings[0])
    row = np.concatenate([np.repeat(np.arange(n_users), ranking.shape[1]) for ranking in rankings])
    item = np.concatenate([ranking.ravel() for ranking in rankings])
    share = np.concatenate([np.tile(1 / (DAMPING + 1 + np.arange(ranking.shape[1])), n_users) for ranking in rankings])
    real = item != PADDING
    row, item, share = row[real], item[real], share[real]
    fused = np.full((n_users, limit), PADDING, dtype=np.int64)
    if not len(item):
        return fused
    n_items = int(item.max()) + 1
    pairs, where = np.unique(row * n_items + item, return_inverse=True)
    total = np.bincount(where, weights=share)
    row, item = pairs // n_items, pairs % n_items
    order = np.lexsort((item, -total, row))
    row, item = row[order], item[order]
    place = np.arange(len(row)) - np.searchsorted(row, row)
    within = place < limit
    fused[row[within], place[within]] = item[within]
    return fused
