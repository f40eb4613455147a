"""EASE with any ridge and text prior from one decomposition, where users are fewer than items: for whoever tries many, and needs scores alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from torch import Tensor

from recsat.arms.ease_text import map_of_texts
from recsat.arms.linear.padded import dense

FEW_USERS = 0.5
"""Users for each item up to which the decomposition is sooner made than a few inverses of items × items."""


@dataclass(frozen=True)
class TextPrior:
    """Item texts E (n_items, d), and what :class:`Spectrum` needs of them for one ridge of theirs."""

    scaled: Tensor
    """E, its rows divided by 1 - diag(M Eᵀ), (n_items, d)."""
    map: Tensor
    """M = E (EᵀE + λI)⁻¹, (n_items, d)."""
    explained: Tensor
    """diag(M Eᵀ), (n_items,)."""
    of_histories: Tensor
    """H M, (n_histories, d)."""
    of_basis: Tensor
    """V M, (n_users, d)."""
    of_diagonal: Tensor
    """V ∘ (V M Eᵀ), (n_users, n_items)."""


class Spectrum:
    r"""Scores of :class:`~recsat.arms.ease_text.EaseText`, :math:`H W`, for any ridge and prior, without W.

    With the eigenvalues s and eigenvectors U of :math:`\sqrt{D_w} X X^\top \sqrt{D_w}`, users × users, and :math:`V = U^\top \sqrt{D_w} X`, by Woodbury's identity

    .. math:: P = (X^\top D_w X + tI)^{-1} = \frac{1}{t} \bigl(I - V^\top \operatorname{diagMat}(1 \oslash (s + t))\, V\bigr), \quad t = \lambda + \beta

    and with the texts' M, E and :math:`e = \operatorname{diag}(M E^\top)` (:func:`~recsat.arms.ease_text.times_text_weights`)

    .. math:: W = I + \beta P M \hat{E}^\top - P \operatorname{diagMat}(c), \quad \hat{E} = \operatorname{diagMat}(1 \oslash (1 - e))\, E

    whose c makes the diagonal 0. O(users³) once, then O(users² · items) for each ridge. ``history`` is X, (n_users, n_items), ``user_weights`` w;
    ``judged`` are the histories H that are scored.
    """

    def __init__(self, history: csr_array, user_weights: NDArray[np.float64], judged: csr_array) -> None:
        weighted = csr_array(diags_array(np.sqrt(user_weights)) @ history)
        values, U = np.linalg.eigh((weighted @ weighted.T).toarray())
        self.values = torch.from_numpy(values.clip(min=0).astype(np.float32))
        self.basis = torch.from_numpy(np.ascontiguousarray((weighted.T @ U).T, dtype=np.float32))
        self.squares = self.basis**2
        self.judged = judged
        self.histories = dense(judged)
        self.in_basis = torch.from_numpy(np.asarray(judged @ self.basis.T.numpy(), dtype=np.float32))

    def texts(self, vectors: NDArray[np.float32], l2: float) -> TextPrior:
        """For :meth:`scores` and :meth:`times`; ``l2`` is the texts' ridge."""
        E = torch.from_numpy(vectors)
        M = map_of_texts(E, l2)
        explained = (M * E).sum(dim=1)
        of_basis = self.basis @ M
        of_histories = torch.from_numpy(np.asarray(self.judged @ M.numpy(), dtype=np.float32))
        scaled = E / (1 - explained)[:, None]
        return TextPrior(scaled, M, explained, of_histories, of_basis, self.basis * (of_basis @ E.T))

    def scores(self, l2: float, prior: float = 0.0, texts: TextPrior | None = None) -> Tensor:
        """H W, float32 (n_histories, n_items)."""
        t = l2 + prior
        shrunk = self.in_basis / (self.values + t)
        scores = torch.addmm(self.histories, shrunk, self.basis, alpha=-1.0).mul_(self._columns(l2, prior, texts) / -t)
        scores += self.histories
        if texts is not None:
            by_texts = torch.addmm(texts.of_histories, shrunk, texts.of_basis, alpha=-1.0)
            scores.addmm_(by_texts, texts.scaled.T, alpha=prior / t)
        return scores

    def times(self, A: Tensor, l2: float, prior: float = 0.0, texts: TextPrior | None = None) -> Tensor:
        """W A for ``A`` (n_items, m), float32."""
        t = l2 + prior
        inner = A * -self._columns(l2, prior, texts)[:, None]
        if texts is not None:
            inner.addmm_(texts.map, texts.scaled.T @ A, alpha=prior)
        in_basis = (self.basis @ inner) / (self.values + t)[:, None]
        return A + inner.addmm_(self.basis.T, in_basis, alpha=-1.0) / t

    def _columns(self, l2: float, prior: float, texts: TextPrior | None) -> Tensor:
        """c, (n_items,)."""
        t, shrink = l2 + prior, 1 / (self.values + l2 + prior)
        diagonal = (1 - shrink @ self.squares) / t
        if texts is None:
            return 1 / diagonal
        return (1 + prior / t * (texts.explained - shrink @ texts.of_diagonal) / (1 - texts.explained)) / diagonal
