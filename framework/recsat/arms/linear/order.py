"""Histories in order of time: what came before what, as sums over users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

SMALLEST_WEIGHT = 1e-3
"""Steps back in time whose weight is smaller are left out of the sums."""


def tie_break(n_items: int) -> NDArray[np.int64]:
    """A rank for each item, drawn once for all, int64 (n_items,): the order of items of one moment, of which ids may say something, such as an item's age."""
    return np.random.default_rng(0).permutation(n_items)


def moments_of(history: csr_array, times: csr_array | None) -> NDArray[np.int64]:
    """For each stored pair of ``history``, which of the user's moments it is: 0 is the first, items of one moment share theirs.

    Everything is of one moment where no times are known.
    """
    if times is None or history.nnz == 0:
        return np.zeros(history.nnz, dtype=np.int64)
    rows = np.repeat(np.arange(history.shape[0]), np.diff(history.indptr))
    order = np.lexsort((times.data, rows))
    starts_user = np.diff(rows[order], prepend=-1) > 0
    is_later = (np.diff(times.data[order], prepend=np.inf) > 0) & ~starts_user
    steps = np.cumsum(is_later)
    first = np.repeat(steps[starts_user], np.diff(np.append(np.flatnonzero(starts_user), len(rows))))
    moments = np.empty(len(rows), dtype=np.int64)
    moments[order] = steps - first
    return moments


def before_and_after(history: csr_array, moments: NDArray[np.int64], decay: float) -> tuple[csr_array, csr_array]:
    r"""S and T: a row for each moment of a user that has a later one; both (n_moments, n_items) float32.

    S has the items up to the moment, T those after it, an item :math:`\Delta` moments away weighing :math:`e^{-\Delta / \delta}` (``decay``); the
    next moment is at distance 0 of T. The sessions of SLIST (Choi et al., WWW 2021), with items of one moment side by side.
    """
    users = np.repeat(np.arange(history.shape[0]), np.diff(history.indptr))
    n_moments = np.zeros(history.shape[0], dtype=np.int64)
    np.maximum.at(n_moments, users, moments + 1)
    first = np.cumsum(n_moments) - n_moments
    at = first[users] + moments
    last = (first + n_moments - 1)[users]
    n_rows, n_items = int(n_moments.sum()), history.shape[1]
    reach = int(np.ceil(-decay * np.log(SMALLEST_WEIGHT)))
    of_S, of_T = [], []
    for step in range(reach + 1):
        weight = np.float32(np.exp(-step / decay))
        later, earlier = at + step < last, at - step - 1 >= first[users]
        of_S.append((at[later] + step, history.indices[later], np.full(later.sum(), weight)))
        of_T.append((at[earlier] - step - 1, history.indices[earlier], np.full(earlier.sum(), weight)))
    return _sparse(of_S, n_rows, n_items), _sparse(of_T, n_rows, n_items)


def decayed(history: csr_array, moments: NDArray[np.int64], decay: float | None) -> csr_array:
    r"""``history`` with :math:`e^{-\Delta / \delta}` for an item :math:`\Delta` moments before the user's last; as it is where ``decay`` is None."""
    if decay is None:
        return history
    weights = np.exp(-(_last_moments(history, moments) - moments) / decay).astype(np.float32)
    return csr_array((weights, history.indices, history.indptr), shape=history.shape)


def _last_moments(history: csr_array, moments: NDArray[np.int64]) -> NDArray[np.int64]:
    """The user's last moment, for each stored pair."""
    users = np.repeat(np.arange(history.shape[0]), np.diff(history.indptr))
    last = np.zeros(history.shape[0], dtype=np.int64)
    np.maximum.at(last, users, moments)
    return last[users]


def _sparse(parts: Sequence[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]], n_rows: int, n_items: int) -> csr_array:
    rows, columns, values = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return csr_array((values, (rows, columns)), shape=(n_rows, n_items))
