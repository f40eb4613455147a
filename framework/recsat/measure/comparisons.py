"""Arms compared on the same users: mean of the differences, interval, p-value, and what could have been shown.

One draw of a split: the symmetric bootstrap-t and the sign-flip test over users (:mod:`recsat.measure.differences`,
:mod:`recsat.measure.significance`). Several: t over draws and users (:mod:`recsat.measure.draws`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from recsat.config.settings import MeasureSettings
from recsat.measure.differences import POWER, detectable, difference_intervals, effective_users
from recsat.measure.draws import drawn_means
from recsat.measure.intervals import Intervals
from recsat.measure.significance import sign_flip_test

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Compared:
    """One entry a column; NaN where there is nothing to say."""

    intervals: Intervals
    p: Values
    """Of no difference, before any correction."""
    effective_users: Values
    detectable: Values
    """Smallest true mean that would have been shown in four of five runs."""


def compare(differences: Values, *, settings: MeasureSettings, seed: int, family: int = 1) -> Compared:
    """Of the columns of paired ``differences`` (n_users, m, n_draws); NaN is a user who lacks an arm in that draw.

    What could have been shown is so at the level that a correction for ``family`` comparisons leaves to each at worst (Bonferroni's);
    intervals and p-values are not corrected.
    """
    level = 1 - (1 - settings.confidence) / family
    if differences.shape[2] == 1:
        of_users = differences[:, :, 0]
        return Compared(
            difference_intervals(of_users, confidence=settings.confidence, n_bootstrap=settings.n_bootstrap, seed=seed),
            sign_flip_test(of_users),
            effective_users(of_users),
            detectable(of_users, confidence=level),
        )
    over_draws = drawn_means(differences, confidence=settings.confidence)
    with np.errstate(invalid="ignore"):
        quantiles = stdtrit(over_draws.freedom, (1 + level) / 2) + stdtrit(over_draws.freedom, POWER)
    return Compared(
        over_draws.intervals, over_draws.p, effective_users(mean_over_draws(differences)), quantiles * over_draws.error
    )


def mean_over_draws(values: Values) -> Values:
    """(n_users, m): each user's mean over the draws in which there is a value; NaN without any."""
    if values.shape[2] == 1:
        return values[:, :, 0]
    known = ~np.isnan(values)
    n = known.sum(axis=2)
    return np.where(n > 0, np.where(known, values, 0.0).sum(axis=2) / np.maximum(n, 1), np.nan)


def means_where_both(arm: Values, other: Values) -> tuple[float | None, float | None]:
    """Means over draws of the means over the users who have both; None where no user has."""
    both = ~np.isnan(arm) & ~np.isnan(other)
    draws = both.any(axis=0)
    if not draws.any():
        return None, None
    means = (np.where(both, values, np.nan)[:, draws] for values in (arm, other))
    first, second = (float(np.nanmean(values, axis=0).mean()) for values in means)
    return first, second
