"""iALS whose item factors start from what the texts say."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from recsat.arms.attributes import SavedByAttributes
from recsat.arms.linear.inner_products import Representation, ScoredByVectors, item_vectors, text_vectors_name
from recsat.arms.linear.leave_one_out import contributions_of_least_squares
from recsat.arms.linear.padded import (
    blocks_of_like_length,
    factors_at,
    factors_of,
    padded_rows,
    reasons_by,
    with_padding,
)
from recsat.contract.arm import Reasons
from recsat.contract.interactions import TrainingData, UserBatch

EVENT_BUDGET = (
    2**12
)  # padded events (rows × longest row) of one block of normal equations: their factors stay in the cache
FEW_EVENTS = 0.8
"""Shares of the factors below which a system of events by events is solved sooner than one of factors by factors: of 128, 64 events take half the time and 112 as long."""


class IalsText(ScoredByVectors, SavedByAttributes):
    r"""Weighted matrix factorisation with a ridge map from texts to the prior mean of the item factors.

    .. math:: \min_{X,Y,B} \sum_{u, i \text{ warm}} c_{ui} (p_{ui} - x_u^\top y_i)^2 + \lambda \sum_u \|x_u\|^2
              + \lambda \sum_{i \text{ warm}} \|y_i - B^\top e_i\|^2 + \mu \|B\|_F^2

    with c = α where p = 1, else 1 (Hu, Koren and Volinsky, ICDM 2008). X, Y and B are minimised in turn, each exactly. An
    item without events is not evidence of dislike: it has no term, and its factor is the prior mean :math:`B^\top e_i`.
    The side information as a regression prior: Agarwal and Chen, KDD 2009. Cost of a sweep
    O(nnz·k² + (users + items)·k³ + items·d·k); nothing of users × items or items × items is formed.
    """

    def __init__(
        self,
        *,
        factors: int = 128,
        regularisation: float = 30.0,
        alpha: float = 5.0,
        map_l2: float = 100.0,
        iterations: int = 8,
        representation: Representation = "model",
        words_share: float = 0.5,
    ) -> None:
        if factors < 1 or iterations < 1:
            raise ValueError(f"factors and iterations must be at least 1, not {factors} and {iterations}")
        if min(regularisation, map_l2) <= 0 or alpha < 1:
            raise ValueError(
                f"regularisation and map_l2 must be above 0 and alpha at least 1, not {regularisation}, {map_l2}, {alpha}"
            )
        self.factors = factors
        self.regularisation = regularisation
        self.alpha = alpha
        self.map_l2 = map_l2
        self.iterations = iterations
        self.text_vectors = text_vectors_name(representation)
        self.words_share = words_share

    def fit(self, train: TrainingData) -> Self:
        E = torch.from_numpy(item_vectors(train, self.text_vectors, "ials-text", self.words_share)).to(train.device)
        warm = torch.from_numpy(train.warm).to(train.device)
        history = train.users.history
        liked_by = csr_array(history.T.tocsr())
        start = torch.Generator().manual_seed(train.seed)
        Y = (0.1 * torch.randn(len(E), self.factors, generator=start)).to(train.device)
        Y[~warm] = 0
        of_warm = E[warm]
        factor = self._factor_of_texts(of_warm)
        for _ in range(self.iterations):
            X = self._solved(history, Y)
            prior = E @ torch.cholesky_solve(of_warm.T @ Y[warm], factor)
            Y = torch.where(warm[:, None], self._solved(liked_by, X, prior), 0.0)
            del X  # half a GiB of a million users, which the next sweep makes anew
        self.text_map = torch.cholesky_solve(of_warm.T @ Y[warm], factor)
        self.item_factors: NDArray[np.float32] = torch.where(warm[:, None], Y, E @ self.text_map).cpu().numpy()
        self.text_map, self.warm_gram = self.text_map.cpu(), (Y.T @ Y).cpu()
        return self

    def _factor_of_texts(self, E: Tensor) -> Tensor:
        """Cholesky's of EᵀE + μ/λ I over warm items, (d, d): B = (EᵀE + μ/λ I)⁻¹ EᵀY."""
        system = E.T @ E
        system.diagonal().add_(self.map_l2 / self.regularisation)
        factor: Tensor = torch.linalg.cholesky(system)
        return factor

    def _solved(
        self, events: csr_array, other: Tensor, prior: Tensor | None = None, gram: Tensor | None = None
    ) -> Tensor:
        r"""Factors of the rows of ``events`` with the columns' factors ``other`` fixed, (n_rows, k).

        Row r solves :math:`(O^\top O + \lambda I + (\alpha - 1) O_r^\top O_r)\, z = \alpha \sum O_r + \lambda \cdot \text{prior}_r`, :math:`O_r` being the
        factors of its events. With :math:`O^\top O + \lambda I = L L^\top` and :math:`y = L^\top z` what all rows have in common is the identity.
        """
        gram = other.T @ other if gram is None else gram
        L = torch.linalg.cholesky(gram + self.regularisation * torch.eye(self.factors, device=gram.device))
        whitened, prior = (
            None if factors is None else torch.linalg.solve_triangular(L.mT, factors, upper=True, left=False)
            for factors in (other, prior)
        )
        assert whitened is not None
        whitened = with_padding(whitened)
        solved = torch.empty(events.shape[0], self.factors, device=other.device)
        budget = EVENT_BUDGET if other.device.type == "cpu" else 64 * EVENT_BUDGET
        for rows in blocks_of_like_length(events, budget):
            of_rows = whitened[torch.from_numpy(padded_rows(events, rows)).to(whitened.device)]
            places = torch.from_numpy(rows).to(solved.device)
            right = self.alpha * of_rows.sum(dim=1)
            if prior is not None:
                right += self.regularisation * prior[places]
            solve = _solved_by_events if of_rows.shape[1] < FEW_EVENTS * self.factors else _solved_by_factors
            solved[places] = solve(self.alpha - 1, of_rows, right)
        back: Tensor = torch.linalg.solve_triangular(L, solved, upper=False, left=False)
        return back

    def scored_by(self) -> Tensor:
        return torch.from_numpy(self.item_factors)

    def query_vectors(self, users: UserBatch) -> NDArray[np.float32]:
        """User factors solved from the histories handed in, (n_users, k)."""
        history = users.history
        liked, columns = np.unique(history.indices, return_inverse=True)  # the factors of no other item are looked at
        of_liked = csr_array((history.data, columns, history.indptr), shape=(len(users), len(liked)))
        solved = self._solved(of_liked, torch.from_numpy(self.item_factors[liked]), gram=self.warm_gram)
        return np.asarray(solved.numpy(), dtype=np.float32)

    def losses(self, users: UserBatch, items: NDArray[np.int64]) -> Tensor:
        """What the score loses when the user's factor is solved anew without history item h, (B, H, k)."""
        Y = torch.from_numpy(self.item_factors)
        listed = factors_at(torch.from_numpy(items), Y)
        return contributions_of_least_squares(
            self.warm_gram,
            factors_of(users.history, Y),
            listed,
            alpha=self.alpha,
            regularisation=self.regularisation,
        )

    def explain(self, users: UserBatch, items: NDArray[np.int64]) -> Reasons:
        """The history item without which the score would be lowest, the user's factor solved anew."""
        return reasons_by(self.losses(users, items), users, items)


def _solved_by_factors(weight: float, of_rows: Tensor, right: Tensor) -> Tensor:
    """(I + weight · OᵀO)⁻¹ right for each row's O (B, H, k), a system of k × k each."""
    eye = torch.eye(of_rows.shape[2], device=of_rows.device)
    factor = torch.linalg.cholesky(torch.baddbmm(eye, of_rows.mT, of_rows, alpha=weight))
    solved: Tensor = torch.cholesky_solve(right[:, :, None], factor)[:, :, 0]
    return solved


def _solved_by_events(weight: float, of_rows: Tensor, right: Tensor) -> Tensor:
    """The same by a system of H × H each: most rows of a large catalogue have few events.

    (I + wOᵀO)⁻¹ r = r - w Oᵀ (I + w O Oᵀ)⁻¹ O r, Woodbury's identity.
    """
    eye = torch.eye(of_rows.shape[1], device=of_rows.device)
    factor = torch.linalg.cholesky(torch.baddbmm(eye, of_rows, of_rows.mT, alpha=weight))
    inner = torch.cholesky_solve(of_rows @ right[:, :, None], factor)
    return torch.baddbmm(right[:, :, None], of_rows.mT, inner, alpha=-weight)[:, :, 0]
