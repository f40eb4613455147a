"""Calibrated lists: topics in the shares that the user's history has."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from recsat.contract.reranker import RerankInput
from recsat.contract.topics import SharedTopics
from recsat.rerank.greedy import Greedy, pool_of
from recsat.rerank.shared_topics import sums, topics_of

SMOOTHING = 0.01
"""α of the paper: this much of p is mixed into q, so that a topic that the list has not got yet does not cost infinity."""


@dataclass(frozen=True)
class Calibrated(Greedy):
    r"""Next comes the candidate that is relevant and brings the list's topics closest to those of the history.

    .. math:: \arg\max_{i \notin L}\; (1 - \lambda) \sum_{j \in L \cup \{i\}} r_{uj} - \lambda\,
              \mathrm{KL}\bigl(p \,\|\, \tilde q(L \cup \{i\})\bigr), \qquad \tilde q = (1 - \alpha)\, q + \alpha\, p

    p(t) is the share of topic t in the user's history and q(t) in the list, all places alike, in nats. Users without a topic
    in their history keep the arm's order. A step costs a user as much as the candidates have topics of the history in common with it. Steck, RecSys 2018, equations 1 to 5.
    """

    trade_off: float = 0.3

    def rerank(self, block: RerankInput, k: int) -> Tensor:
        pool = pool_of(block, self.depth, k)
        shared = topics_of(pool.block, "calibrated")
        list_topics = torch.zeros_like(shared.history)
        mass = shared.history.new_zeros(len(shared.history), 1)

        def gain() -> Tensor:
            return (1 - self.trade_off) * pool.relevance - self.trade_off * cross_entropies(shared, list_topics, mass)

        def add(place: Tensor) -> None:
            pairs = shared.of_places(place)
            list_topics.flatten().index_add_(0, shared.topics[pairs], shared.shares[pairs])
            mass.add_(shared.has_topics.gather(1, place[:, None]))

        return self.choose(pool, k, gain, add)


def cross_entropies(shared: SharedTopics, list_topics: Tensor, mass: Tensor) -> Tensor:
    """−Σ p log q̃ after each candidate were added, (B, D): KL(p ‖ q̃) and the entropy of p, which is the same for all of them.

    ``list_topics`` (B, m): shares of the history's topics in the list so far, a sum over its items; ``mass`` (B, 1): how many of these have topics. Only the
    topics that a candidate shares with the history make it differ from one with none of them: the rest is a sum for each user.
    """

    def mixed(mass: Tensor) -> Tensor:
        q = list_topics / mass.clamp(min=1e-12)
        return ((1 - SMOOTHING) * q + SMOOTHING * shared.history).clamp(min=1e-12)

    def cross_entropy(q: Tensor) -> Tensor:
        return -torch.xlogy(shared.history, q).sum(dim=1, keepdim=True)

    with_topics = mixed(mass + 1)
    rise = (1 - SMOOTHING) / (mass + 1) / with_topics
    terms = shared.history.take(shared.topics) * (shared.shares * rise.take(shared.topics)).log1p()
    added = cross_entropy(with_topics) - sums(shared, terms)
    return added.where(shared.has_topics, cross_entropy(mixed(mass)))
