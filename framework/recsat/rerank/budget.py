"""Diversity within a budget: as much of it as a stated share of the expected nDCG buys."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from recsat.contract.arm import ArmState
from recsat.contract.reranker import DEPTH, Example, RerankInput
from recsat.errors import RunError
from recsat.measure.discounts import discounts
from recsat.rerank.gain import GainModel, fit_gains
from recsat.rerank.greedy import Greedy, pool_of
from recsat.rerank.msd import MaxSumDiversification
from recsat.rerank.outcome import OutcomeModel

if TYPE_CHECKING:
    from recsat.rerank.greedy import Pool

MOST_USERS = 2_000
"""More users make the estimate of a trade-off's expected loss no better: it is a mean of probabilities, not of hits."""
MOST_COSINES = 2**28
"""Bytes of the similarities between their candidates, which are kept while the trade-off is looked for."""
LEAST = 1e-9
STEPS = 16
"""From 1 down to LEAST in steps of its logarithm: to 0.03 % of the trade-off."""


@dataclass(frozen=True)
class DiversityBudget:
    r"""Reranks by ``by``, with the trade-off at which the expected nDCG has fallen by the share ``loss``.

    The greedy reranker weighs diversity against the expected gain g of :class:`~recsat.rerank.gain.GainModel` in the place of
    the arm's scores, so that diversity is bought where it costs least: from users, and at ranks, where hits are unlikely.
    :meth:`fit` learns g on the validation part and then the largest trade-off λ with

    .. math:: \sum_u \sum_{j=1}^{k} \frac{g_{u,L_\lambda(j)}}{\log_2(j+1)} \;\ge\; (1 - \text{loss})
              \sum_u \sum_{j=1}^{k} \frac{g_{u,L_0(j)}}{\log_2(j+1)}

    by bisection of log λ (the last trade-off found to cost no more, where the cost does not rise throughout). Both sides are
    expectations and not hits: chance in the few held-out likes, which is as large as a loss of one per cent among some
    hundred users, has no part in the choice.
    """

    loss: float = 0.01
    by: Greedy = field(default_factory=MaxSumDiversification)
    depth: int = DEPTH
    gains: GainModel | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.loss < 1:
            raise ValueError(f"loss must be from 0 to below 1, a share of the expected nDCG, not {self.loss}")
        if self.depth < 1:
            raise ValueError(f"depth must be at least 1, not {self.depth}")
        if self.by.depth != self.depth:
            object.__setattr__(self, "by", replace(self.by, depth=self.depth))

    @property
    def events(self) -> tuple[str, ...]:
        return ()

    @property
    def trade_off(self) -> float:
        """λ, of ``by``."""
        return self.by.trade_off

    def at(self, trade_off: float) -> DiversityBudget:
        """The same with another trade-off than the one that was learnt."""
        return replace(self, by=replace(self.by, trade_off=trade_off))

    def fit(self, examples: Iterable[Example]) -> DiversityBudget:
        """With gains and trade-off learnt; :class:`~recsat.errors.RunError` where there is no candidate to learn from.

        Where no candidate was liked, nothing says what diversity costs, and the order stays the arm's.
        """
        known = [example for example in examples if len(example.block.scores)]
        learnt = replace(self, gains=fit_gains(known, self.depth))
        if not any(bool(example.liked.any()) for example in known):
            return learnt.at(0.0)
        pools = [learnt._weighed(example.block, example.k)[1] for example in _some(known, self.depth)]
        k = known[0].k

        def expected(trade_off: float) -> float:
            by = replace(self.by, trade_off=trade_off)
            return sum(_expected(block, by.rerank(block, k)) for block in pools)

        enough = (1 - self.loss) * expected(0.0)
        if expected(LEAST) < enough:
            return learnt.at(0.0)
        low, high = math.log(LEAST), 0.0
        for _ in range(STEPS):
            middle = (low + high) / 2
            low, high = (middle, high) if expected(math.exp(middle)) >= enough else (low, middle)
        return learnt.at(math.exp(low))

    def state(self) -> ArmState:
        """What was learnt, the trade-off among it; the rest are settings."""
        if self.gains is None:
            raise RunError("reranker 'budget' has not been fitted, so there is nothing to save. Call fit first.")
        gains = {"model": self.gains.model.numbers(), "spread": self.gains.spread, "share": self.gains.share}
        return ArmState(numbers={"trade_off": self.trade_off, "gains": gains})

    def restore(self, state: ArmState) -> DiversityBudget:
        """A copy that has learnt what the one of ``state`` had."""
        gains = state.numbers["gains"]
        model = GainModel(OutcomeModel.of(gains["model"]), gains["spread"], gains["share"])
        return replace(self, gains=model).at(state.numbers["trade_off"])

    def rerank(self, block: RerankInput, k: int) -> Tensor:
        pool, weighed = self._weighed(block, k)
        return pool.in_block(self.by.rerank(weighed, k))

    def _weighed(self, block: RerankInput, k: int) -> tuple[Pool, RerankInput]:
        """The best candidates, and these with their expected gains for relevance."""
        if self.gains is None:
            raise RunError(
                "reranker 'budget' has not been fitted: call fit with examples of the validation part first."
            )
        pool = pool_of(block, self.depth, k)
        return pool, pool.block.weighed(self.gains.gains(pool, k))


def _some(examples: Sequence[Example], depth: int) -> Sequence[Example]:
    """The first blocks with no more users than :data:`MOST_USERS` and :data:`MOST_COSINES` allow, at least one."""
    most = min(MOST_USERS, MOST_COSINES // (4 * depth**2))
    sample: list[Example] = []
    for example in examples:
        if sample and sum(len(one.block.scores) for one in sample) + len(example.block.scores) > most:
            break
        sample.append(example)
    return sample


def _expected(block: RerankInput, places: Tensor) -> float:
    """Discounted gains of the lists at ``places``, summed over users."""
    assert block.relevance is not None, "weighed before"
    gains = block.relevance.gather(1, places.clamp(min=0)).masked_fill(places < 0, 0.0)
    return float((gains * torch.from_numpy(discounts(places.shape[1])).to(gains)).double().sum())
