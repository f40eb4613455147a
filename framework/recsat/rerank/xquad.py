"""xQuAD: cover the user's topics."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from recsat.contract.reranker import RerankInput
from recsat.rerank.greedy import Greedy, pool_of
from recsat.rerank.shared_topics import sums, topics_of


@dataclass(frozen=True)
class XQuAD(Greedy):
    r"""Next comes the candidate that is relevant and covers topics of the user that the list does not cover yet.

    .. math:: \arg\max_{i \notin L}\; (1 - \lambda)\, r_{ui} + \lambda \sum_t p(t \mid u)\, p(t \mid i)
              \prod_{j \in L} \bigl(1 - p(t \mid j)\bigr)

    p(t|u) is the share of topic t in the user's history and p(t|i) in the item, which spreads 1 over its topics. Users
    without a topic in their history keep the arm's order. Santos, Macdonald and Ounis, WWW 2010, with topics for aspects
    of the query.
    """

    trade_off: float = 0.2

    def rerank(self, block: RerankInput, k: int) -> Tensor:
        pool = pool_of(block, self.depth, k)
        shared = topics_of(pool.block, "xquad")
        missing = shared.history.clone()

        def gain() -> Tensor:
            cover = sums(shared, shared.shares * missing.take(shared.topics))
            return (1 - self.trade_off) * pool.relevance + self.trade_off * cover

        def add(place: Tensor) -> None:
            pairs = shared.of_places(place)
            topics = shared.topics[pairs]
            missing.put_(topics, missing.take(topics) * (1 - shared.shares[pairs]))

        return self.choose(pool, k, gain, add)
