r"""Intervals that may be looked at every day: a confidence sequence of a difference of means.

With the standard error s of the difference so far, information :math:`V = 1 / s^2` and a constant r,

.. math:: \hat\delta \pm s^2 \sqrt{(V + r) \ln\frac{V + r}{r\, \alpha^2}}

holds the difference at *every* look with probability :math:`1 - \alpha`, as sums of values become normal: the normal mixture (Robbins, 1970) with estimated variance
(Waudby-Smith et al., Annals of Statistics 2024). It is asymptotic. Before sums are nearly normal it holds less often than it says: on money from the 50th user on 22 % of paths
leave out the truth. So nothing is said before n₀, by the skewness of the values, or of values that are winsorised at a cap declared in advance.

A ratio of sums is a mean over users of :math:`\psi_i = R + (a_i - R\, b_i) / \bar b`, to the first order (the delta method), with R and b̄ of the users so far; its sequence is that of
these values, anew at each look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from recsat.errors import DataError
from recsat.experiment.effects import Floats

FEWEST_USERS = 100
"""Of each group, before anything is said."""
USERS_BY_SKEWNESS = 25.0
"""n₀ of a group is so many times the squared skewness of its values."""
Moments: TypeAlias = tuple[Floats, Floats, Floats, Floats]
"""(looks, paths) each: users, mean, variance and skewness of the values so far."""
BEST_AT = 4.0
"""The interval is shortest, beside others of its kind, when there are so many times the users of its start."""


@dataclass(frozen=True)
class Look:
    """What a confidence sequence says at one look; ends are None before n₀."""

    n_users: int
    difference: float
    low: float | None
    high: float | None


def confidence_sequence(
    control: Sequence[Floats], treatment: Sequence[Floats], *, confidence: float = 0.95
) -> list[Look]:
    """One look for each part of ``control`` and ``treatment``: values of the users who came since the last look, in the order of their coming.

    A user's value must be whole when it counts, as after so many days since the user came. Raises DataError where the two have unequal numbers of parts.
    """
    return _looks(
        [_power_sums(part) for part in control],
        [_power_sums(part) for part in treatment],
        sequence_of_moments,
        confidence,
    )


def ratio_confidence_sequence(
    control: Sequence[tuple[Floats, Floats]], treatment: Sequence[tuple[Floats, Floats]], *, confidence: float = 0.95
) -> list[Look]:
    """Likewise of a ratio of sums: each part has (numerators, denominators) of the users who came since the last look."""
    return _looks(
        [_joint_sums(*part) for part in control],
        [_joint_sums(*part) for part in treatment],
        sequence_of_ratio_moments,
        confidence,
    )


def _looks(
    control: Sequence[Floats], treatment: Sequence[Floats], sequence: Callable[..., Sequence[Floats]], confidence: float
) -> list[Look]:
    if len(control) != len(treatment):
        raise DataError(f"looks: {len(control)} of the control and {len(treatment)} of the treatment. Give as many.")
    sums = [np.stack(parts).cumsum(axis=0)[:, None] for parts in (control, treatment)]
    difference, low, high = sequence(*sums, confidence=confidence)
    n_users = (sums[0] + sums[1])[:, 0, 0]
    return [
        Look(int(n), float(d), *((float(lo), float(hi)) if np.isfinite(lo) else (None, None)))
        for n, d, lo, hi in zip(n_users, difference[:, 0], low[:, 0], high[:, 0], strict=True)
    ]


def sequence_of_moments(control: Floats, treatment: Floats, *, confidence: float) -> tuple[Floats, Floats, Floats]:
    """(looks, paths) difference and ends, NaN before n₀, of sums so far (looks, paths, 4) of 1, y, y² and y³ over users."""
    return _sequence(_central(control), _central(treatment), confidence)


def sequence_of_ratio_moments(
    control: Floats, treatment: Floats, *, confidence: float
) -> tuple[Floats, Floats, Floats]:
    """Likewise of the ratio a / b, of sums so far (looks, paths, 10) of 1, a, b, a², ab, b², a³, a²b, ab² and b³."""
    return _sequence(_linearised(control), _linearised(treatment), confidence)


def _sequence(control: Moments, treatment: Moments, confidence: float) -> tuple[Floats, Floats, Floats]:
    alpha = 1 - confidence
    groups = control, treatment
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = groups[1][1] - groups[0][1]
        squared_error = np.asarray(sum(variance / n for n, _, variance, _ in groups))
        information = 1 / squared_error
        ready = np.isfinite(information)
        for n, _, _, skewness in groups:
            ready &= n >= np.maximum(FEWEST_USERS, USERS_BY_SKEWNESS * skewness**2)
    started = np.logical_or.accumulate(ready, axis=0)
    start = started.argmax(axis=0)
    at_start = np.take_along_axis(information, start[None], axis=0)[0]
    r = BEST_AT * at_start / (-2 * np.log(alpha) + np.log(-2 * np.log(alpha)) + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(started, mixture_reach(squared_error, r, alpha), np.nan)
    return difference, difference - reach, difference + reach


def mixture_reach(squared_error: Floats, r: Floats | float, alpha: float) -> Floats:
    """Half of the interval's width, by the formula of the module."""
    total = 1 / squared_error + r
    return np.asarray(squared_error * np.sqrt(total * np.log(total / (r * alpha**2))))


def _power_sums(values: Floats) -> Floats:
    return np.array([len(values), values.sum(), (values**2).sum(), (values**3).sum()])


def _joint_sums(a: Floats, b: Floats) -> Floats:
    products = (np.ones(len(a)), a, b, a * a, a * b, b * b, a**3, a * a * b, a * b * b, b**3)
    return np.array([values.sum() for values in products])


def _central(sums: Floats) -> Moments:
    n, first, second, third = np.moveaxis(sums, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = first / n
        spread = second / n - mean**2
        skewness = (third / n - 3 * mean * second / n + 2 * mean**3) / spread**1.5
        return n, mean, spread * n / (n - 1), skewness


def _linearised(sums: Floats) -> Moments:
    """Of ψ; a − R b has the mean 0."""
    n, a, b, aa, ab, bb, aaa, aab, abb, bbb = np.moveaxis(sums, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = a / b
        spread = (aa - 2 * ratio * ab + ratio**2 * bb) / n
        third = (aaa - 3 * ratio * aab + 3 * ratio**2 * abb - ratio**3 * bbb) / n
        return n, ratio, spread / (b / n) ** 2 * n / (n - 1), third / spread**1.5
