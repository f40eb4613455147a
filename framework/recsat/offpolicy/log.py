"""What a policy logged, and the policy that is to be judged on it.

Definitions are those of the Open Bandit Pipeline (Saito et al., NeurIPS Datasets 2021): a round is one place of one page, its propensity the
probability with which the logging policy showed that action at that place, and the value of a policy is a mean over rounds. Only the
estimators of :mod:`recsat.offpolicy.pages` are means over pages.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recsat.errors import DataError

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
EXACT = 1e-9
"""How far the probabilities of a policy may be from a sum of 1."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Probabilities of actions: row ``rows[i]`` of ``probabilities`` (n_rows, n_actions) is the policy in round i of a log.

    Rounds that are alike to the policy share a row: a policy that knows no user has one row for each position. Raises DataError where a row
    is no distribution, to 1e-9.
    """

    probabilities: Floats
    rows: Ints

    def __post_init__(self) -> None:
        object.__setattr__(self, "probabilities", np.asarray(self.probabilities, dtype=np.float64))
        object.__setattr__(self, "rows", whole_numbers("rows", self.rows))
        require_distributions(self.probabilities)
        if len(self.rows) and not (self.rows.min() >= 0 and self.rows.max() < len(self.probabilities)):
            raise DataError(
                f"rows: they go from {self.rows.min()} to {self.rows.max()}; the policy has rows 0 to {len(self.probabilities) - 1}."
            )

    def of_actions(self, log: BanditLog) -> Floats:
        """(n,): the probability of what was shown in each round."""
        if len(self.rows) != log.n:
            raise DataError(f"policy: {len(self.rows)} rounds; the log has {log.n}. Give a row for each round.")
        if log.action is None:
            raise DataError(
                "log: the actions are not there, so that their probabilities cannot be looked up. Give action."
            )
        if log.action.max() >= self.probabilities.shape[1]:
            raise DataError(
                f"policy: {self.probabilities.shape[1]} actions; the log has action {log.action.max()}. Give it a column for each."
            )
        return np.asarray(self.probabilities[self.rows, log.action])

    def expected(self, values: ArrayLike) -> Floats:
        r"""(n,): :math:`\sum_a \pi(a)\, v(a)` in each round, of ``values`` (n_rows, n_actions) or (n_actions,)."""
        return np.asarray((self.probabilities * np.asarray(values, dtype=np.float64)).sum(axis=1)[self.rows])


Target: TypeAlias = Policy | NDArray[np.float64]
"""A policy to be judged: all of its probabilities, or (n,) those of what was shown, which is all that most estimators look at."""


@dataclass(frozen=True, kw_only=True)
class BanditLog:
    """n rounds of a logging policy.

    Raises DataError for columns of unequal lengths, propensities that are no probabilities above 0, rewards that are not finite, and assumed
    propensities without their model.
    """

    reward: Floats
    """(n,): 1 for a click, or an amount."""
    propensity: Floats
    """(n,): with which probability the logging policy showed what it showed, in (0, 1]."""
    action: Ints | None = None
    """(n,): numbers of the actions from 0 on."""
    position: Ints | None = None
    """(n,): places of a page, from 0 on; None: pages of one place."""
    user: NDArray[np.generic] | None = None
    """(n,): whose round it is. Rounds of one user hang together, so that intervals are over users; None: each round is another's."""
    page: NDArray[np.generic] | None = None
    """(n,): which rounds were shown together."""
    propensity_model: str = ""
    """Empty where propensities were logged. Where they are estimates: of which model, in words; what comes of them is then assumed."""
    cluster: Ints = field(init=False, repr=False)
    """(n,): numbers of the users, from 0 on."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "reward", np.asarray(self.reward, dtype=np.float64))
        object.__setattr__(self, "propensity", np.asarray(self.propensity, dtype=np.float64))
        for name in ("action", "position"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, whole_numbers(name, getattr(self, name)))
        for name in ("propensity", "action", "position", "user", "page"):
            column = getattr(self, name)
            if column is not None and np.shape(column) != (self.n,):
                raise DataError(
                    f"log: {name} has the shape {np.shape(column)}; reward has {self.n} rounds. Give one for each."
                )
        if not self.n:
            raise DataError("log: it has no round. Nothing can be estimated.")
        if not np.isfinite(self.reward).all():
            raise DataError(
                f"log: reward of round {_first(~np.isfinite(self.reward))} is not finite. Take the round out."
            )
        if (bad := ~((self.propensity > 0) & (self.propensity <= 1))).any():
            raise DataError(
                f"log: propensity of round {_first(bad)} is {self.propensity[bad][0]}; what was shown had a probability above 0 "
                "and up to 1. Log it, or state the model that estimates it."
            )
        users = np.arange(self.n) if self.user is None else np.unique(self.user, return_inverse=True)[1]
        object.__setattr__(self, "cluster", np.asarray(users, dtype=np.int64))

    @property
    def n(self) -> int:
        """Rounds."""
        return len(self.reward)

    @property
    def n_users(self) -> int:
        """Clusters of rounds."""
        return int(self.cluster.max()) + 1

    @property
    def of_clicks(self) -> bool:
        """Whether a reward is all or nothing, and no amount."""
        return bool(np.isin(self.reward, (0, 1)).all())

    @property
    def places(self) -> Ints:
        """(n,): the position of each round, 0 where pages have one place."""
        return np.zeros(self.n, dtype=np.int64) if self.position is None else self.position

    @property
    def evidence(self) -> Literal["logged", "assumed"]:
        """Whether propensities were logged, or are a model's."""
        return "assumed" if self.propensity_model else "logged"

    def sum_by_user(self, values: Floats) -> Floats:
        """(n_users,): sums of ``values`` (n,)."""
        return np.bincount(self.cluster, weights=values, minlength=self.n_users).astype(np.float64)


def weights_of(log: BanditLog, target: Target) -> Floats:
    r"""(n,): :math:`w_i = \pi_e(a_i \mid x_i, k_i) / \pi_b(a_i \mid x_i, k_i)`.

    Raises DataError where ``target`` has no probability for each round.
    """
    probabilities = target.of_actions(log) if isinstance(target, Policy) else np.asarray(target, dtype=np.float64)
    if probabilities.shape != (log.n,):
        raise DataError(
            f"target: the shape is {probabilities.shape}; the log has {log.n} rounds. Give the probability of what was shown in each, or a Policy."
        )
    if (bad := ~((probabilities >= 0) & (probabilities <= 1 + EXACT))).any():
        raise DataError(f"target: {probabilities[bad][0]} in round {_first(bad)} is no probability.")
    return np.asarray(probabilities / log.propensity)


def require_distributions(probabilities: Floats) -> None:
    """Raises DataError where a row of ``probabilities`` (n_rows, n_actions) has a negative number or does not sum to 1, to 1e-9."""
    if probabilities.ndim != 2:
        raise DataError(f"policy: the shape is {probabilities.shape}; it must be (rows, actions).")
    negative = np.asarray((~(probabilities >= 0)).any(axis=1))
    if negative.any():
        raise DataError(f"policy: row {_first(negative)} has a probability that is negative or no number.")
    sums = probabilities.sum(axis=1)
    if (bad := ~(np.abs(sums - 1) <= EXACT)).any():
        raise DataError(
            f"policy: row {_first(bad)} sums to {sums[bad][0]:.12g} and not to 1. Divide it by its sum, if that is meant."
        )


def whole_numbers(name: str, values: ArrayLike) -> Ints:
    """``values`` as int64. Raises DataError for anything but whole numbers from 0 on."""
    array = np.asarray(values)
    if array.dtype.kind not in "iu" or (array.size and array.min() < 0):
        raise DataError(f"{name}: they must be whole numbers from 0 on; the type is {array.dtype}.")
    return array.astype(np.int64)


def _first(rows: NDArray[np.bool_]) -> int:
    return int(np.argmax(rows))
