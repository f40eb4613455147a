"""Maximal marginal relevance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from recsat.rank.greedy import check_settings, needed, pool_of
from recsat.rank.reranker import DEPTH, RerankInput


@dataclass(frozen=True)
class MaximalMarginalRelevance:
    r"""Next comes the candidate that is relevant and least like what the list has already.

    .. math:: \arg\max_{i \notin L}\; (1 - \lambda)\, r_{ui} - \lambda \max_{j \in L} \cos(v_i, v_j)

    r is the relevance of :func:`~recsat.rank.greedy.pool_of`, λ is ``trade_off`` (the paper's is one minus this). With
    ``against="mean"`` the mean over L stands for the maximum: that is greedy for intra-list diversity itself, the max-sum
    dispersion of Borodin, Lee and Ye, PODS 2012. Carbonell and Goldstein, SIGIR 1998.
    """

    trade_off: float = 0.2
    depth: int = DEPTH
    against: Literal["max", "mean"] = "max"

    def __post_init__(self) -> None:
        check_settings(self.trade_off, self.depth)
        if self.against not in ("max", "mean"):
            raise ValueError(f"against must be 'max' or 'mean', not {self.against!r}")

    def rerank(self, block: RerankInput, k: int) -> Tensor:
        pool = pool_of(block, self.depth, k)
        cosines = needed(pool.block.similarity, "mmr", "item vectors")
        rows = torch.arange(len(cosines), device=cosines.device)
        likeness = torch.zeros_like(pool.relevance)  # to the list so far: its maximum, or its sum
        n_chosen = 0

        def gain() -> Tensor:
            mean = likeness / max(n_chosen, 1) if self.against == "mean" else likeness
            return (1 - self.trade_off) * pool.relevance - self.trade_off * mean

        def add(place: Tensor) -> None:
            nonlocal likeness, n_chosen
            new = cosines[rows, place]
            if self.against == "mean":
                likeness = likeness + new
            else:
                likeness = new if n_chosen == 0 else torch.maximum(likeness, new)
            n_chosen += 1

        return pool.choose(k, gain, add)
