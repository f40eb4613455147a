"""Pairs of likes that are close in time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from recsat.arms.linear.order import tie_break

NEGLIGIBLE = 7.0  # decay times after which exp(-t) < 1e-3 and a pair is left out
MOST_PAIRS = 2**22
"""That are held before they are summed up: each sum costs what all pairs of items cost that have one."""


def session_gram(
    history: csr_array, times: csr_array, user_weights: NDArray[np.float64], *, seconds: float, window: int = 50
) -> csr_array:
    r"""Co-occurrence counts in which a pair counts by how close in time the two events were.

    .. math:: G_{ij} = \sum_u w_u\, x_{ui} x_{uj} \exp\!\left(-\frac{|t_{ui} - t_{uj}|}{\tau}\right)
              \left(1 - \frac{|r_{ui} - r_{uj}|}{\text{window} + 1}\right)_+

    r is an event's place in the user's order of time; which of one moment's is the first is drawn (:func:`~recsat.arms.linear.order.tie_break`). Both kernels are positive definite (Laplace, Bartlett), so by Schur's
    product theorem G is positive semidefinite like XᵀX, of which it is the limit for endless τ and window. Cost O(nnz ·
    window). Weighting item pairs by time: Ding and Li, CIKM 2005; in linear item-item models: Choi et al., WWW 2021.
    ``times`` has the pattern of ``history``, in seconds.
    """
    rows = np.repeat(np.arange(history.shape[0]), np.diff(history.indptr))
    order = np.lexsort((tie_break(history.shape[1])[history.indices], times.data, rows))
    users, items, seconds_at = rows[order], history.indices[order], times.data[order]
    n = history.shape[1]
    above, parts, n_pairs = csr_array((n, n), dtype=np.float64), [], 0
    for offset in range(1, window + 1):
        apart = seconds_at[offset:] - seconds_at[:-offset]
        near = np.flatnonzero((users[offset:] == users[:-offset]) & (apart < NEGLIGIBLE * seconds))
        if not len(near):
            continue
        weight = user_weights[users[near]] * np.exp(-apart[near] / seconds) * (1 - offset / (window + 1))
        parts.append((weight, items[near], items[near + offset]))
        n_pairs += len(near)
        if n_pairs > MOST_PAIRS:
            above, parts, n_pairs = above + _summed(parts, n), [], 0
    above = above + _summed(parts, n)
    weights = np.bincount(items, weights=user_weights[users], minlength=n)
    return csr_array(above + above.T + diags_array(weights))


def _summed(parts: Sequence[tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int32]]], n: int) -> csr_array:
    """Weights at pairs of items, (n, n)."""
    if not parts:
        return csr_array((n, n), dtype=np.float64)
    weights, rows, columns = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return csr_array((weights, (rows, columns)), shape=(n, n))
