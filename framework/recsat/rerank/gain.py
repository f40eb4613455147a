"""What an item is expected to add to a list's nDCG: a probability learnt on validation, over the most that the user could get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.contract.reranker import Example, RerankInput
from recsat.errors import RunError
from recsat.measure.discounts import discounts
from recsat.measure.scale import scale_of
from recsat.rerank.greedy import Pool, needed, pool_of
from recsat.rerank.outcome import OutcomeModel, fit_outcome

N_CENTRAL = 10
"""Best candidates to which a candidate's likeness is taken."""
L2 = 30.0
"""Rank and score are nearly collinear: their weights need a stronger penalty than the outcome model's default."""


@dataclass(frozen=True)
class GainModel:
    r"""Expected gain of showing item i to user u, in units of nDCG for each unit of the discount of its place.

    .. math:: g_{ui} = \frac{P(\text{hit}_{ui})}{\mathrm{IDCG}(\max(1, \rho\, |H_u|))}, \qquad P = \sigma(b + w^\top x_{ui}),
              \qquad x = \bigl[\log r,\; \log |H|,\; \log r \log |H|,\; \log(1 + \max(z, 0)),\; c\bigr]

    r is the candidate's rank, H the user's history, z the score over √|H| in units of ``spread``, c the mean cosine to the
    other best candidates: what is unlike them is hit less often than its score says, and it is what diversity brings in. ρ is
    ``share``, held-out likes for each like of the history. P never rises with rank, so that without diversity the order is the arm's.
    A user with few held-out likes has much to gain from each: dividing by the ideal DCG makes users' gains add up to nDCG.
    """

    model: OutcomeModel
    spread: float
    share: float

    def gains(self, pool: Pool, k: int) -> Tensor:
        """float32 (B, D), for lists of ``k``; 0 where nothing is."""
        intercept, slopes = self.model.plain
        logit = (
            _features(pool, self.spread) @ torch.from_numpy(slopes).to(pool.relevance.device, torch.float32) + intercept
        )
        probability = torch.sigmoid(logit).cummin(dim=1).values
        lengths = needed(pool.block.history_lengths, "budget", "history lengths")
        gains = probability / _ideal((self.share * lengths).clamp(min=1), k)[:, None]
        return gains.masked_fill(~pool.present, 0.0)


def fit_gains(examples: Sequence[Example], depth: int) -> GainModel:
    """From the ``depth`` best candidates of validation users and whether they liked them.

    Raises :class:`~recsat.errors.RunError` where there is no candidate to learn from.
    """
    pools = [(example, pool_of(example.block, depth, example.k)) for example in examples]
    spread = _spread([_per_root(pool)[pool.present] for _, pool in pools])
    features: list[NDArray[np.float64]] = []
    liked: list[NDArray[np.bool_]] = []
    n_liked, n_known = 0.0, 0.0
    for example, pool in pools:
        present = pool.present.cpu().numpy()
        features.append(_features(pool, spread).cpu().numpy().astype(np.float64)[present])
        liked.append(example.liked.to(pool.order.device).gather(1, pool.order).cpu().numpy()[present])
        n_liked += float(example.n_liked.sum())
        n_known += float(needed(pool.block.history_lengths, "budget", "history lengths").sum())
    if not sum(map(len, features)):
        raise RunError(
            "reranker 'budget': there is no candidate of a validation user to learn probabilities from. "
            "Raise validation_share, or leave rank.reranker out."
        )
    return GainModel(fit_outcome(features, liked, l2=L2), spread, n_liked / max(n_known, 1.0))


def _ideal(n_liked: Tensor, k: int) -> Tensor:
    """DCG of a list whose first ``n_liked`` places are hits, between whole numbers on a straight line."""
    totals = torch.cat([torch.zeros(1), torch.from_numpy(discounts(k)).float().cumsum(0)]).to(n_liked.device)
    below = n_liked.clamp(max=k).floor()
    above = (below + 1).clamp(max=k)
    return torch.lerp(totals[below.long()], totals[above.long()], n_liked.clamp(max=k) - below)


def _per_root(pool: Pool) -> Tensor:
    lengths = needed(pool.block.history_lengths, "budget", "history lengths")
    return pool.block.scores / lengths.clamp(min=1).sqrt()[:, None]


def _spread(values: Sequence[Tensor]) -> float:
    """Standard deviation over all blocks; 1 where there is none but for rounding."""
    n = sum(len(block) for block in values)
    mean = sum(float(block.double().sum()) for block in values) / max(n, 1)
    square = sum(float(((block.double() - mean) ** 2).sum()) for block in values) / max(n, 1)
    return float(scale_of(np.sqrt(square), mean))


def _features(pool: Pool, spread: float) -> Tensor:
    """float32 (B, D, 5): x of :class:`GainModel`, 0 for scores and likeness where nothing is."""
    n_users, depth = pool.relevance.shape
    device = pool.relevance.device
    rank = torch.arange(1, depth + 1, dtype=torch.float32, device=device).log().expand(n_users, -1)
    lengths = (
        needed(pool.block.history_lengths, "budget", "history lengths").clamp(min=1).log()[:, None].expand(-1, depth)
    )
    score = (_per_root(pool).masked_fill(~pool.present, 0) / spread).clamp(min=0).log1p()
    return torch.stack([rank, lengths, rank * lengths, score, _likeness(pool.block, pool.present)], dim=2)


def _likeness(block: RerankInput, present: Tensor) -> Tensor:
    """Mean cosine of each candidate to the :data:`N_CENTRAL` best others, (B, D).

    The mean of cosines is a cosine with a sum: no (B, D, D) is formed.
    """
    vectors = needed(block.vectors, "budget", "item vectors")[block.candidates.clamp(min=0)]
    best = torch.zeros_like(present, dtype=torch.float32)
    best[:, :N_CENTRAL] = present[:, :N_CENTRAL].float()
    total = torch.einsum("bd,bdf->bf", best, vectors)
    self_products = best * torch.einsum("bdf,bdf->bd", vectors, vectors)
    n = best.sum(dim=1, keepdim=True) - best
    cosines: Tensor = (torch.einsum("bdf,bf->bd", vectors, total) - self_products) / n.clamp(min=1)
    return cosines.masked_fill(~present, 0)
