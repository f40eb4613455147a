"""Learns on held-out likes which parts make a list, and how much each counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from recsat.measure.discounts import discounts

K = 10
N_BEST = 50
"""Items of each part that a sum of parts chooses from."""
WEIGHTS = (0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.5, 4.0)
POWERS = (-0.2, -0.1, -0.05, 0.05, 0.1, 0.2, 0.4)
GAMMAS = (0.25, 0.5, 1.0, 2.0)
"""Powers of a gain by recency, the one that only lifts."""
MOST_STEPS = 12
N_HALVINGS = 2
SMALLEST_SHARE = 0.03
"""Parts that are a smaller share of the mean of several stacks are left out: each costs a fit."""


@dataclass(frozen=True)
class Stack:
    r"""A non-negative sum of parts, times powers of item gains.

    .. math:: s_{ui} = \Bigl(\sum_p w_p\, \tilde s^{(p)}_{ui}\Bigr) \prod_g x_{gi}^{a_g}

    Parts are in units of their spread. ``weights`` are w, of the parts that count alone; ``powers`` are a.
    """

    weights: Mapping[str, float]
    powers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidates:
    """One hold-out: what the parts say of the items that any of them puts among its :data:`N_BEST`, C at most for a user."""

    parts: Mapping[str, Tensor]
    """(n_users, C) each; -inf where padded."""
    log_gains: Mapping[str, Tensor]
    """(n_users, C) each: logarithms of the item gains."""
    liked: Tensor
    """(n_users, C), 1 where the like was held out."""
    n_liked: Tensor
    """(n_users,), outside the candidates too."""
    users: Tensor
    """(n_users,) which user of the whole data each is."""

    def take(self, rows: Tensor) -> Candidates:
        """Those of the users that the mask ``rows`` has."""
        return Candidates(
            {name: scores[rows] for name, scores in self.parts.items()},
            {name: gain[rows] for name, gain in self.log_gains.items()},
            self.liked[rows],
            self.n_liked[rows],
            self.users[rows],
        )

    def ndcg(self, stack: Stack) -> Tensor:
        """nDCG@10 of each user; nan where nothing was held out."""
        scores = torch.zeros_like(self.liked)
        for part, weight in stack.weights.items():
            scores.add_(self.parts[part], alpha=weight)
        for gain, power in stack.powers.items():
            scores.mul_(torch.exp(power * self.log_gains[gain]))
        return ndcg_of_hits(hits_of_best(scores, self.liked), self.n_liked)


def candidates(
    parts: Mapping[str, Tensor], log_gains: Mapping[str, Tensor], liked: Tensor, out: Tensor, users: Tensor
) -> Candidates:
    """Of all scores, (n_users, n_items) each, those that can come into a list; ``log_gains`` (n_items,); ``out`` marks what is in no list."""
    n_items = liked.shape[1]
    among = torch.zeros_like(out)
    for scores in parts.values():
        best = scores.float().masked_fill(out, float("-inf")).topk(min(N_BEST, n_items), dim=1).indices
        among.scatter_(1, best, value=True)
    among &= ~out
    width = max(1, int(among.sum(dim=1).max()) if len(among) else 1)
    places = among.to(torch.uint8).topk(min(width, n_items), dim=1).indices
    is_padding = ~among.gather(1, places)
    return Candidates(
        {name: one.float().gather(1, places).masked_fill(is_padding, float("-inf")) for name, one in parts.items()},
        {name: gain[places] for name, gain in log_gains.items()},
        liked.gather(1, places).masked_fill(is_padding, 0.0),
        liked.masked_fill(out, 0.0).sum(dim=1),
        users,
    )


def fit_stack(rounds: Sequence[Candidates], *, n_errors: float = 1.0, start: Stack | None = None) -> Stack:
    """Forward selection by nDCG@10 of held-out likes, from ``start`` (None: the best single part).

    A step adds a part, weighs one anew, leaves one out, or sets the power of a gain; the best of them is taken while it is better by more than
    ``n_errors`` standard errors of its paired difference, over users. Direct search of a ranking measure over a few linear
    features: Metzler and Croft, Information Retrieval 2007; the one-standard-error rule: Breiman et al., 1984.
    """
    names, gains = list(rounds[0].parts), list(rounds[0].log_gains)
    current = start or max((Stack({name: 1.0}) for name in names), key=lambda one: mean_of(one, rounds))
    for _ in range(MOST_STEPS):
        moves = [*_reweighted(current, names), *_with_gains(current, gains)]
        base = values_of(current, rounds)
        steps = [(*gain_of(values_of(one, rounds), base), one) for one in moves]
        sure = [step for step in steps if step[0] > _errors(step[2], current, n_errors) * step[1]]
        if not sure:
            break
        current = max(sure, key=lambda step: step[0])[2]
    return current


def fit_mean_stack(rounds: Sequence[Candidates], *, n_errors: float = 1.0, seed: int = 0) -> Stack:
    """Mean of what :func:`fit_stack` finds on each half of the users, halved :data:`N_HALVINGS` times; weights add up to 1.

    What noise makes of one half is not what it makes of the other (bagging: Breiman, Machine Learning 1996; of selected ensembles: Caruana et al., ICML 2004), so
    that a step there need be half as sure.
    """
    n_users = 1 + max((int(one.users.max()) for one in rounds if len(one.users)), default=-1)
    rng = np.random.default_rng(seed)
    stacks = []
    for _ in range(N_HALVINGS):
        in_first = torch.from_numpy(rng.permutation(n_users) < n_users // 2)
        for half in (in_first, ~in_first):
            stacks.append(fit_stack([one.take(half[one.users]) for one in rounds], n_errors=n_errors / 2))
    return mean_stack(stacks)


def mean_stack(stacks: Sequence[Stack]) -> Stack:
    """The mean of weights that add up to 1 in each, without parts below :data:`SMALLEST_SHARE`, and of powers."""
    shares, powers = Counter[str](), Counter[str]()
    for stack in stacks:
        total = sum(stack.weights.values()) * len(stacks)
        shares.update({name: weight / total for name, weight in stack.weights.items()})
        powers.update({name: power / len(stacks) for name, power in stack.powers.items()})
    weights = {name: share for name, share in shares.most_common() if share >= SMALLEST_SHARE}
    left = sum(weights.values())
    return Stack({name: share / left for name, share in weights.items()}, dict(powers))


def _errors(stack: Stack, current: Stack, n_errors: float) -> float:
    """A gain by recency must be twice as sure: it is tried for many half-lives, and the time that it follows may be over."""
    return n_errors if set(stack.powers) - {"popularity"} <= set(current.powers) else 2 * n_errors


def _reweighted(stack: Stack, names: Sequence[str]) -> list[Stack]:
    first = next(iter(stack.weights))
    moves = [
        replace(stack, weights={**stack.weights, name: weight})
        for name in names
        for weight in WEIGHTS
        if name != first and stack.weights.get(name) != weight
    ]
    left = [{k: w for k, w in stack.weights.items() if k != name} for name in stack.weights]
    return moves + [replace(stack, weights=weights) for weights in left if weights]


def _with_gains(stack: Stack, gains: Sequence[str]) -> list[Stack]:
    others = {name: power for name, power in stack.powers.items() if name == "popularity"}
    return [
        replace(stack, powers={**(stack.powers if gain == "popularity" else others), gain: power})
        for gain in gains
        for power in (POWERS if gain == "popularity" else GAMMAS)
        if stack.powers.get(gain) != power
    ]


def values_of(stack: Stack, rounds: Sequence[Candidates]) -> Tensor:
    """nDCG@10 of each user of the whole data in each round, (n_users, n_rounds); nan where nothing was judged."""
    n = 1 + max((int(one.users.max()) for one in rounds if len(one.users)), default=-1)
    values = torch.full((n, len(rounds)), float("nan"))
    for place, one in enumerate(rounds):
        values[one.users, place] = one.ndcg(stack)
    return values


def mean_of(stack: Stack, rounds: Sequence[Candidates]) -> float:
    return float(values_of(stack, rounds).nanmean().nan_to_num())


def gain_of(values: Tensor, base: Tensor) -> tuple[float, float]:
    r"""Mean difference over users and rounds, and its standard error: users differ, and so do the draws of what is held out.

    With :math:`\omega_r` the share of round r in all values and :math:`m_r` its mean, the variance is

    .. math:: \sum_u \Bigl(\sum_r \omega_r \frac{v_{ur} - m_r}{n_r}\Bigr)^2 + \frac{R}{R - 1} \sum_r \omega_r^2 (m_r - \bar m)^2,

    for rounds of one size that of :func:`~recsat.measure.draws.drawn_means`; a single round has no second term.
    """
    gap = values - base
    judged = ~torch.isnan(gap)
    gap, judged = gap[:, judged.any(dim=0)], judged[:, judged.any(dim=0)]
    n_rounds = gap.shape[1]
    if n_rounds == 0:
        return 0.0, 0.0
    means, shares = gap.nanmean(dim=0), judged.sum(dim=0) / judged.sum()
    mean = float((shares * means).sum())
    influence = ((gap - means) / judged.sum()).nan_to_num().sum(dim=1)
    variance = float((influence**2).sum())
    if n_rounds > 1:
        variance += float((shares**2 * (means - mean) ** 2).sum()) * n_rounds / (n_rounds - 1)
    return mean, variance**0.5


def hits_of_best(scores: Tensor, liked: Tensor) -> Tensor:
    """``liked``, 0 or 1, of the K best of each row of ``scores``, best first, (n_users, at most K), all on the CPU.

    Of a few hundred scores a row the values are partitioned in less than half of the time in which their places are found; these are looked for where
    scores are level.
    """
    width = scores.shape[1]
    if width <= K:
        return liked.gather(1, scores.topk(width, dim=1).indices)
    values = scores.numpy()
    largest = np.sort(np.partition(values, width - K - 1, axis=1)[:, width - K - 1 :], axis=1)
    best = largest[:, 1:]
    rows, columns = np.divmod(np.flatnonzero((liked.numpy() > 0) & (values >= best[:, :1])), width)
    hits = torch.zeros(len(scores), K)
    hits.numpy()[rows, (best[rows] > values[rows, columns][:, None]).sum(axis=1)] = 1.0
    level = torch.from_numpy(np.flatnonzero((best == largest[:, :-1]).any(axis=1)))
    hits[level] = liked[level].gather(1, scores[level].topk(K, dim=1).indices)
    return hits


def ndcg_of_hits(hits: Tensor, n_liked: Tensor) -> Tensor:
    """nDCG@10 of lists with ``hits`` (n_users, at most 10), nan for users who have nothing to find."""
    worth = torch.from_numpy(discounts(K)).float()
    ideal = torch.cat([torch.zeros(1), worth.cumsum(0)])[n_liked.clamp(max=K).long()]
    return torch.where(ideal > 0, (hits * worth[: hits.shape[1]]).sum(dim=1) / ideal, float("nan"))
