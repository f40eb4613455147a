r"""Is the gain of the whole the gain of its parts? The verdict's pair within slices, and whether slices differ.

A pair may differ one way over everybody and the other way in a slice (Simpson's paradox; JRSS B 1951), or gain in one slice alone. Slices of the
users are different users; slices of the items are the same users with different relevant items. For slices a and b with mean differences
:math:`\bar d_a, \bar d_b` over :math:`n_a, n_b` users, a user adds :math:`\psi_u = (d_{ua} - \bar d_a)/\sqrt{n_a(n_a-1)} - (d_{ub} - \bar d_b)/\sqrt{n_b(n_b-1)}`, 0 where it is not in the slice, and
:math:`\sum_u \psi_u^2` is the variance of :math:`\bar d_a - \bar d_b`: Welch's for different users, the paired one for the same; between draws of a split it is joined as in :mod:`recsat.measure.draws`. The t distribution has the degrees of freedom of the smaller slice, or of the draws.

All of it is exploratory, with p-values adjusted for the false discovery rate, but for one alarm: that a slice has the other sign than everybody. It stands on the
first screen, so its p-values are Holm-adjusted over the slices that were looked at, and it goes off by chance in at most one run of twenty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from recsat.config.settings import MeasureSettings
from recsat.measure.comparisons import compare
from recsat.measure.differences import POWER
from recsat.measure.evaluate import EvaluatedSplit, values_by_arm
from recsat.measure.intervals import finite_or_none
from recsat.measure.significance import false_discovery, holm
from recsat.measure.slices import FEWEST_USERS, OF_ITEMS, OF_USERS
from recsat.result.model import Comparison, SliceComparison, SliceContrast, WithinSlices

Values = NDArray[np.float64]


def within_slices(evaluated: EvaluatedSplit, pair: Comparison, *, settings: MeasureSettings, seed: int) -> WithinSlices:
    """``pair`` of a split within each slice of its users and items that has :data:`~recsat.measure.slices.FEWEST_USERS` users or more."""
    differences = {name: _differences(evaluated, pair, name) for name in (*OF_USERS, *OF_ITEMS)}
    of_pair = {name: values for name, values in differences.items() if values is not None}
    return compared_within(evaluated.split, pair, of_pair, [OF_USERS, OF_ITEMS], settings=settings, seed=seed)


def compared_within(
    split: str,
    pair: Comparison,
    differences: Mapping[str, Values],
    families: Sequence[Sequence[str]],
    *,
    settings: MeasureSettings,
    seed: int,
) -> WithinSlices:
    """The ``differences`` of ``pair``, (n_users, n_draws) by slice, NaN outside the slice, and slices of one family against each other.

    Slices with fewer than :data:`~recsat.measure.slices.FEWEST_USERS` users are left out; p-values are adjusted for the false discovery rate, those of
    slices over the slices and those of contrasts over the contrasts.
    """
    known = {
        name: values for name, values in differences.items() if (~np.isnan(values)).any(axis=1).sum() >= FEWEST_USERS
    }
    slices, p = _of_slices(known, settings, seed)
    contrasts = _contrasts(known, families, settings.confidence)
    return WithinSlices(
        split=split,
        measure=pair.measure,
        arm=pair.arm,
        other=pair.other,
        slices=slices,
        contrasts=contrasts,
        differ=any(contrast.p_adjusted <= 1 - settings.confidence for contrast in contrasts),
        reversed=[
            one.slice
            for one, of_slice in zip(slices, holm(p), strict=True)
            if of_slice <= 1 - settings.confidence and _is_reversed(one, pair.mean)
        ],
    )


def _differences(evaluated: EvaluatedSplit, pair: Comparison, part: str) -> Values | None:
    """Of the pair, (n_users, n_draws), over every user of the split; None where an arm has no value in that slice."""
    values = values_by_arm(evaluated, pair.measure, part=part)
    if not {pair.arm, pair.other} <= values.keys():
        return None
    return values[pair.arm] - values[pair.other]


def _of_slices(
    known: Mapping[str, Values], settings: MeasureSettings, seed: int
) -> tuple[list[SliceComparison], Values]:
    """The pair in each slice, and its p-values before any correction."""
    compared = [compare(values[:, None, :], settings=settings, seed=seed) for values in known.values()]
    p = np.array([one.p[0] for one in compared], dtype=np.float64)
    slices = [
        SliceComparison(
            slice=name,
            mean=float(one.intervals.mean[0]),
            low=finite_or_none(one.intervals.low[0]),
            high=finite_or_none(one.intervals.high[0]),
            p_adjusted=finite_or_none(adjusted),
            detectable=finite_or_none(one.detectable[0]) or None,  # without any spread nothing can be said
            n_users=int(one.intervals.n_users[0]),
        )
        for name, one, adjusted in zip(known, compared, false_discovery(p), strict=True)
    ]
    return slices, p


@dataclass(frozen=True)
class Contrast:
    """A difference of two means, and how sure it is."""

    mean: float
    error: float
    freedom: float

    @property
    def p(self) -> float:
        """Of no difference, two-sided."""
        return float(2 * stdtr(self.freedom, -abs(self.mean) / self.error))

    def detectable(self, confidence: float, family: int) -> float:
        """Smallest true difference that would have been shown four times in five at what a correction for ``family`` leaves at worst (Bonferroni's)."""
        level = 1 - (1 - confidence) / (2 * family)
        return float(stdtrit(self.freedom, level) + stdtrit(self.freedom, POWER)) * self.error

    def ends(self, confidence: float) -> tuple[float, float]:
        half = float(stdtrit(self.freedom, (1 + confidence) / 2)) * self.error
        return self.mean - half, self.mean + half


def contrast(first: Values, second: Values) -> Contrast | None:
    """The mean of ``first`` minus that of ``second``, both (n_users, n_draws) over the same users, of whom each may have a value in one alone.

    None where nothing differs, or no draw has a value of both.
    """
    draws = ~(np.isnan(first).all(axis=0) | np.isnan(second).all(axis=0))
    first, second = first[:, draws], second[:, draws]
    n_draws = first.shape[1]
    if not n_draws:
        return None
    means, added = zip(*(_means_and_parts(values) for values in (first, second)), strict=True)
    by_draw = means[0] - means[1]
    of_users = float((((added[0] - added[1]).sum(axis=1) / n_draws) ** 2).sum())
    smaller = min(int((~np.isnan(values)).any(axis=1).sum()) for values in (first, second))
    of_draws = float(by_draw.var(ddof=1)) / n_draws if n_draws > 1 else 0.0
    variance = of_users + of_draws
    if not variance > 0 or smaller < 2:
        return None
    freedom = variance**2 / (of_users**2 / (smaller - 1) + of_draws**2 / max(n_draws - 1, 1))
    return Contrast(float(by_draw.mean()), variance**0.5, freedom)


def _means_and_parts(values: Values) -> tuple[Values, Values]:
    """Means of the draws, (n_draws,), and what each user adds to them, (n_users, n_draws), of unbiased variance."""
    means = np.nanmean(values, axis=0)
    n = (~np.isnan(values)).sum(axis=0)
    return means, np.nan_to_num((values - means) / np.sqrt(n * np.maximum(n - 1, 1)), nan=0.0)


def _contrasts(
    known: Mapping[str, Values], families: Sequence[Sequence[str]], confidence: float
) -> list[SliceContrast]:
    pairs = [pair for family in families for pair in combinations([name for name in family if name in known], 2)]
    of_pairs = {pair: contrast(known[pair[0]], known[pair[1]]) for pair in pairs}
    tested = {pair: one for pair, one in of_pairs.items() if one is not None}
    if not tested:
        return []
    adjusted = false_discovery(np.array([one.p for one in tested.values()]))
    contrasts = []
    for ((first, second), one), p in zip(tested.items(), adjusted, strict=True):
        low, high = one.ends(confidence)
        contrasts.append(
            SliceContrast(
                first=first,
                second=second,
                mean=one.mean,
                low=low,
                high=high,
                p_adjusted=float(p),
                detectable=one.detectable(confidence, len(tested)),
            )
        )
    return contrasts


def _is_reversed(one: SliceComparison, overall: float) -> bool:
    if one.low is None or one.high is None:
        return False
    return one.high < 0 < overall or one.low > 0 > overall
