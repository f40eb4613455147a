r"""How many users an experiment needs, or how small an effect so many would show.

Power of the two-sided t test with the noncentral t distribution (Cohen 1988, ch. 2), as statsmodels' ``TTestIndPower``.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, stdtrit

from recsat.errors import DataError

FEWEST, MOST = 2.0, 1e12
"""Users of the smaller group, and of both."""


@dataclass(frozen=True, kw_only=True)
class Design:
    """How an experiment is to be judged. Raises DataError for what is no share, level or deviation."""

    deviation: float
    """Standard deviation of the metric over users."""
    share: float = 0.5
    """Of the users in the treatment, of those in the two groups."""
    power: float = 0.8
    confidence: float = 0.95
    correlation: float = 0.0
    """Of the metric with its value before: CUPED leaves 1 − its square of the variance."""

    def __post_init__(self) -> None:
        for name, low, high in (("share", 0, 1), ("power", 0.5, 1), ("confidence", 0.5, 1)):
            if not low < (value := getattr(self, name)) < high:
                raise DataError(f"{name}: {value:g} must lie between {low} and {high}.")
        if not (self.deviation > 0 and np.isfinite(self.deviation)):
            raise DataError(
                f"deviation: {self.deviation:g} must be above 0. Take it from the metric's values of past users."
            )
        if not -1 < self.correlation < 1:
            raise DataError(f"correlation: {self.correlation:g} must lie between -1 and 1.")

    @property
    def residual(self) -> float:
        """Standard deviation after CUPED."""
        return self.deviation * sqrt(1 - self.correlation**2)


def deviation_of_rates(first: float, second: float) -> float:
    r"""Of a value of 0 or 1 with these rates, the two variances averaged: :math:`\sqrt{(p_1 q_1 + p_2 q_2) / 2}`. The plan then asks of the difference of rates, not of Cohen's h."""
    for rate in (first, second):
        if not 0 < rate < 1:
            raise DataError(f"rate: {rate:g} must lie between 0 and 1, also with the effect added.")
    return sqrt((first * (1 - first) + second * (1 - second)) / 2)


def users_needed(design: Design, effect: float) -> int:
    """Users of both groups together, so that a true difference of ``effect`` is shown with ``design.power``."""
    if not (effect and np.isfinite(effect)):
        raise DataError(
            f"effect: {effect:g} is no difference that could be shown. Give the smallest that would be worth having."
        )
    total = brentq(lambda n: power_of(design, effect, n) - design.power, *_bracket(design, effect), rtol=1e-12)
    # Each group whole, and of at least two.
    treatment = max(ceil(total * design.share - 1e-9), 2)
    return treatment + max(ceil(total * (1 - design.share) - 1e-9), 2)


def smallest_effect(design: Design, n_users: float) -> float:
    """The difference that ``n_users`` of both groups show with ``design.power``."""
    if n_users < _fewest(design):
        raise DataError(f"users: {n_users:g} leave a group of fewer than 2.")
    # From small to large: scipy's noncentral t has no value far beyond its critical one.
    largest = 0.1 * design.residual / sqrt(n_users)
    while power_of(design, largest, n_users) < design.power:
        largest *= 1.5
    return float(brentq(lambda d: power_of(design, d, n_users) - design.power, 0.0, largest, xtol=1e-14, rtol=1e-12))


def power_of(design: Design, effect: float, n_users: float) -> float:
    r"""How often a true difference of ``effect`` is shown: :math:`P(|T| > t)` with noncentrality :math:`d \sqrt{n_1 n_2 / (n_1 + n_2)}`, d the effect by the deviation."""
    first, second = n_users * (1 - design.share), n_users * design.share
    freedom = first + second - 2
    centre = abs(effect) / design.residual * sqrt(first * second / (first + second))
    critical = stdtrit(freedom, (1 + design.confidence) / 2)
    if freedom > 1e5:  # where scipy's noncentral t is slow and loses digits, and t is normal to six of them
        return float(ndtr(centre - critical) + ndtr(-critical - centre))
    from scipy.stats import nct  # scipy.stats takes a second to load, and a run plans no experiment

    # Far off the centre scipy has no value, where there is next to nothing.
    wrong_side = np.nan_to_num(nct.cdf(-critical, freedom, centre))
    return float(nct.sf(critical, freedom, centre) + wrong_side)


def _fewest(design: Design) -> float:
    return FEWEST / min(design.share, 1 - design.share)


def _bracket(design: Design, effect: float) -> tuple[float, float]:
    low = _fewest(design)
    if power_of(design, effect, low) >= design.power:
        raise DataError(
            f"effect: {effect:g} is so large that 2 users of a group would show it. Is the deviation right?"
        )
    high = low * 2
    while power_of(design, effect, high) < design.power:
        high *= 2
        if high > MOST:
            raise DataError(f"effect: {effect:g} would take more than {MOST:.0e} users.")
    return low, high
