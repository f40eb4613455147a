"""Max-sum diversification."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from recsat.contract.reranker import RerankInput
from recsat.rerank.greedy import Greedy, needed, pool_of


@dataclass(frozen=True)
class MaxSumDiversification(Greedy):
    r"""Greedy for mean relevance and intra-list diversity, weighed against each other.

    .. math:: \max_{|L| = k}\; (1 - \lambda)\, \frac1k \sum_{i \in L} r_{ui} + \lambda\, \mathrm{ILD}(L), \qquad
              \mathrm{ILD}(L) = \frac{2}{k(k-1)} \sum_{i<j \in L} \bigl(1 - \cos(v_i, v_j)\bigr)

    k times what candidate i adds is :math:`(1-\lambda)\, r_{ui} + \frac{2\lambda}{k-1} \sum_{j \in L} (1 - \cos(v_i, v_j))`.
    Unlike the maximum of MMR it is the measured diversity itself. Borodin, Lee and Ye, PODS 2012.
    """

    trade_off: float = 0.3

    def rerank(self, block: RerankInput, k: int) -> Tensor:
        pool = pool_of(block, self.depth, k)
        cosines = needed(pool.block.similarity, "msd", "item vectors")
        rows = torch.arange(len(cosines), device=cosines.device)
        likeness = torch.zeros_like(pool.relevance)
        weight = 2 * self.trade_off / max(k - 1, 1)

        def gain() -> Tensor:
            # The number of items in the list is the same for all candidates: 1 - cos and -cos give one order.
            return (1 - self.trade_off) * pool.relevance - weight * likeness

        def add(place: Tensor) -> None:
            likeness.add_(cosines[rows, place])

        return self.choose(pool, k, gain, add)
