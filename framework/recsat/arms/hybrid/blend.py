"""Learns on held-out likes how the scores of two arms, on warm and on unseen items, add up to one list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor

from recsat.measure.discounts import discounts

K = 10
N_BEST = 100
"""Warm items of each arm that a blend chooses from: the ten best of a weighted sum are hardly ever farther down in both."""
BLEND = (0.15, 0.0, 0.1, 0.2, 0.3, 0.5, 0.8)
POPULARITY = (0.0, -0.05, -0.1)
OFFSET = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)
SLOPE = (1.0, 0.25, 0.5, 0.75, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 3.0)
# the first value of each is the one kept where the held-out likes show no difference


@dataclass(frozen=True)
class Blend:
    r"""One scale for warm and unseen items.

    .. math:: s_{ui} = \begin{cases} (\tilde L_{ui} + \text{blend} \cdot \tilde A_{ui})\,
              (p_i / \bar p)^{\text{popularity}} & i \text{ warm} \\
              \text{offset} \cdot \sqrt{|H_u|} + \text{slope} \cdot \tilde C_{ui} & i \text{ unseen} \end{cases}

    L, A and C are the scores of the arm for warm items, of the one blended with it and of the one for unseen items, in units of
    their spread (:func:`spread`), p an item's popularity and p̄ the geometric mean over warm items.
    """

    blend: float = BLEND[0]
    popularity: float = POPULARITY[0]
    offset: float = OFFSET[0]
    slope: float = SLOPE[0]


@dataclass(frozen=True)
class HiddenScores:
    """One validation split: scores over the same users and items, already in units of spread and divided by √|H|."""

    warm_scores: Tensor
    """(n_users, n_warm), -inf at the user's history."""
    text_scores: Tensor
    """(n_users, n_warm)."""
    log_popularity: Tensor
    """(n_warm,), mean 0."""
    warm_liked: Tensor
    """(n_users, n_warm), 1 where the like was held out."""
    hidden_scores: Tensor
    """(n_users, n_hidden): scores of the items hidden from all arms, by the one for unseen items."""
    hidden_liked: Tensor
    """(n_users, n_hidden)."""


def spread(scores: Tensor, lengths: Tensor) -> float:
    """Standard deviation of scores divided by √(history length); 1 where all scores are equal. Users without history are left out."""
    used = lengths > 0
    if not bool(used.any()):
        return 1.0
    deviation = float((scores[used] / lengths[used].sqrt()[:, None]).std(correction=0))
    return deviation if deviation > 0 else 1.0


def fit_blend(evidence: Sequence[HiddenScores]) -> Blend:
    """The grid point with the best nDCG@10 of held-out likes, mean over the splits.

    First blend and popularity, from the warm items alone; then offset and slope, from warm and hidden items in one list.
    Direct search of the ranking metric over a few linear features: Metzler and Croft, Information Retrieval 2007. (A
    logistic model of the same features fits the likelihood of the whole catalogue, not of the top ten, and measured worse
    than its parts on warm items.)
    """
    best = [_best(e) for e in evidence]
    pairs = list(product(BLEND, POPULARITY))
    warm = [float(np.mean([one.ndcg(*pair) for one in best])) for pair in pairs]
    blend, popularity = pairs[int(np.argmax(warm))]
    heads = [_heads(e, one, blend, popularity) for e, one in zip(evidence, best, strict=True)]
    pairs = list(product(OFFSET, SLOPE))
    mixed = [float(np.mean([head.ndcg(*pair) for head in heads])) for pair in pairs]
    offset, slope = pairs[int(np.argmax(mixed))]
    return Blend(blend, popularity, offset, slope)


@dataclass(frozen=True)
class _Best:
    """The best warm items of both arms, each once, (n_users, at most 2 · N_BEST)."""

    warm_scores: Tensor
    text_scores: Tensor
    log_popularity: Tensor
    liked: Tensor
    n_liked: Tensor

    def blended(self, blend: float, popularity: float) -> Tensor:
        return (self.warm_scores + blend * self.text_scores) * torch.exp(popularity * self.log_popularity)

    def ndcg(self, blend: float, popularity: float) -> float:
        top = self.blended(blend, popularity).topk(min(K, self.liked.shape[1]), dim=1).indices
        return ndcg_of_hits(self.liked.gather(1, top), self.n_liked)


def _best(e: HiddenScores) -> _Best:
    n = min(N_BEST, e.warm_scores.shape[1])
    met = torch.isinf(e.warm_scores)
    by_warm = e.warm_scores.topk(n, dim=1).indices
    by_text = e.text_scores.masked_fill(met, float("-inf")).topk(n, dim=1).indices
    twice = torch.zeros_like(met).scatter_(1, by_warm, value=True).gather(1, by_text)
    places = torch.cat([by_warm, by_text], dim=1)
    scores, liked = e.warm_scores.gather(1, places), e.warm_liked.gather(1, places)
    scores[:, n:].masked_fill_(twice, float("-inf"))
    liked[:, n:].masked_fill_(twice, 0.0)  # a list may be so short that it reaches these
    return _Best(
        warm_scores=scores,
        text_scores=e.text_scores.gather(1, places),
        log_popularity=e.log_popularity[places],
        liked=liked,
        n_liked=e.warm_liked.sum(dim=1),
    )


@dataclass(frozen=True)
class _Heads:
    """The best warm and the best hidden items of each user: all that a list of ten can be merged from."""

    warm: Tensor
    warm_hits: Tensor
    hidden: Tensor
    hidden_hits: Tensor
    n_liked: Tensor

    def ndcg(self, offset: float, slope: float) -> float:
        merged = torch.cat([self.warm, offset + slope * self.hidden], dim=1)
        hits = torch.cat([self.warm_hits, self.hidden_hits], dim=1)
        top = merged.topk(min(K, merged.shape[1]), dim=1).indices
        return ndcg_of_hits(hits.gather(1, top), self.n_liked)


def _heads(e: HiddenScores, best: _Best, blend: float, popularity: float) -> _Heads:
    warm = best.blended(blend, popularity).topk(min(K, best.liked.shape[1]), dim=1)
    hidden = e.hidden_scores.topk(min(K, e.hidden_scores.shape[1]), dim=1)
    return _Heads(
        warm=warm.values,
        warm_hits=best.liked.gather(1, warm.indices),
        hidden=hidden.values,
        hidden_hits=e.hidden_liked.gather(1, hidden.indices),
        n_liked=best.n_liked + e.hidden_liked.sum(dim=1),
    )


def ndcg_of_hits(hits: Tensor, n_liked: Tensor) -> float:
    """Mean nDCG@10 of lists with ``hits`` (n_users, at most 10), over users who have something to find; 0 where nobody has."""
    worth = torch.from_numpy(discounts(K)).float()
    ideal = torch.cat([torch.zeros(1), worth.cumsum(0)])[n_liked.clamp(max=K).long()]
    gained = (hits * worth[: hits.shape[1]]).sum(dim=1)
    judged = ideal > 0
    return float((gained[judged] / ideal[judged]).mean()) if bool(judged.any()) else 0.0
