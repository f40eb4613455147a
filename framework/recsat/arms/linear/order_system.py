"""Order in closed form with any text prior from one inverse: for whoever tries many, and needs scores of some histories alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from recsat.arms.ease_text import inverse, text_weights_times, times_text_weights
from recsat.arms.linear.item_item import history_times


@dataclass(frozen=True)
class TextPrior:
    """:math:`\\beta S_E` of :class:`~recsat.arms.linear_order.LinearOrder`, which is not formed."""

    weight: float
    vectors: NDArray[np.float32]
    l2: float


class OrderSystem:
    r"""What :class:`~recsat.arms.linear_order.LinearOrder` has in common for one ridge in all, whatever the share of it that is a text prior.

    .. math:: H B = (H P) C + \sum_E \beta_E\, (H P) S_E, \qquad P = (A + t I)^{-1}, \quad t = \lambda + \sum_E \beta_E

    O(items³) once, O(n_histories · items²) for histories, which differ by their decay, and O(n_histories · items · d) for each prior.
    ``A`` and ``C`` are those of :meth:`~recsat.arms.linear_order.LinearOrder.products`; A is changed in place.
    """

    def __init__(self, A: Tensor, C: Tensor, ridge: float) -> None:
        A.diagonal().add_(ridge)
        self.inverse = inverse(A)
        self.C = C

    def solved(self, histories: csr_array) -> tuple[Tensor, Tensor]:
        """H P and H P C, float32 (n_histories, n_items) each, for :meth:`scores`."""
        solved = history_times(histories, self.inverse)
        return solved, solved @ self.C

    @staticmethod
    def scores(solved: tuple[Tensor, Tensor], priors: Sequence[TextPrior] = ()) -> Tensor:
        """H B, float32 (n_histories, n_items)."""
        of_histories, scores = solved
        for prior in priors:
            of_texts = times_text_weights(of_histories, prior.vectors, prior.l2)
            scores = of_texts.mul_(prior.weight).add_(scores)
        return scores

    def times(self, T: Tensor, priors: Sequence[TextPrior] = ()) -> Tensor:
        """B T for ``T`` (n_items, m), float32."""
        right = self.C @ T
        for prior in priors:
            right += prior.weight * text_weights_times(T, prior.vectors, prior.l2)
        return self.inverse @ right
