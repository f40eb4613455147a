r"""Marginalised IPS: weights of what an item is like in place of weights of the item.

Saito and Joachims, ICML 2022. With many items few rounds show what the target shows; many more show something like it. That is right where an
item's reward depends on what it is like (its embedding e) alone, and biased as far as it does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsat.errors import DataError
from recsat.offpolicy.intervals import PolicyValue, ratio_contributions, user_interval
from recsat.offpolicy.log import BanditLog, Floats, Ints, Policy, whole_numbers


@dataclass(frozen=True)
class Embedding:
    """What items are like, in D categories; independent of one another given the item."""

    probabilities: Floats
    """(n_actions, n_values, D): p(e_d = c | a)."""
    values: Ints
    """(n, D): what each round's item was like."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", whole_numbers("embedding", self.values))
        if self.probabilities.ndim != 3 or self.values.ndim != 2 or self.values.shape[1] != self.probabilities.shape[2]:
            raise DataError(
                f"embedding: the shapes are {self.probabilities.shape} and {self.values.shape}; they must be (actions, values, D) and (rounds, D)."
            )
        if not np.allclose(self.probabilities.sum(axis=1), 1, atol=1e-9, rtol=0):
            raise DataError("embedding: for each item and dimension the probabilities must sum to 1.")


@dataclass(frozen=True)
class MIPS:
    r""":math:`\frac1n \sum_i w(e_i)\, r_i` with :math:`w(e) = \prod_d p_d(e_d \mid \pi_e) / p_d(e_d \mid \pi_b)`.

    :math:`p_d(c \mid \pi) = \sum_a \pi(a)\, p_d(c \mid a)`. ``logging`` is the whole logging policy: a propensity of what was shown is not enough. The
    embedding of one group for each item is made by :func:`text_groups`. ``self_normalised`` divides by the mean weight.
    """

    logging: Policy
    embedding: Embedding
    self_normalised: bool = False

    def weights(self, log: BanditLog, target: Policy) -> Floats:
        """(n,): w(e). Raises DataError where the target is no :class:`~recsat.offpolicy.log.Policy`, or shapes do not fit."""
        if not isinstance(target, Policy):
            raise DataError("MIPS: the target must be a Policy, since all that could be shown is weighed.")
        if len(self.embedding.values) != log.n:
            raise DataError(
                f"embedding: {len(self.embedding.values)} rounds; the log has {log.n}. Give values for each."
            )
        weights = np.ones(log.n)
        for d in range(self.embedding.values.shape[1]):
            value = self.embedding.values[:, d]
            ratio = _marginal(target, self.embedding, d, value) / _marginal(self.logging, self.embedding, d, value)
            weights *= ratio
        return weights

    def estimate(self, log: BanditLog, target: Policy) -> float:
        """Mean reward of a round, had ``target`` chosen."""
        return float(self.contributions(log, target).mean())

    def interval(self, log: BanditLog, target: Policy, *, confidence: float = 0.95, seed: int = 0) -> PolicyValue:
        """The estimate with its interval over users, by their influence; nothing is drawn, whatever ``seed``."""
        return user_interval(log, self.contributions(log, target), confidence=confidence)

    def contributions(self, log: BanditLog, target: Policy) -> Floats:
        """(n,): mean is the estimate, and spread is that of the estimate."""
        weights = self.weights(log, target)
        terms = weights * log.reward
        return ratio_contributions(terms, weights) if self.self_normalised else terms


def text_groups(vectors: NDArray[np.floating], action: Ints, n_groups: int, *, seed: int = 0) -> Embedding:
    """Items of like texts in ``n_groups`` by k-means on their ``vectors`` (n_actions, d), as a one-dimensional embedding of the rounds of ``action`` (n,).

    As many groups as items make :class:`MIPS` to be IPS; fewer have less variance, and more of what tells items of a group apart is lost.
    """
    if not 1 <= n_groups <= len(vectors):
        raise DataError(
            f"n_groups: {n_groups} groups of {len(vectors)} items. Take at least one, and at most as many as items."
        )
    # It takes a second to import, and the report does import this room.
    from sklearn.cluster import KMeans

    group = KMeans(n_clusters=n_groups, random_state=seed, n_init=4).fit_predict(vectors)
    probabilities = np.zeros((len(vectors), n_groups, 1))
    probabilities[np.arange(len(vectors)), group, 0] = 1.0
    return Embedding(probabilities, np.asarray(group, dtype=np.int64)[action][:, None])


def _marginal(policy: Policy, embedding: Embedding, d: int, value: Ints) -> Floats:
    """(n,): probability that ``policy`` shows something of that ``value`` (n,) in dimension ``d``."""
    if policy.probabilities.shape[1] != len(embedding.probabilities) or len(policy.rows) != len(value):
        raise DataError(
            f"policy: {policy.probabilities.shape[1]} actions and {len(policy.rows)} rounds; the embedding has {len(embedding.probabilities)} and {len(value)}."
        )
    return np.asarray((policy.probabilities @ embedding.probabilities[:, :, d])[policy.rows, value])
