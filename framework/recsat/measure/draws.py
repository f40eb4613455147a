r"""Intervals over repeated draws of what is held out.

Where items are held out, one draw of them is shared by all users, so users are not independent: over 20 draws of the items of one
data set, the interval over the users of a single draw holds the mean of the others in 8 to 15. A split is drawn R times instead. With
:math:`m_r` the mean of draw r over its :math:`n_r` users and :math:`\bar m` the mean of these, what a user u adds to it is
:math:`\psi_u = \frac1R \sum_r (v_{ur} - m_r) / n_r`, and

.. math:: \widehat{\mathrm{Var}}(\bar m) = \underbrace{\frac{1}{R (R - 1)} \sum_r (m_r - \bar m)^2}_{\text{draws}}
          + \underbrace{\frac{U}{U - 1} \sum_u \psi_u^2}_{\text{users}}

with t quantiles of Satterthwaite's degrees of freedom (Biometrics Bulletin 1946). Draws and users are the two ways of clustering of Cameron,
Gelbach and Miller (JBES 2011); their third term, for what is counted in both, is not subtracted, which is the cautious side and cannot
turn negative. `docs/coverage-draws.md` has how often such an interval holds the mean of other draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from recsat.measure.intervals import Intervals

Values = NDArray[np.float64]


@dataclass(frozen=True)
class DrawnMeans:
    """Means over draws, one entry a column; NaN where there is nothing to say."""

    intervals: Intervals
    """``n_users`` counts users with a value in any draw."""
    p: Values
    """Of a mean of 0, two-sided, by the same t."""
    error: Values
    """Standard error."""
    freedom: Values
    """Degrees of freedom of the t distribution."""


def drawn_means(values: Values, *, confidence: float) -> DrawnMeans:
    """Of the columns of ``values`` (n_users, m, n_draws); NaN is a user without a value in that draw.

    No ends where fewer than two draws have a mean, or where no mean and no user differs.

    >>> two = drawn_means(np.array([[[0.0, 0.2]], [[0.4, 0.6]]]), confidence=0.95)
    >>> [float(x.round(3)) for x in (two.intervals.mean[0], two.error[0], two.freedom[0])]  # √(0.1² + 0.2²)
    [0.3, 0.224, 1.471]
    """
    known = ~np.isnan(values)
    per_draw = known.sum(axis=0)
    filled = np.where(known, values, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(per_draw > 0, filled.sum(axis=0) / per_draw, np.nan)
        n_draws = (per_draw > 0).sum(axis=1)
        mean = np.nansum(means, axis=1) / n_draws
        draws = np.nansum((means - mean[:, None]) ** 2, axis=1) / (n_draws * (n_draws - 1))
        weighted = np.where(known, (filled - means) / per_draw, 0.0)
        n_users = known.any(axis=2).sum(axis=0)
        influence = weighted.sum(axis=2) / n_draws
        users = (influence**2).sum(axis=0) * n_users / (n_users - 1)
        error = np.sqrt(draws + users)
        freedom = (draws + users) ** 2 / (draws**2 / (n_draws - 1) + users**2 / (n_users - 1))
        error[~(error > 0) | (n_draws < 2) | (n_users < 2)] = np.nan
        half = stdtrit(freedom, (1 + confidence) / 2) * error
        p = 2 * stdtr(freedom, -np.abs(mean) / error)
    return DrawnMeans(Intervals(mean, mean - half, mean + half, n_users), p, error, freedom)
