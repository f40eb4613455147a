"""Maximal marginal relevance."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from recsat.contract.reranker import RerankInput
from recsat.rerank.greedy import Greedy, needed, pool_of


@dataclass(frozen=True)
class MaximalMarginalRelevance(Greedy):
    r"""Next comes the candidate that is relevant and least like its nearest neighbour in the list.

    .. math:: \arg\max_{i \notin L}\; (1 - \lambda)\, r_{ui} - \lambda \max_{j \in L} \cos(v_i, v_j)

    r is the relevance of :func:`~recsat.rerank.greedy.pool_of`, λ is ``trade_off`` (the paper's is one minus this).
    Carbonell and Goldstein, SIGIR 1998.
    """

    trade_off: float = 0.2

    def rerank(self, block: RerankInput, k: int) -> Tensor:
        pool = pool_of(block, self.depth, k)
        cosines = needed(pool.block.similarity, "mmr", "item vectors")
        rows = torch.arange(len(cosines), device=cosines.device)
        nearest: Tensor | None = None

        def gain() -> Tensor:
            relevance = (1 - self.trade_off) * pool.relevance
            return relevance if nearest is None else relevance - self.trade_off * nearest

        def add(place: Tensor) -> None:
            nonlocal nearest
            new = cosines[rows, place]
            nearest = new if nearest is None else torch.maximum(nearest, new)

        return self.choose(pool, k, gain, add)
