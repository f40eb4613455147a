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
from recsat.arms.linear.item_item import ItemItemRecommender
from recsat.arms.linear.sessions import session_gram
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

    def fit(self, train: TrainingData) -> Self:
        E = item_vectors(train, self.text_vectors, "ease-text")
        history, times = train.users.history, train.users.times
        user_weights = length_weights(history, self.length_power)
        gram = weighted_gram(history, user_weights)
        if self.session_share > 0 and times is not None:
            near = session_gram(history, times, user_weights, seconds=self.session_seconds)
            gram = (1 - self.session_share) * gram + self.session_share * torch.from_numpy(near.toarray())
        P = inverse(gram + (self.l2 + self.prior) * torch.eye(len(gram), dtype=gram.dtype))
        B = self.prior * times_text_weights(P, E, self.text_l2) - (self.l2 + self.prior) * P
        B.diagonal().add_(1.0)  # P G = I - (λ + β) P spares a product
        self.weights = without_own(B, P).to(torch.float32).contiguous()  # rows are gathered
        return self


def weighted_gram(history: csr_array, user_weights: NDArray[np.float64]) -> Tensor:
    """XᵀD_wX as a dense float64 tensor, (n_items, n_items)."""
    rows = np.repeat(user_weights, np.diff(history.indptr))
    weighted = csr_array((history.data * rows, history.indices, history.indptr), shape=history.shape)
    return torch.from_numpy(np.asarray((weighted.T @ history).toarray(), dtype=np.float64))


def inverse(A: Tensor) -> Tensor:
    """Inverse of a symmetric positive definite matrix."""
    factor: Tensor = torch.linalg.cholesky(A)
    inverted: Tensor = torch.cholesky_inverse(factor)
    return inverted


def without_own(B: Tensor, P: Tensor) -> Tensor:
    """The unconstrained solution B moved, along the columns of P, to a zero diagonal (Steck, WWW 2019, equation 7)."""
    W = B - P * (B.diagonal() / P.diagonal())
    W.fill_diagonal_(0.0)
    return W


def text_weights(vectors: NDArray[np.float32], l2: float) -> Tensor:
    r"""EASE on texts: :math:`S_{ij} = -Q_{ij} / Q_{jj}`, :math:`Q = (E E^\top + \lambda I)^{-1}`, zero diagonal, float64.

    By the matrix inversion lemma :math:`Q \propto I - E (E^\top E + \lambda I)^{-1} E^\top`: a d × d inverse and one product.
    """
    return times_text_weights(torch.eye(len(vectors), dtype=torch.float64), vectors, l2)


def times_text_weights(P: Tensor, vectors: NDArray[np.float32], l2: float) -> Tensor:
    """P S for S of :func:`text_weights`, O(items² · d): S is a diagonal and a matrix of rank d, and is not formed."""
    E = torch.from_numpy(vectors).to(P.dtype)
    mapped = E @ inverse(E.T @ E + l2 * torch.eye(E.shape[1], dtype=E.dtype))
    residual = 1 - (mapped * E).sum(dim=1)
    return P - (P - (P @ mapped) @ E.T) / residual
