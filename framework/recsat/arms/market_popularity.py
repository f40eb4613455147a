"""Popularity in the user's own market, of late."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from recsat.arms.attributes import SavedByAttributes
from recsat.arms.linear.padded import at_candidates
from recsat.arms.on_device import ScoredByTable
from recsat.arms.recent_popularity import (
    HalfLife,
    check_half_life,
    half_life_seconds,
    reasons_of_popularity,
    recent_likers,
    weighted_history,
)
from recsat.contract.arm import Reasons
from recsat.contract.interactions import TrainingData, UserBatch

FEW = 2
"""Users of a market who must have liked an item before a reason calls it popular there: one alone is no popularity."""


class MarketPopularity(ScoredByTable, SavedByAttributes):
    r"""Share of the market's users who liked an item, drawn towards everybody's share where the market is small.

    .. math:: p_m(i) = \frac{n_{mi} + \mu\, p(i)}{n_m + \mu}, \qquad p(i) = \frac{n_i}{n}

    :math:`n_m` of the n training users are of market m, and :math:`n_{mi}` of them liked item i. It is the posterior mean under
    a prior worth ``prior_users`` (μ) users; the form is Dirichlet smoothing (Zhai and Lafferty, SIGIR 2001). A user whose market is
    not known, or is no training user's, gets p(i).

    The score is an estimate of how likely the user is to like the item, on one scale for items of every kind: a kind is neither
    held back by being large nor lifted by being small, and a list in this order has the most likes to be expected (Robertson,
    Journal of Documentation 1977). Whoever asks for some kinds gets the best of those, since filters act before the list is cut.

    On a timeline a like is worth half as much for every half-life of its age, in a market and everywhere, and the scores are no longer shares; ``half_life`` is as in
    :class:`~recsat.arms.recent_popularity.RecentPopularity`, but "auto" chooses it for users without a history, whom a fallback serves.
    """

    def __init__(self, *, prior_users: float = 10.0, half_life: HalfLife = "auto") -> None:
        if prior_users <= 0:
            raise ValueError(
                f"prior_users must be above 0, not {prior_users}: a market of nobody has no shares of its own"
            )
        check_half_life(half_life)
        self.prior_users = prior_users
        self.half_life = half_life
        self.seconds: float | None = None

    def fit(self, train: TrainingData) -> Self:
        self.seconds = half_life_seconds(self.half_life, train, "new")
        return self._count(train)

    def recounted(self, train: TrainingData) -> Self:
        return copy.copy(self)._count(train)

    def _count(self, train: TrainingData) -> Self:
        users, likes = train.users, weighted_history(train, self.seconds)
        self.likers = train.popularity
        self.recent, self.days = recent_likers(train, self.seconds)
        self.share = np.asarray(likes.sum(axis=0), dtype=np.float32).ravel() / max(len(users), 1)
        markets = np.full(len(users), "") if users.markets is None else users.markets
        known = np.flatnonzero(markets != "")
        self.names, market = np.unique(markets[known], return_inverse=True)
        self.sizes = np.bincount(market, minlength=len(self.names)).astype(np.float32)
        of_market = csr_array(
            (np.ones(len(known), dtype=np.float32), (market, known)), shape=(len(self.names), len(users))
        )
        self.counts = csr_array(of_market @ likes)
        self.likers_of_market = csr_array(of_market @ users.history)
        return self

    def scored_by(self) -> Tensor:
        return torch.from_numpy(self.share)

    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        share, market = self.table, self._markets(users)
        present, place = np.unique(market, return_inverse=True)
        counts, sizes = (torch.from_numpy(one).to(share.device) for one in self._of_markets(present, self.counts))
        by_market = (counts + self.prior_users * share) / (sizes[:, None] + self.prior_users)
        scores = by_market[torch.from_numpy(place).to(share.device)]
        return scores if candidates is None else at_candidates(scores.to(candidates.device), candidates)

    def _markets(self, users: UserBatch) -> NDArray[np.int64]:
        """The place of each user's market in :attr:`names`, (n_users,); -1 where it is not known."""
        if users.markets is None or not len(self.names):
            return np.full(len(users), -1)
        place = np.searchsorted(self.names, users.markets).clip(max=len(self.names) - 1)
        return np.where(self.names[place] == users.markets, place, -1)

    def _of_markets(
        self, markets: NDArray[np.int64], by_market: csr_array
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The rows of ``by_market``, (n_markets, n_items), and n_m, (n_markets,), of :meth:`_markets`; 0 for -1."""
        counts = np.zeros((len(markets), len(self.share)), dtype=np.float32)
        sizes = np.zeros(len(markets), dtype=np.float32)
        known = markets >= 0
        counts[known] = by_market[markets[known]].toarray()
        sizes[known] = self.sizes[markets[known]]
        return counts, sizes

    def explain(self, users: UserBatch, items: NDArray[np.int64]) -> Reasons:
        """``no-history-market`` where nothing is known of the user but a market in which the item is liked; else as popularity of late."""
        present, place = np.unique(self._markets(users), return_inverse=True)
        likers = self._of_markets(present, self.likers_of_market)[0][place[:, None], items.clip(min=0)]
        in_market = users.is_new[:, None] & (likers >= FEW)
        everywhere = reasons_of_popularity(self.likers[items] > 0, self.recent[items], self.days)
        return replace(everywhere, code=np.where(in_market, "no-history-market", everywhere.code))
