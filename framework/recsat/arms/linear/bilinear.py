"""The ridge regression of interactions on pairs of text vectors, in closed form."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

USER_BLOCK = 65_536  # users whose d-dimensional sums are held at once
ROW_BLOCK = 4_096  # of them, those whose sums are made at once


def fit_bilinear(
    history: csr_array,
    vectors: NDArray[np.float32],
    *,
    user_weights: NDArray[np.float64],
    item_weights: NDArray[np.float64],
    l2: float,
) -> NDArray[np.float64]:
    r"""The d × d matrix M with which a history's summed vectors predict what else was liked.

    .. math:: \min_M \sum_{ui} w_u v_i \bigl(x_{ui} - (x_u^\top E)\, M\, e_i\bigr)^2 + \lambda \|M\|_F^2

    With :math:`A = (XE)^\top W (XE)`, :math:`C = E^\top V E` and :math:`R = (XE)^\top W X V E` the normal equations are
    :math:`A M C + \lambda M = R`. In the eigenbases :math:`A = Q_a \Lambda_a Q_a^\top`, :math:`C = Q_c \Lambda_c Q_c^\top`
    they fall apart into numbers:

    .. math:: M = Q_a \left[ (Q_a^\top R\, Q_c) \oslash (\lambda_a \lambda_c^\top + \lambda) \right] Q_c^\top

    Cost O(nnz·d + (users + items)·d² + d³); no matrix of items × items is formed. ``l2`` is in units of
    mean(λ_a)·mean(λ_c), so that one value serves data of any size. ``user_weights`` is w, (n_users,); ``item_weights`` is
    v, (n_items,), 0 where nothing is known of an item. Zero data give M = 0.
    """
    moments = bilinear_moments(history, vectors, user_weights=user_weights, item_weights=item_weights)
    return solve_bilinear(moments, l2)


class Moments(NamedTuple):
    """What :func:`fit_bilinear` needs of the data, each d × d: A, R and C of its docstring."""

    users: NDArray[np.float64]
    liked: NDArray[np.float64]
    items: NDArray[np.float64]

    @property
    def unit(self) -> float:
        """mean(λ_a)·mean(λ_c), what ``l2`` is counted in."""
        return float(np.trace(self.users) * np.trace(self.items)) / len(self.users) ** 2


def bilinear_moments(
    history: csr_array,
    vectors: NDArray[np.float32],
    *,
    user_weights: NDArray[np.float64],
    item_weights: NDArray[np.float64],
) -> Moments:
    """The sums over users and items; arguments as in :func:`fit_bilinear`."""
    d = vectors.shape[1]
    weighted = vectors * item_weights.astype(np.float32)[:, None]
    A = np.zeros((d, d))
    R = np.zeros((d, d))
    for start in range(0, history.shape[0], USER_BLOCK):
        rows = history[start : start + USER_BLOCK]
        sums = _sums(rows, vectors)
        scaled = (sums * user_weights[start : start + USER_BLOCK, None]).T
        A += scaled @ sums
        del sums  # each is some hundred MiB
        R += scaled @ _sums(rows, weighted)
    C = np.asarray(weighted.T @ vectors, dtype=np.float64)
    return Moments((A + A.T) / 2, R, (C + C.T) / 2)


def _sums(rows: csr_array, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sums in float32 as float64, (n_rows, d); the float32 ones are never there all at once."""
    sums = np.empty((rows.shape[0], vectors.shape[1]))
    for start in range(0, len(sums), ROW_BLOCK):
        part = slice(start, start + ROW_BLOCK)
        sums[part] = rows[part] @ vectors
    return sums


class Eigenbases(NamedTuple):
    """The moments where they are diagonal: a solution for any ridge then costs two products of d × d."""

    users: NDArray[np.float64]
    items: NDArray[np.float64]
    strengths: NDArray[np.float64]
    """λ_a λ_cᵀ, (d, d)."""
    liked: NDArray[np.float64]
    """Q_aᵀ R Q_c, (d, d)."""


def eigenbases(moments: Moments) -> Eigenbases:
    """O(d³), the same for every ridge."""
    eigen_a, Qa = np.linalg.eigh(moments.users)
    eigen_c, Qc = np.linalg.eigh(moments.items)
    return Eigenbases(Qa, Qc, np.outer(eigen_a.clip(min=0), eigen_c.clip(min=0)), Qa.T @ moments.liked @ Qc)


def solve_bilinear(
    moments: Moments, l2: float, prior: NDArray[np.float64] | None = None, bases: Eigenbases | None = None
) -> NDArray[np.float64]:
    r"""M of :func:`fit_bilinear`; with a ``prior`` M₀ the penalty is :math:`\lambda \|M - M_0\|_F^2`, and R becomes :math:`R + \lambda M_0`.

    ``bases`` are those of ``moments``, where several ridges are solved for.
    """
    Qa, Qc, strengths, liked = bases or eigenbases(moments)
    penalty = l2 * moments.unit
    if penalty == 0:
        return np.zeros_like(moments.users) if prior is None else prior
    target = liked if prior is None else liked + penalty * (Qa.T @ prior @ Qc)
    solved: NDArray[np.float64] = Qa @ (target / (strengths + penalty)) @ Qc.T
    return solved


def length_weights(history: csr_array, power: float) -> NDArray[np.float64]:
    """Weight of each user's row, history length to the power -``power``, scaled so that the events' mean weight is 1.

    Long histories have quadratically many pairs; without a weight a few heavy users decide everything. Users without
    history weigh 0.
    """
    n = np.diff(history.indptr).astype(np.float64)
    weights = np.where(n > 0, n.clip(min=1) ** -power, 0.0)
    total = float((weights * n).sum())
    return weights * (n.sum() / total) if total > 0 else weights
