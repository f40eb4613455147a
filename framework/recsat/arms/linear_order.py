"""Item-item weights that know what came before what, in closed form, with or without a text prior."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from recsat.arms.ease_text import map_of_texts
from recsat.arms.linear.inner_products import Representation, item_vectors, text_vectors_name
from recsat.arms.linear.inverse import factor_in_place, solve_in_place
from recsat.arms.linear.item_item import ItemItemRecommender, history_times
from recsat.arms.linear.order import before_and_after, decayed, moments_of
from recsat.arms.linear.padded import PADDING, at_candidates, padded_rows
from recsat.arms.on_device import where_it_fits
from recsat.contract.interactions import TrainingData, UserBatch


class LinearOrder(ItemItemRecommender):
    r"""A linear session model: what a user goes on to like, from what they liked before, the latest counting most.

    .. math:: A = (1 - \gamma) S^\top S + \gamma X^\top X, \quad C = (1 - \gamma) S^\top T + \gamma X^\top X, \quad
              B = (A + (\lambda + \beta) I)^{-1} (C + \beta S_E)
    .. math:: \text{score}(u, i) = \sum_{j \in H_u} e^{-\Delta_j / \delta_2} B_{ji}

    S and T are what came before and after each moment of each user (:func:`~recsat.arms.linear.order.before_and_after`, :math:`\delta_1` is
    ``step_decay``), X is the binary (users × items) matrix, and :math:`\Delta_j` is how many of the user's moments ago item j was liked
    (:math:`\delta_2` is ``history_decay``; None: endless, when does not count). With a text prior :math:`\beta` (``prior``), :math:`S_E` is EASE on the
    item texts (:func:`~recsat.arms.ease_text.text_weights`). SLIST, Choi et al., WWW 2021; the prior as in L3AE, Moon et al., CIKM 2025.

    Items of one moment, a basket, stand side by side; without times everything is one moment, and nothing is learnt of order.
    Cost O(nnz · items + items³), memory 2 · items² float32.
    """

    def __init__(
        self,
        *,
        l2: float = 50.0,
        together: float = 0.2,
        step_decay: float = 1.0,
        history_decay: float | None = 4.0,
        prior: float = 0.0,
        text_l2: float = 1.0,
        representation: Representation = "model",
        words_share: float = 0.5,
    ) -> None:
        if not 0 <= together <= 1:
            raise ValueError(
                f"together must lie in [0, 1], not {together}: it is the share of pairs whatever their order"
            )
        for name, value in (("step_decay", step_decay), ("history_decay", history_decay), ("text_l2", text_l2)):
            if value is not None and not 0 < value < np.inf:
                raise ValueError(f"{name} must be above 0 and finite, not {value}")
        if min(l2, prior) < 0 or l2 + prior <= 0:
            raise ValueError(f"l2 and prior must not be negative and one must be above 0, not {l2} and {prior}")
        self.l2 = l2
        self.together = together
        self.step_decay = step_decay
        self.history_decay = history_decay
        self.prior = prior
        self.text_l2 = text_l2
        self.text_vectors = text_vectors_name(representation)
        self.words_share = words_share

    def fit(self, train: TrainingData) -> Self:
        return self.solve(train, *self.products(train))

    def products(self, train: TrainingData) -> tuple[Tensor, Tensor]:
        """A and C, float32: what arms of one ``together`` and ``step_decay`` have in common."""
        users = train.users
        X = users.history
        S, T = before_and_after(X, moments_of(X, users.times), self.step_decay)
        at_once, in_order = self.together * (X.T @ X), 1 - self.together
        return _dense(at_once + in_order * (S.T @ S)), _dense(at_once + in_order * (S.T @ T))

    def solve(self, train: TrainingData, A: Tensor, C: Tensor) -> Self:
        """:meth:`fit` from the products, which are changed in place."""
        if self.prior > 0:
            add_text_weights(
                C, item_vectors(train, self.text_vectors, "linear-order", self.words_share), self.text_l2, self.prior
            )
        A.diagonal().add_(self.l2 + self.prior)
        self.weights = where_it_fits(train.device, lambda where: _solved(A, C, where))
        return self

    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        moments = moments_of(users.history, users.times)
        scores = history_times(decayed(users.history, moments, self.history_decay), self.rows)
        return scores if candidates is None else at_candidates(scores.to(candidates.device), candidates)

    def losses(self, users: UserBatch, items: NDArray[np.int64]) -> Tensor:
        """What the score of each listed item loses without each history item, (B, H, k), 0 where padded.

        Without an item that is alone in its moment, everything before it is one moment nearer, and counts for more.
        """
        parts = super().losses(users, items)
        if self.history_decay is None:
            return parts
        moment = _padded(users.history, moments_of(users.history, users.times))
        is_history = torch.from_numpy(padded_rows(users.history) != PADDING)
        last = moment.masked_fill(~is_history, 0).amax(dim=1, keepdim=True)
        parts = parts * torch.exp((moment - last) / self.history_decay)[:, :, None]
        same = (moment[:, :, None] == moment[:, None, :]) & is_history[:, None, :]
        earlier = ((moment[:, None, :] < moment[:, :, None]) & is_history[:, None, :]).to(parts.dtype)
        alone = (same.sum(dim=2) == 1).to(parts.dtype)
        nearer = float(np.expm1(1 / self.history_decay))
        return parts - (nearer * alone)[:, :, None] * (earlier @ parts)


class LinearOrderText(LinearOrder):
    """:class:`LinearOrder` with a text prior from the start."""

    def __init__(self, *, prior: float = 100.0, **settings: Any) -> None:
        super().__init__(prior=prior, **settings)


def add_text_weights(C: Tensor, vectors: NDArray[np.float32], l2: float, weight: float) -> None:
    """Adds ``weight`` times :func:`~recsat.arms.ease_text.text_weights` to ``C``, in place; S is not formed beside it."""
    E = torch.from_numpy(vectors)
    mapped = map_of_texts(E.double(), l2).float()
    diagonal = (mapped * E).sum(dim=1)
    C.addmm_(mapped, (E / (1 - diagonal)[:, None]).T, alpha=weight)
    C.diagonal().sub_(weight * diagonal / (1 - diagonal))


def _solved(A: Tensor, C: Tensor, device: str) -> Tensor:
    """A⁻¹ C; on a CPU in the memory of both."""
    if device == "cpu":
        return torch.from_numpy(solve_in_place(factor_in_place(A.numpy()), C.numpy()))
    solved = torch.cholesky_solve(C.to(device), torch.linalg.cholesky(A.to(device)))
    return solved.contiguous().cpu()  # it comes column by column, of which rows are gathered slowly


def _dense(matrix: csr_array) -> Tensor:
    """float32, row by row."""
    return torch.from_numpy(matrix.astype(np.float32).toarray(order="C"))


def _padded(history: csr_array, values: NDArray[np.int64]) -> Tensor:
    """``values`` of the stored pairs in the places of :func:`padded_rows`, float32, 0 where padded."""
    places = padded_rows(history) != PADDING
    table = np.zeros(places.shape, dtype=np.float32)
    table[places] = values
    return torch.from_numpy(table)
