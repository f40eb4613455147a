r"""How two groups of users differ, with an interval: means, means less what was known before, and ratios of sums.

Each is a mean over users of values :math:`\psi_i`, so that one comparison serves all three: Welch's (Biometrika 1947), which asks for no equal variances.
Values equal those of tea-tasting 1.14 and scipy 1.17.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from recsat.errors import DataError
from recsat.offpolicy.intervals import ratio_contributions

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Effect:
    """Treatment minus control. Ends, p and error are None where neither group has any spread: nothing can be said then."""

    control: float
    """Mean of the control group, as it was."""
    treatment: float
    difference: float
    standard_error: float | None
    low: float | None
    high: float | None
    p: float | None
    relative: float | None
    """The difference by the size of the control's mean: above 0 is more, whatever the sign of that mean. None where that is 0."""
    relative_low: float | None
    relative_high: float | None
    """By the delta method on the logarithm of the ratio of means; None unless both means have one sign and are told from 0."""
    n_control: int
    n_treatment: int
    control_error: float = 0.0
    """Standard error of the control's mean."""
    treatment_error: float = 0.0
    variance_ratio: float = 1.0
    """Variance of the adjusted values of all users beside that of the plain ones: below 1 is what earlier values are worth."""


def mean_effect(control: Floats, treatment: Floats, *, confidence: float = 0.95) -> Effect:
    """Difference of the means of one value a user, (n_control,) and (n_treatment,), by Welch.

    >>> effect = mean_effect(np.array([1.0, 2.0, 3.0]), np.array([3.0, 4.0, 5.0]))
    >>> effect.difference, round(effect.low, 3), round(effect.relative, 3)
    (2.0, -0.267, 1.0)
    """
    _require("control", control)
    _require("treatment", treatment)
    return _welch(control, treatment, confidence)


def adjusted_effect(
    control: Floats, treatment: Floats, control_before: Floats, treatment_before: Floats, *, confidence: float = 0.95
) -> Effect:
    r"""CUPED: the difference of means of :math:`y - \theta (x - \bar x)`, x the users' values before anything was shown (Deng et al., WSDM 2013).

    :math:`\theta = \operatorname{cov}(x, y) / \operatorname{var}(x)` over all users of both groups; a missing x (NaN) is the mean of those present. What was before cannot
    depend on the treatment, so the difference estimates the same, with less variance by the square of the correlation. Where x has no spread it is
    :func:`mean_effect`.
    """
    _require("control", control)
    _require("treatment", treatment)
    for name, values, before in (
        ("control", control, control_before),
        ("treatment", treatment, treatment_before),
    ):
        if len(before) != len(values):
            raise DataError(
                f"{name}: {len(before)} values before and {len(values)} after. Give one of each for a user."
            )
    x, y = np.concatenate([control_before, treatment_before]), np.concatenate([control, treatment])
    present = np.isfinite(x)
    plain = _welch(control, treatment, confidence)
    if not present.any() or not np.ptp(x[present]):
        return plain
    x = np.where(present, x, x[present].mean())
    centred = x - x.mean()
    theta = centred @ (y - y.mean()) / (centred @ centred)
    adjusted = y - theta * centred
    n = len(control)
    effect = _welch(adjusted[:n], adjusted[n:], confidence)
    ratio = float(adjusted.var() / y.var()) if np.ptp(y) else 1.0
    return Effect(**{**vars(effect), "variance_ratio": ratio})


def ratio_effect(
    control: tuple[Floats, Floats], treatment: tuple[Floats, Floats], *, confidence: float = 0.95
) -> Effect:
    r"""Difference of ratios of sums, as of clicks by exposures: (numerators, denominators) of the users of each group.

    Users are the units and not exposures, so the error is that of the ratio over users, by the delta method:
    :math:`\psi_i = R + (a_i - R\, b_i) / \bar b` (Deng et al., KDD 2018). Raises DataError where a denominator is negative, or all are 0.
    """
    linear = []
    for name, (numerators, denominators) in (("control", control), ("treatment", treatment)):
        _require(name, numerators)
        _require(name, denominators)
        if len(numerators) != len(denominators):
            raise DataError(f"{name}: {len(numerators)} numerators and {len(denominators)} denominators.")
        if (denominators < 0).any() or not denominators.any():
            raise DataError(f"{name}: denominators must be 0 or more, and not all 0.")
        linear.append(ratio_contributions(numerators, denominators))
    return _welch(linear[0], linear[1], confidence)


def margin_interval(
    effect: Effect, margin: float, *, better: Literal["higher", "lower"] = "higher", confidence: float = 0.95
) -> tuple[float, float] | None:
    r"""Interval of how far the treatment is on the good side of a non-inferiority margin, as a share of the control's mean.

    For a metric of which more is better that is :math:`\mu_t - \mu_c + m |\mu_c|`: above 0 with its whole interval, the treatment is not worse by the margin; below
    0, it is. The margin moves with the control's mean, whose error is therefore in the interval. None where there is no spread.
    """
    sign = 1.0 if better == "higher" else -1.0
    factor = 1 - sign * np.copysign(margin, effect.control)
    variances = (factor * effect.control_error) ** 2, effect.treatment_error**2
    if not sum(variances):
        return None
    sizes = effect.n_control, effect.n_treatment
    centre = sign * (effect.treatment - factor * effect.control)
    reach = _quantile(variances, sizes, confidence) * float(np.sqrt(sum(variances)))
    return float(centre - reach), float(centre + reach)


def winsorised(values: Floats, cap: float) -> Floats:
    """``values`` with those above ``cap`` drawn in to it. ``cap`` must be declared before the experiment, or intervals hold less often than they say."""
    return np.minimum(values, cap)


def effective_users(values: Floats) -> float:
    r""":math:`(\sum |y|)^2 / \sum y^2`: how many users carry a mean. With fewer than about a hundred, intervals of skewed values are too short."""
    squares = float((values**2).sum())
    return float(np.abs(values).sum()) ** 2 / squares if squares else 0.0


def _welch(control: Floats, treatment: Floats, confidence: float) -> Effect:
    means = float(control.mean()), float(treatment.mean())
    variances = float(control.var(ddof=1)) / len(control), float(treatment.var(ddof=1)) / len(treatment)
    sizes = len(control), len(treatment)
    difference, error = means[1] - means[0], float(np.sqrt(sum(variances)))
    relative = difference / abs(means[0]) if means[0] else None
    errors = float(np.sqrt(variances[0])), float(np.sqrt(variances[1]))
    if not error:
        return Effect(*means, difference, None, None, None, None, relative, None, None, *sizes)
    reach = _quantile(variances, sizes, confidence) * error
    p = float(2 * stdtr(_freedom(variances, sizes), -abs(difference) / error))
    ends = _relative_ends(means, variances, sizes, confidence)
    return Effect(
        *means, difference, error, difference - reach, difference + reach, p, relative, *ends, *sizes, *errors
    )


def _relative_ends(
    means: tuple[float, float], variances: tuple[float, float], sizes: tuple[int, int], confidence: float
) -> tuple[float | None, float | None]:
    """Of (treatment − control) / |control|: the ratio of means by its logarithm, whose ends change places where both means are negative."""
    differ_from_zero = all(
        abs(mean) > float(stdtrit(n - 1, (1 + confidence) / 2)) * np.sqrt(variance)
        for mean, variance, n in zip(means, variances, sizes, strict=True)
    )
    if not differ_from_zero or means[0] * means[1] <= 0:
        return None, None
    ratio = means[1] / means[0]
    of_log = (variances[0] / means[0] ** 2, variances[1] / means[1] ** 2)
    factor = float(np.exp(_quantile(of_log, sizes, confidence) * np.sqrt(sum(of_log))))
    low, high = ratio / factor - 1, ratio * factor - 1
    return (low, high) if means[0] > 0 else (-high, -low)


def _quantile(variances: tuple[float, float], sizes: tuple[int, int], confidence: float) -> float:
    return float(stdtrit(_freedom(variances, sizes), (1 + confidence) / 2))


def _freedom(variances: tuple[float, float], sizes: tuple[int, int]) -> float:
    """Welch and Satterthwaite's degrees of freedom, of variances of means."""
    return sum(variances) ** 2 / sum(v**2 / (n - 1) for v, n in zip(variances, sizes, strict=True))


def _require(name: str, values: Floats) -> None:
    if len(values) < 2:
        raise DataError(f"{name}: {len(values)} users. A group needs at least 2 to be compared.")
    if not np.isfinite(values).all():
        raise DataError(f"{name}: value {int(np.argmin(np.isfinite(values)))} is not finite.")
