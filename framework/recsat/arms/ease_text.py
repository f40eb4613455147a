"""EASE whose weights are drawn towards what the texts say (L3AE)."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from recsat.arms.linear.bilinear import length_weights
from recsat.arms.linear.inner_products import Representation, item_vectors, text_vectors_name
from recsat.arms.linear.inverse import invert_in_place
from recsat.arms.linear.item_item import ItemItemRecommender
from recsat.arms.linear.sessions import session_gram
from recsat.arms.on_device import where_it_fits
from recsat.contract.interactions import TrainingData


class EaseText(ItemItemRecommender):
    r"""Item-item regression with a zero diagonal and a prior mean S from item texts, in closed form.

    .. math:: \min_W \sum_u w_u \|x_u - W^\top x_u\|^2 + \lambda \|W\|_F^2 + \beta \|W - S\|_F^2
              \quad \text{s.t. } \operatorname{diag}(W) = 0

    With :math:`P = (X^\top D_w X + (\lambda + \beta) I)^{-1}` and :math:`B = P (X^\top D_w X + \beta S)` the solution is
    :math:`W = B - P \operatorname{diagMat}(\operatorname{diag}(B) \oslash \operatorname{diag}(P))`. S is EASE on the text
    vectors themselves (:func:`text_weights`). Moon, Park and Lee, "LLM-Enhanced Linear Autoencoders for Recommendation"
    (L3AE), CIKM 2025; here user rows are weighted besides, by history length to the power -``length_power``.
    Cost O(nnz · items + items³), memory items².

    With ``session_share`` above 0, and times in the data, that share of :math:`X^\top D_w X` is replaced by
    :func:`~recsat.arms.linear.sessions.session_gram`: likes within ``session_seconds`` of each other count more.

    With ``sums``, a file of ``recsat federated merge``, XᵀD_wX is that of several silos (:mod:`recsat.arms.federated`).
    """

    def __init__(
        self,
        *,
        l2: float = 50.0,
        prior: float = 200.0,
        text_l2: float = 1.0,
        length_power: float = 0.5,
        session_share: float = 0.0,
        session_seconds: float = 600.0,
        representation: Representation = "model",
        words_share: float = 0.5,
        sums: str | None = None,
    ) -> None:
        if l2 + prior <= 0 or min(l2, prior) < 0:
            raise ValueError(f"l2 and prior must not be negative and one must be above 0, not {l2} and {prior}")
        if text_l2 <= 0:
            raise ValueError(f"text_l2 must be above 0, not {text_l2}")
        if not 0 <= session_share <= 1 or session_seconds <= 0:
            raise ValueError(
                f"session_share must lie in [0, 1] and session_seconds be above 0, not {session_share} and {session_seconds}"
            )
        self.session_share = session_share
        self.session_seconds = session_seconds
        self.l2 = l2
        self.prior = prior
        self.text_l2 = text_l2
        self.length_power = length_power
        self.text_vectors = text_vectors_name(representation)
        self.words_share = words_share
        if sums is not None and (length_power, session_share) != (0.5, 0.0):
            raise ValueError("sums are made with length_power 0.5 and without sessions: leave these as they are")
        self.sums = sums

    def fit(self, train: TrainingData) -> Self:
        E = item_vectors(train, self.text_vectors, "ease-text", self.words_share)
        gram = self._gram(train)
        self.weights = drawn_towards_texts(gram, self.l2, self.prior, E, self.text_l2, train.device).to(torch.float32)
        self.weights = self.weights.contiguous()  # rows are gathered
        return self

    def _gram(self, train: TrainingData) -> Tensor:
        if self.sums is None:
            return gram_of(train, self.length_power, self.session_share, self.session_seconds)
        from recsat.arms.federated import read_sums

        return torch.from_numpy(read_sums(self.sums).gram(train))


def drawn_towards_texts(
    gram: Tensor,
    l2: float,
    prior: float,
    vectors: NDArray[np.float32] | None,
    text_l2: float = 1.0,
    device: str = "cpu",
) -> Tensor:
    """W of :class:`EaseText` from XᵀD_wX, in its precision and on its device, solved on ``device``; ``vectors`` may be None where ``prior`` is 0, and W
    is that of EASE."""
    return where_it_fits(device, lambda where: _weights_of(gram.to(where), l2, prior, vectors, text_l2).to(gram.device))


def _weights_of(gram: Tensor, l2: float, prior: float, vectors: NDArray[np.float32] | None, text_l2: float) -> Tensor:
    P = gram.clone()
    P.diagonal().add_(l2 + prior)
    P = inverse(P)
    if vectors is None or prior == 0:
        W = P / -P.diagonal()
        W.fill_diagonal_(0.0)
        return W
    B = times_text_weights(P, vectors, text_l2).mul_(prior).sub_(P, alpha=l2 + prior)
    B.diagonal().add_(1.0)  # P G = I - (λ + β) P spares a product
    return without_own(B, P)


def gram_of(train: TrainingData, length_power: float, session_share: float, session_seconds: float) -> Tensor:
    """XᵀD_wX of :class:`EaseText`, with the share of likes close in time, float64."""
    history, times = train.users.history, train.users.times
    user_weights = length_weights(history, length_power)
    gram = weighted_gram(history, user_weights)
    if session_share > 0 and times is not None:
        near = session_gram(history, times, user_weights, seconds=session_seconds)
        gram = (1 - session_share) * gram + session_share * torch.from_numpy(near.toarray())
    return gram


def weighted_gram(history: csr_array, user_weights: NDArray[np.float64]) -> Tensor:
    """XᵀD_wX as a dense float64 tensor, (n_items, n_items)."""
    rows = np.repeat(user_weights, np.diff(history.indptr))
    weighted = csr_array((history.data * rows, history.indices, history.indptr), shape=history.shape)
    return torch.from_numpy(np.asarray((weighted.T @ history).toarray(), dtype=np.float64))


def inverse(A: Tensor) -> Tensor:
    """Inverse of a symmetric positive definite matrix, row by row in memory, as rows of weights are gathered; on a CPU in the memory of ``A``."""
    if A.device.type == "cpu":
        return torch.from_numpy(invert_in_place(A.numpy()))
    inverted: Tensor = torch.cholesky_inverse(torch.linalg.cholesky(A))
    return inverted.mT  # it comes by columns, which are the rows of its transpose


def without_own(B: Tensor, P: Tensor) -> Tensor:
    """The unconstrained solution B moved, along the columns of P, to a zero diagonal (Steck, WWW 2019, equation 7)."""
    W = torch.addcmul(B, P, B.diagonal() / P.diagonal(), value=-1.0)
    W.fill_diagonal_(0.0)
    return W


def text_weights(vectors: NDArray[np.float32], l2: float) -> Tensor:
    r"""EASE on texts: :math:`S_{ij} = -Q_{ij} / Q_{jj}`, :math:`Q = (E E^\top + \lambda I)^{-1}`, zero diagonal, float64.

    By the matrix inversion lemma :math:`Q \propto I - E (E^\top E + \lambda I)^{-1} E^\top`: a d × d inverse and one product.
    """
    return times_text_weights(torch.eye(len(vectors), dtype=torch.float64), vectors, l2)


def map_of_texts(E: Tensor, l2: float) -> Tensor:
    """E (EᵀE + λI)⁻¹ of text vectors E (n_items, d)."""
    return E @ inverse(E.T @ E + l2 * torch.eye(E.shape[1], dtype=E.dtype, device=E.device))


def times_text_weights(P: Tensor, vectors: NDArray[np.float32], l2: float) -> Tensor:
    """P S for S of :func:`text_weights`, O(items² · d): S is a diagonal and a matrix of rank d, and is not formed."""
    E = torch.from_numpy(vectors).to(P)
    mapped = map_of_texts(E, l2)
    explained = (mapped * E).sum(dim=1)
    residual = 1 - explained
    return (P * (-explained / residual)).addmm_(P @ mapped, (E / residual[:, None]).T)


def text_weights_times(T: Tensor, vectors: NDArray[np.float32], l2: float) -> Tensor:
    """S T for S of :func:`text_weights` and ``T`` (n_items, m), O(items · d · m)."""
    E = torch.from_numpy(vectors).to(T)
    mapped = map_of_texts(E, l2)
    explained = (mapped * E).sum(dim=1)
    residual = 1 - explained
    return torch.addmm(T * (-explained / residual)[:, None], mapped, (E / residual[:, None]).T @ T)
