"""Determinantal point process: greedy MAP."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from recsat.contract.reranker import RerankInput
from recsat.rerank.greedy import Greedy, needed, pool_of

SMALLEST = 1e-6
"""Least squared volume that an item can add; a copy of a listed item adds none, and float32 does not tell less from none."""


@dataclass(frozen=True)
class DeterminantalPointProcess(Greedy):
    r"""Next comes the candidate that adds most to relevance and to the volume that the list's vectors span.

    .. math:: \arg\max_{i \notin L}\; (1 - \lambda)\, r_{ui} + \lambda
              \bigl[\log\det S_{L \cup \{i\}} - \log\det S_L\bigr], \qquad S_{ij} = \frac{1 + \cos(v_i, v_j)}{2}

    S is positive semidefinite, and opposite vectors are as far apart as can be; without the shift the determinant, which
    sees squares, would take opposites for twins. Up to a factor this is the log-determinant of the kernel
    :math:`q_i S_{ij} q_j` with :math:`q_i = \exp\bigl((1-\lambda)\, r_{ui} / 2\lambda\bigr)`. The difference is
    :math:`\log d_i^2` of the incremental Cholesky factor, kept up for all candidates at O(k) a step: O(k² D) a user.
    Chen, Zhang and Zhou, NeurIPS 2018, algorithm 1 and section 4.
    """

    trade_off: float = 0.1

    def rerank(self, block: RerankInput, k: int) -> Tensor:
        pool = pool_of(block, self.depth, k)
        cosines = needed(pool.block.similarity, "dpp", "item vectors")
        n_users, depth = pool.relevance.shape
        rows = torch.arange(n_users, device=cosines.device)
        # The diagonal is 1 for an item without a vector too: it stands at a right angle to all others.
        residual = torch.ones_like(pool.relevance)
        factor = cosines.new_zeros(n_users, depth, min(k, depth))
        n_chosen = 0

        def gain() -> Tensor:
            added = residual.clamp(min=SMALLEST).log()
            return (1 - self.trade_off) * pool.relevance + self.trade_off * added

        def add(place: Tensor) -> None:
            nonlocal residual, n_chosen
            kernel = (1 + cosines[rows, place]) / 2
            of_item = factor[rows, place]
            known = torch.einsum("bdc,bc->bd", factor[:, :, :n_chosen], of_item[:, :n_chosen])
            pivot = residual[rows, place].clamp(min=SMALLEST)[:, None].sqrt()
            entry = (kernel - known) / pivot
            # A copy of a listed item spans nothing new: it must not take part in what others add.
            entry = torch.where(pivot > math.sqrt(2 * SMALLEST), entry, torch.zeros_like(entry))
            factor[:, :, n_chosen] = entry
            residual = residual - entry**2
            n_chosen += 1

        return self.choose(pool, k, gain, add)
