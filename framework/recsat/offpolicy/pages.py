r"""Estimators of the value of a whole page: the sum of its rewards, a mean over pages.

A page is the rounds of one ``page`` of the log, in the order of their positions. They differ in what is believed of how users look at it:

- :class:`IIPS`: a place's reward depends on what stands at that place alone. Propensities are those of the item at the place.
- :class:`RewardInteractionIPS`: on what stands there and above it. Propensities are those of the item at the place *given* what stands above.
- :class:`SIPS`: on the whole page; propensities as for the second.

Where a policy draws each place on its own, the two propensities are the same. Li et al., KDD 2018; McInerney et al., KDD 2020.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from recsat.errors import DataError
from recsat.offpolicy.intervals import PolicyValue, ratio_contributions, user_interval
from recsat.offpolicy.log import BanditLog, Floats, Ints, Target, weights_of


@dataclass(frozen=True)
class PageEstimator(ABC):
    """What they have in common; ``self_normalised`` divides weights by their mean at each position."""

    self_normalised: bool = False

    @abstractmethod
    def weights(self, weights: Floats, pages: Ints) -> Floats:
        """(n,): weights of the rewards, from those of each place, sorted by page and position; ``pages`` are numbers of the pages."""

    def estimate(self, log: BanditLog, target: Target) -> float:
        r"""Mean sum of the rewards of a page. Raises DataError where the log has no pages, or a page has a position twice."""
        return float(self._by_page(log, target)[1].mean())

    def interval(self, log: BanditLog, target: Target, *, confidence: float = 0.95, seed: int = 0) -> PolicyValue:
        """The estimate with its interval over users, by their influence; nothing is drawn, whatever ``seed``."""
        pages, values = self._by_page(log, target)
        return user_interval(pages, values, confidence=confidence)

    def _by_page(self, log: BanditLog, target: Target) -> tuple[BanditLog, Floats]:
        """A log of pages, and (n_pages,) contributions, whose mean is the estimate."""
        if log.page is None:
            raise DataError("log: it is not known which rounds were shown together. Give page, or judge by round.")
        page = np.unique(log.page, return_inverse=True)[1]
        order = np.lexsort((log.places, page))
        page, place = page[order], log.places[order]
        if ((np.diff(page) == 0) & (np.diff(place) == 0)).any():
            raise DataError("log: a page has two rounds at one position. Give each page a number of its own.")
        weights = self.weights(weights_of(log, target)[order], page)
        reward = log.reward[order]
        terms = _normalised(weights, reward, place) if self.self_normalised else weights * reward
        firsts = np.searchsorted(page, np.arange(page[-1] + 1))
        users = log.cluster[order][firsts]
        total = np.bincount(page, weights=terms).astype(np.float64)
        return BanditLog(reward=total, propensity=np.ones(len(total)), user=users), total


def _normalised(weights: Floats, reward: Floats, place: Ints) -> Floats:
    """(n,): contributions of the ratio of each position."""
    terms = np.empty(len(reward))
    for k in np.unique(place):
        here = place == k
        terms[here] = ratio_contributions(weights[here] * reward[here], weights[here])
    return terms


@dataclass(frozen=True)
class IIPS(PageEstimator):
    r"""Independent IPS, :math:`\frac1{|P|} \sum_{p, k} w_{pk} r_{pk}`. Li et al., KDD 2018."""

    def weights(self, weights: Floats, pages: Ints) -> Floats:
        return weights


@dataclass(frozen=True)
class RewardInteractionIPS(PageEstimator):
    r"""Reward-interaction IPS, :math:`\frac1{|P|} \sum_{p, k} \bigl(\prod_{l \le k} w_{pl}\bigr) r_{pk}`. McInerney et al., KDD 2020."""

    def weights(self, weights: Floats, pages: Ints) -> Floats:
        width = np.bincount(pages)
        place = np.arange(len(pages)) - np.repeat(np.concatenate([[0], np.cumsum(width)[:-1]]), width)
        grid = np.ones((len(width), width.max()))
        grid[pages, place] = weights
        return np.asarray(grid.cumprod(axis=1)[pages, place])


@dataclass(frozen=True)
class SIPS(PageEstimator):
    r"""IPS of whole pages, :math:`\frac1{|P|} \sum_p \bigl(\prod_l w_{pl}\bigr) \sum_k r_{pk}`. Swaminathan et al., NeurIPS 2017."""

    def weights(self, weights: Floats, pages: Ints) -> Floats:
        return np.multiply.reduceat(weights, np.searchsorted(pages, np.arange(pages[-1] + 1)))[pages]
