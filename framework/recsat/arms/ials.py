"""Implicit-feedback matrix factorisation through the ``implicit`` library."""

from __future__ import annotations

from functools import cache
from typing import Any, Self

import numpy as np
import torch
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from threadpoolctl import ThreadpoolController, threadpool_limits
from torch import Tensor

from recsat.arms.attributes import SavedByAttributes
from recsat.arms.linear.inner_products import ScoredByVectors
from recsat.arms.linear.leave_one_out import contributions_of_least_squares
from recsat.arms.linear.padded import factors_at, factors_of, reasons_by
from recsat.contract.arm import ArmState, Reasons
from recsat.contract.interactions import TrainingData, UserBatch


@cache
def _blas() -> ThreadpoolController:
    """To look for the libraries that have threads takes longer than a user's list, and what implicit calls is loaded with it."""
    return ThreadpoolController()


class ImplicitALS(ScoredByVectors, SavedByAttributes):
    r"""iALS: weighted least squares on all user-item pairs, liked pairs weighing :math:`\alpha`.

    .. math:: \min_{X,Y} \sum_{ui} c_{ui} (p_{ui} - x_u^\top y_i)^2 + \lambda (\|X\|_F^2 + \|Y\|_F^2),
              \quad c_{ui} = \alpha \text{ where } p_{ui} = 1, \text{ else } 1

    Hu, Koren and Volinsky, ICDM 2008. A user's vector is solved anew from the history that is handed in, so users outside
    training are served too.
    """

    def __init__(
        self, *, factors: int = 64, regularisation: float = 1.0, alpha: float = 1.0, iterations: int = 15
    ) -> None:
        self.factors = factors
        self.regularisation = regularisation
        self.alpha = alpha
        self.iterations = iterations

    def fit(self, train: TrainingData) -> Self:
        with threadpool_limits(1, "blas"):  # implicit runs its own threads; BLAS threads beside them only fight
            self._model = self._new_model(train.seed)
            self._model.fit(csr_matrix(train.users.history), show_progress=False)
        self.item_factors: NDArray[np.float32] = np.asarray(self._model.item_factors, dtype=np.float32)
        return self

    def _new_model(self, seed: int) -> AlternatingLeastSquares:
        return AlternatingLeastSquares(
            factors=self.factors,
            regularization=self.regularisation,
            alpha=self.alpha,
            iterations=self.iterations,
            random_state=seed,
        )

    def attributes(self) -> dict[str, Any]:
        """Without the library's model, which solves users from the item factors alone."""
        return {name: value for name, value in vars(self).items() if name != "_model"}

    def restore(self, state: ArmState) -> Self:
        super().restore(state)
        self._model = self._new_model(seed=0)  # draws nothing: it is not fitted again
        self._model.item_factors = self.item_factors
        return self

    def scored_by(self) -> Tensor:
        return torch.from_numpy(self.item_factors)

    def query_vectors(self, users: UserBatch) -> NDArray[np.float32]:
        """(n_users, factors) float32, solved from the histories with the item factors fixed."""
        if not len(users):
            return np.zeros((0, self.factors), dtype=np.float32)
        with _blas().limit(limits=1, user_api="blas"):
            solved = self._model.recalculate_user(np.arange(len(users)), csr_matrix(users.history))
        return np.asarray(solved, dtype=np.float32)

    def explain(self, users: UserBatch, items: NDArray[np.int64]) -> Reasons:
        """The history item without which the score would be lowest, the user's factor solved anew."""
        Y = torch.from_numpy(self.item_factors)
        lost = contributions_of_least_squares(
            torch.from_numpy(self._model.YtY),  # which the library makes once
            factors_of(users.history, Y),
            factors_at(torch.from_numpy(items), Y),
            alpha=self.alpha,
            regularisation=self.regularisation,
        )
        return reasons_by(lost, users, items)
