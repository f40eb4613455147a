"""Calibrated lists: topics in the shares that the user's history has."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from recsat.contract.reranker import RerankInput
from recsat.rerank.greedy import Greedy, needed, pool_of

SMOOTHING = 0.01
"""α of the paper: this much of p is mixed into q, so that a topic that the list has not got yet does not cost infinity."""


@dataclass(frozen=True)
class Calibrated(Greedy):
    r"""Next comes the candidate that is relevant and brings the list's topics closest to those of the history.

    .. math:: \arg\max_{i \notin L}\; (1 - \lambda) \sum_{j \in L \cup \{i\}} r_{uj} - \lambda\,
              \mathrm{KL}\bigl(p \,\|\, \tilde q(L \cup \{i\})\bigr), \qquad \tilde q = (1 - \alpha)\, q + \alpha\, p

    p(t) is the share of topic t in the user's history and q(t) in the list, all places alike, in nats. Users without a topic
    in their history keep the arm's order. A step costs O(D·t) a user. Steck, RecSys 2018, equations 1 to 5.
    """

    trade_off: float = 0.3

    def rerank(self, block: RerankInput, k: int) -> Tensor:
        pool = pool_of(block, self.depth, k)
        topics = needed(block.topics, "calibrated", "item topics")[pool.block.candidates.clamp(min=0)]
        history = needed(block.user_topics, "calibrated", "users' topics")
        rows = torch.arange(len(topics), device=topics.device)
        list_topics = torch.zeros_like(history)

        def gain() -> Tensor:
            return (1 - self.trade_off) * pool.relevance - self.trade_off * divergence(history, list_topics, topics)

        def add(place: Tensor) -> None:
            list_topics.add_(topics[rows, place])

        return self.choose(pool, k, gain, add)


def divergence(history: Tensor, list_topics: Tensor, topics: Tensor) -> Tensor:
    """KL(p ‖ q̃) after each candidate were added, (B, D): p (B, t), topics shown so far (B, t), candidates' (B, D, t)."""
    mixed = list_topics[:, None, :] + topics
    mass = mixed.sum(dim=2, keepdim=True).clamp(min=1e-12)
    # In place: this is the inner loop, and each further tensor of (B, D, t) costs as much as the logarithm.
    mixed.mul_((1 - SMOOTHING) / mass).add_(SMOOTHING * history[:, None, :]).clamp_(min=1e-12).log_()
    return torch.xlogy(history, history).sum(dim=1, keepdim=True) - torch.einsum("bdt,bt->bd", mixed, history)
