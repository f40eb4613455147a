"""Biased matrix factorisation of ratings."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from recsat.arms.attributes import SavedByAttributes
from recsat.arms.linear.padded import PADDING, at_candidates, padded_rows, reasons_by
from recsat.contract.arm import Reasons
from recsat.contract.interactions import TrainingData, UserBatch
from recsat.errors import ConfigError

Array = NDArray[np.float64]
GRAM_BUDGET = 2**27
"""Bytes of the normal matrices that are solved at once."""


class BiasedMF(SavedByAttributes):
    r"""A rating is a mean, a user's and an item's deviation from it, and an inner product of factors.

    .. math:: \hat r_{ui} = \mu + b_u + b_i + p_u^\top q_i, \qquad
              \min \sum_{(u,i)\ \text{rated}} (r_{ui} - \hat r_{ui})^2
              + \beta \Bigl(\sum_u b_u^2 + \sum_i b_i^2\Bigr) + \lambda \Bigl(\sum_u \|p_u\|^2 + \sum_i \|q_i\|^2\Bigr)

    Koren, Bell and Volinsky, Computer 2009, equations 4 and 5, by alternating least squares: with one side fixed, bias and factors of
    the other are one ridge regression for each user or item. :math:`\lambda` is ``l2``, :math:`\beta` is ``bias_l2``; without ``factors`` it is
    the biases alone. A user's part is solved anew from the ratings that are handed in, so users outside training are served too.
    The score is the predicted rating as it is; :meth:`predict_ratings` keeps within the lowest and highest rating of the training.
    """

    def __init__(self, *, factors: int = 8, l2: float = 15.0, bias_l2: float = 5.0, iterations: int = 10) -> None:
        self.factors = factors
        self.l2 = l2
        self.bias_l2 = bias_l2
        self.iterations = iterations

    def fit(self, train: TrainingData) -> Self:
        """Raises ConfigError where nobody rated anything."""
        ratings = None if train.raters is None else train.raters.ratings
        if ratings is None or not ratings.nnz:
            raise ConfigError(
                "arm 'mf' learns from ratings, and no known event is one. Leave it out of arms, or name the event in the domain's rating."
            )
        self.mean = float(ratings.data.mean())
        self.range = float(ratings.data.min()), float(ratings.data.max())
        n_items = ratings.shape[1]
        by_item = csr_array(ratings.T.tocsr())
        draws = np.random.default_rng(train.seed)
        self.items = np.column_stack([np.zeros(n_items), draws.normal(0, 0.1, (n_items, self.factors))])
        """(n_items, 1 + factors): each one's bias, then its factors."""
        for _ in range(self.iterations):
            users = self._solved(ratings, self.items)
            self.items = self._solved(by_item, users)
        return self

    def predict_ratings(self, users: UserBatch, items: NDArray[np.int64]) -> NDArray[np.float32]:
        of_users = self._of_users(users)
        of_items = self.items[np.maximum(items, 0)]
        products = np.einsum("uf,unf->un", of_users[:, 1:], of_items[:, :, 1:])
        predicted = np.clip(self.mean + of_users[:, :1] + of_items[:, :, 0] + products, *self.range)
        return np.where(items == PADDING, np.nan, predicted).astype(np.float32)

    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        of_users = self._of_users(users)
        predicted = self.mean + of_users[:, :1] + self.items[:, 0] + of_users[:, 1:] @ self.items[:, 1:].T
        scores = torch.from_numpy(predicted.astype(np.float32))
        return scores if candidates is None else at_candidates(scores.to(candidates.device), candidates)

    def explain(self, users: UserBatch, items: NDArray[np.int64]) -> Reasons:
        r"""The liked item without whose rating the prediction would be lowest, the user's part solved anew.

        Of a ridge regression that is :math:`x_i^\top A^{-1} x_h\, e_h / (1 - x_h^\top A^{-1} x_h)`, :math:`e_h` the residual of the rating
        of h. Allen, Technometrics 1974.
        """
        ratings = _ratings(users)
        design = _design(self.items)
        inverse = np.linalg.inv(_grams(_rated(ratings), design) + np.diag(self._penalty))
        history = np.maximum(padded_rows(users.history), 0)
        x_h, x_i = design[history], design[np.maximum(items, 0)]
        residual = np.take_along_axis(ratings.toarray(), history, axis=1) - self.mean - self.items[history, 0]
        residual -= np.einsum("bf,bhf->bh", self._of_users(users), x_h)
        residual *= np.take_along_axis(_rated(ratings).toarray(), history, axis=1)
        solved = x_h @ inverse
        leverage = np.einsum("bhf,bhf->bh", solved, x_h)
        lost = solved @ np.swapaxes(x_i, 1, 2) * (residual / (1 - leverage))[:, :, None]
        return reasons_by(torch.from_numpy(lost), users, items)

    @property
    def _penalty(self) -> Array:
        return np.append(self.bias_l2, np.full(self.factors, self.l2))

    def _of_users(self, users: UserBatch) -> Array:
        """(n_users, 1 + factors); 0 for those who rated nothing."""
        return self._solved(_ratings(users), self.items)

    def _solved(self, ratings: csr_array, others: Array) -> Array:
        """Bias and factors of each row of ``ratings``, those of the columns being ``others``."""
        design = _design(others)
        residuals = _with_data(ratings, ratings.data - self.mean - others[ratings.indices, 0])
        rated, n, width = _rated(ratings), ratings.shape[0], design.shape[1]
        solution = np.zeros((n, width))
        step = max(1, GRAM_BUDGET // (8 * width**2))
        for start in range(0, n, step):
            rows = slice(start, start + step)
            system = _grams(rated[rows], design) + np.diag(self._penalty)
            solution[rows] = np.linalg.solve(system, (residuals[rows] @ design)[:, :, None])[:, :, 0]
        return solution


def _design(others: Array) -> Array:
    """1 for the bias, then the factors of the other side."""
    return np.column_stack([np.ones(len(others)), others[:, 1:]])


def _grams(rated: csr_array, design: Array) -> Array:
    """The sum of :math:`x x^\\top` over each row's ratings, (n_rows, width, width)."""
    n, width = design.shape
    outer = (design[:, :, None] * design[:, None, :]).reshape(n, width**2)
    return np.asarray((rated @ outer).reshape(-1, width, width), dtype=np.float64)


def _ratings(users: UserBatch) -> csr_array:
    return csr_array(users.history.shape, dtype=np.float64) if users.ratings is None else users.ratings


def _rated(ratings: csr_array) -> csr_array:
    """1 where there is a rating, be it 0."""
    return _with_data(ratings, np.ones(ratings.nnz))


def _with_data(ratings: csr_array, data: Array) -> csr_array:
    return csr_array((data, ratings.indices, ratings.indptr), shape=ratings.shape)
