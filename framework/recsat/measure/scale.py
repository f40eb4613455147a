"""What numbers are divided by, so that they are on one scale: their spread, unless they have none."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

ROUNDING = 1e-5
"""A spread that is a smaller share of the mean may be rounding alone: float32 has seven digits, of which sums lose one or two."""


def scale_of(deviation: ArrayLike, mean: ArrayLike) -> NDArray[np.float64]:
    """The standard ``deviation`` of numbers with this ``mean``; 1 where all are equal but for rounding, or where it is not finite.

    Equal numbers have a deviation of some 1e-7 of their size, not of 0: divided by it, they would outweigh all others.

    >>> scale_of([0.5, 1e-7, 0.0], [1.0, 1.0, 0.0]).tolist()
    [0.5, 1.0, 1.0]
    """
    deviations = np.asarray(deviation, dtype=np.float64)
    differ = np.isfinite(deviations) & (deviations > ROUNDING * np.abs(mean))
    return np.where(differ, deviations, 1.0)
