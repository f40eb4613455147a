"""How sure an off-policy value is: over users, whose rounds hang together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from recsat.errors import DataError
from recsat.offpolicy.log import BanditLog, Floats
from recsat.offpolicy.outcome import LinearOutcome


@dataclass(frozen=True)
class PolicyValue:
    """A value with its standard error and interval; None where fewer than two users say nothing of it."""

    value: float
    standard_error: float | None
    low: float | None
    high: float | None


def ratio_contributions(terms: Floats, weights: Floats) -> Floats:
    r"""(n,): mean is :math:`R = \sum t / \sum w`, and spread is that of the ratio by the delta method: :math:`R + (t_i - R w_i) / \bar w`.

    Raises DataError where all ``weights`` are 0.
    """
    mean_weight = weights.mean()
    if not mean_weight > 0:
        raise DataError(
            "log: nothing that was shown is ever shown by the target, so that there is nothing to divide by."
        )
    ratio = terms.mean() / mean_weight
    return np.asarray(ratio + (terms - ratio * weights) / mean_weight)


def user_interval(log: BanditLog, contributions: Floats, *, confidence: float) -> PolicyValue:
    r"""Of the mean of ``contributions`` (n,), by their sums over users: t with :math:`U - 1` degrees of freedom.

    .. math:: \widehat{se}^2 = \frac{U}{U - 1} \sum_u \Bigl(\frac1n \sum_{i \in u} (\psi_i - \bar\psi)\Bigr)^2

    the cluster-robust variance of a mean (Liang and Zeger, Biometrika 1986), which holds for users of unequal numbers of rounds.
    """
    mean = float(contributions.mean())
    U = log.n_users
    if U < 2:
        return PolicyValue(mean, None, None, None)
    of_users = log.sum_by_user(contributions - mean) / log.n
    error = float(np.sqrt(U / (U - 1) * (of_users**2).sum()))
    return _student(mean, error, U, confidence)


def interval_of_difference(
    log: BanditLog, contributions: Floats, other: BanditLog, others: Floats, *, confidence: float
) -> PolicyValue:
    """Of the mean of ``contributions`` minus that of ``others``, of two logs that may have users in common: by what each user adds to both means.

    As :func:`user_interval`, over the users of either log; users are those of ``user``, and without it no round has a user in common.
    """
    value = float(contributions.mean() - others.mean())
    if min(log.n_users, other.n_users) < 2:
        return PolicyValue(value, None, None, None)
    influence = np.concatenate([(contributions - contributions.mean()) / log.n, (others.mean() - others) / other.n])
    if log.user is None or other.user is None:
        users = np.concatenate([log.cluster, other.cluster + log.n_users])
    else:
        users = np.unique(np.concatenate([log.user, other.user]), return_inverse=True)[1]
    of_users = np.bincount(users, weights=influence)
    U = len(of_users)
    return _student(value, float(np.sqrt(U / (U - 1) * (of_users**2).sum())), U, confidence)


def refitted_interval(
    log: BanditLog, correction: Floats, outcome: LinearOutcome, *, confidence: float, seed: int, n_resamples: int
) -> PolicyValue:
    """Of a value with an outcome model and ``correction`` weights (n,): users are drawn with replacement, and the model is fitted on each sample anew.

    The standard deviation over samples (Efron, 1979), and t as above. A user drawn twice stays in one fold, so no model predicts whom it saw.
    """
    sums = outcome.sums(log, correction)
    U = log.n_users
    value = float(sums.values(np.ones((1, U)))[0])
    if U < 2:
        return PolicyValue(value, None, None, None)
    counts = np.random.default_rng(seed).multinomial(U, np.full(U, 1 / U), size=n_resamples)
    return _student(value, float(sums.values(counts.astype(np.float64)).std(ddof=1)), U, confidence)


def _student(value: float, error: float, n_users: int, confidence: float) -> PolicyValue:
    reach = float(stdtrit(n_users - 1, (1 + confidence) / 2)) * error
    return PolicyValue(value, error, value - reach, value + reach)
