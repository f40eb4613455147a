"""A mean that people judged for some and a model judged for all: the model makes the interval narrower and cannot make it wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from recsat.errors import DataError

FEWEST_LABELS = 30
"""Fewer say too little of how the model errs."""
Values = NDArray[np.float64]


@dataclass(frozen=True)
class PoweredMean:
    """The mean of what people would say of everybody."""

    mean: float
    low: float
    high: float
    weight: float
    """λ: how much the model's judgements count; 0 where they say nothing of people's."""
    effective_labels: float
    """How many labels by people alone would give an interval as narrow; the model is worth what is beyond their number."""


def powered_mean(
    labels: Values, judged_as_well: Values, judged_alone: Values, *, confidence: float = 0.95
) -> PoweredMean:
    r"""Prediction-powered mean with a tuned weight.

    .. math:: \hat\theta = \frac1n \sum_i \bigl(y_i - \lambda f_i\bigr) + \frac{\lambda}{N} \sum_j f'_j, \qquad
              \lambda = \frac{\operatorname{cov}(y, f)}{(1 + n/N) \operatorname{var}(f)} \in [0, 1]

    ``labels`` y are people's (n,), ``judged_as_well`` f the model's of the same (n,), ``judged_alone`` f′ its of others (N,), one value a user, both drawn at random from the same
    users. The variance is :math:`\operatorname{var}(y - \lambda f)/n + \lambda^2 \operatorname{var}(f')/N`. Whatever the model says, a shift, a scale or noise, the mean is that of people; where it says nothing λ is about 0
    and the interval people's own. For differences of two lists hand in differences. Angelopoulos, Duchi and Zrnic, "PPI++", 2023.

    Raises DataError for fewer than :data:`FEWEST_LABELS` labels, for labels and judgements that do not belong together, or values that are not finite.
    """
    y, f, others = (np.asarray(values, dtype=np.float64).ravel() for values in (labels, judged_as_well, judged_alone))
    if len(y) != len(f):
        raise DataError(
            f"judgements: {len(y)} labels and {len(f)} judgements of the same users. Give one of each for every labelled user."
        )
    if len(y) < FEWEST_LABELS or len(others) < FEWEST_LABELS:
        raise DataError(
            f"judgements: {len(y)} labels and {len(others)} further judgements; {FEWEST_LABELS} of each are the fewest. Label more users."
        )
    if not all(np.isfinite(values).all() for values in (y, f, others)):
        raise DataError(
            "judgements: a label or a judgement is not a finite number. Leave these users out of all three."
        )
    n, N = len(y), len(others)
    spread = float(np.concatenate([f, others]).var(ddof=1))
    covariance = float(np.cov(y, f)[0, 1])
    weight = float(np.clip(covariance / ((1 + n / N) * spread), 0, 1)) if spread > 0 else 0.0
    mean = float((y - weight * f).mean() + weight * others.mean())
    n_estimated = 2 if weight else 1  # the weight is fitted to the same labels, as the slope of a regression is
    variance = float((y - weight * f).var(ddof=n_estimated)) / n + weight**2 * float(others.var(ddof=1)) / N
    half = float(stdtrit(n - n_estimated, (1 + confidence) / 2)) * variance**0.5
    effective = float(y.var(ddof=1)) / variance if variance > 0 else float(n)
    return PoweredMean(mean, mean - half, mean + half, weight, effective)
