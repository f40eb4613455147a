r"""A/A: make it so that there is nothing to be shown, at random and many times, and count how often the report would have shown something.

Two ways in which nothing is there, whatever the data are:

- **arms exchanged**: of the two arms that a verdict compares, each user's values change places by the toss of a coin, all measures of a user
  together. What is compared, corrected and decided is what :mod:`recsat.measure.verdict` does, by its own functions, with the resamples of the run.
- **users divided**: users who all have the same arm's lists are divided at random into two halves, as an experiment divides them, and the halves
  are compared by Welch's t (Biometrika 1947), Holm-adjusted over the primary measures. Here no user has both, so the spread between users counts,
  and with it what a few of them do to the mean of money.

A rule that says something in more than :math:`\alpha` of such worlds says it of these data by chance as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, ttest_ind_from_stats

from recsat.config.settings import MeasureSettings
from recsat.contract.domain import Dimension
from recsat.measure.accuracy import Values
from recsat.measure.binomial import binomial_interval
from recsat.measure.comparisons import mean_over_draws
from recsat.measure.evaluate import EvaluatedSplit, values_by_arm
from recsat.measure.leaders import Leaders
from recsat.measure.significance import holm
from recsat.measure.verdict import compare_pairs, subjects_of
from recsat.result.model import Comparison, MeasureInfo

Adjust = Callable[[Values], Values]
ENTRIES = 2**23
"""Differences that are held at once, 64 MiB."""
DIFFERENT = ("better", "worse")


@dataclass(frozen=True)
class MeasureAlarms:
    """How often one measure was called different though nothing was there."""

    label: str
    n_users: int
    """Users with a value: of both arms, or of both halves together."""
    alone: int
    """By this measure alone: the interval leaves out zero, or Welch's p reaches the level."""
    in_family: int
    """By the rule of the report: corrected for the other primary measures."""


@dataclass(frozen=True)
class Alarms:
    """One kind of A/A of one split: of ``n`` worlds, ``n_alarms`` in which any primary measure was called better or worse."""

    split: str
    way: Literal["arms exchanged", "users divided"]
    arms: tuple[str, ...]
    n: int
    n_alarms: int
    level: float
    """The share of worlds that may: 1 − ``measure.confidence``."""
    measures: list[MeasureAlarms]

    @property
    def interval(self) -> tuple[float, float]:
        """Exact 95 % interval of the share of worlds in which something was said."""
        return binomial_interval(self.n_alarms, self.n, 0.95)


def exchange_arms(
    evaluated: EvaluatedSplit,
    leaders: Leaders,
    *,
    settings: MeasureSettings,
    n: int,
    seed: int,
    run_seed: int,
    advance: Callable[[int], object] = lambda _: None,
) -> Alarms | str:
    """A/A of the pair that the verdict compares; a sentence where there is none. ``run_seed`` is that of the report's resamples."""
    if leaders.lack:
        return leaders.lack
    best, other = leaders.pair
    infos = primaries(evaluated)
    values = {info.name: values_by_arm(evaluated, info.name) for info in infos}
    infos = [info for info in infos if {best, other} <= values[info.name].keys()]
    if not infos:
        return f"Not measured on {evaluated.split}: {best} and {other} have no measure in common."
    n_users = len(values[infos[0].name][best])
    rng = np.random.default_rng([seed, 0])
    families: list[list[Comparison]] = []
    for size in _batches(n, n_users * len(infos) * evaluated.n_draws):
        heads = rng.random((n_users, size, 1)) < 0.5
        pairs = {}
        for info in infos:
            a, b = (values[info.name][arm][:, None, :] for arm in (best, other))
            pairs[info.name] = np.where(heads, b, a), np.where(heads, a, b)
        families += compare_families(pairs, infos, settings=settings, seed=run_seed)
        advance(size)
    differing = [{one.measure for one in family if one.outcome in DIFFERENT} for family in families]
    off_zero = [{one.measure for one in family if _leaves_out_zero(one)} for family in families]
    n_users_of = {one.measure: one.n_users for one in families[0]}
    return Alarms(
        split=evaluated.split,
        way="arms exchanged",
        arms=(best, other),
        n=n,
        n_alarms=sum(map(bool, differing)),
        level=1 - settings.confidence,
        measures=[
            MeasureAlarms(
                label=info.label,
                n_users=n_users_of.get(info.name, 0),
                alone=sum(info.name in names for names in off_zero),
                in_family=sum(info.name in names for names in differing),
            )
            for info in infos
        ],
    )


def divide_users(
    evaluated: EvaluatedSplit,
    arm: str,
    *,
    settings: MeasureSettings,
    n: int,
    seed: int,
    advance: Callable[[int], object] = lambda _: None,
) -> Alarms:
    """A/A of one arm's users in two halves, by the primary measures that the arm has values of; of several draws each user's mean over them."""
    infos = primaries(evaluated)
    by_measure = {info.name: values_by_arm(evaluated, info.name) for info in infos}
    infos = [info for info in infos if arm in by_measure[info.name]]
    values = mean_over_draws(np.stack([by_measure[info.name][arm] for info in infos], axis=1))
    half = np.arange(len(values)) < len(values) // 2
    rng = np.random.default_rng([seed, 1])
    parts = []
    for size in _batches(n, len(values)):
        in_first = rng.permuted(np.broadcast_to(half, (size, len(half))), axis=1)
        parts.append(welch_p(values, in_first))
        advance(size)
    p = np.concatenate(parts)
    level = 1 - settings.confidence
    differs = np.array([holm(family) for family in p]) <= level
    return Alarms(
        split=evaluated.split,
        way="users divided",
        arms=(arm,),
        n=n,
        n_alarms=int(differs.any(axis=1).sum()),
        level=level,
        measures=[
            MeasureAlarms(
                label=info.label,
                n_users=int((~np.isnan(values[:, j])).sum()),
                alone=int((p[:, j] <= level).sum()),
                in_family=int(differs[:, j].sum()),
            )
            for j, info in enumerate(infos)
        ],
    )


def welch_p(values: Values, in_first: NDArray[np.bool_]) -> Values:
    r"""Two-sided p-values of Welch's t, (b, m), for the columns of ``values`` (n_users, m) and b divisions ``in_first`` (b, n_users).

    NaN in ``values`` is a user without a value. The p-value is NaN where a half has fewer than two users with one, or neither has any spread.

    >>> halves = np.array([[True, True, False, False]])
    >>> welch_p(np.array([[0.0], [1.0], [10.0], [11.0]]), halves).round(4)
    array([[0.0051]])
    """
    defined = ~np.isnan(values)
    n_defined = np.maximum(defined.sum(axis=0), 1)
    centred = np.where(defined, values - np.nansum(values, axis=0) / n_defined, 0.0)

    def moments(group: NDArray[np.bool_]) -> tuple[Values, Values, NDArray[np.int64]]:
        weights = group.astype(np.float64)
        count = np.rint(weights @ defined).astype(np.int64)
        mean = weights @ centred / count
        return mean, np.sqrt(np.maximum(weights @ centred**2 - count * mean**2, 0.0) / (count - 1)), count

    with np.errstate(divide="ignore", invalid="ignore"):
        (mean, spread, n), (other_mean, other_spread, other_n) = moments(in_first), moments(~in_first)
        p = ttest_ind_from_stats(mean, spread, n, other_mean, other_spread, other_n, equal_var=False).pvalue
    few = (n < 2) | (other_n < 2) | ((spread == 0) & (other_spread == 0))
    return np.asarray(np.where(few, np.nan, p), dtype=np.float64)


def compare_families(
    pairs: Mapping[str, tuple[Values, Values]],
    infos: Sequence[MeasureInfo],
    *,
    adjust: Adjust = holm,
    settings: MeasureSettings,
    seed: int,
) -> list[list[Comparison]]:
    """Many families at once, each compared as one verdict compares its own.

    ``pairs`` has for each measure of ``infos`` the values of two arms, (n_users, n_families, n_draws) each: column f of every measure is family f, within
    which p-values are adjusted. A comparison without a p-value is left out of its family.
    """
    n_families = next(iter(pairs.values()))[0].shape[1]
    keys = [(f"a{f}", f"b{f}", info) for f in range(n_families) for info in infos]
    values = {
        name: {f"{side}{f}": table[:, f] for side, table in zip("ab", tables, strict=True) for f in range(n_families)}
        for name, tables in pairs.items()
    }

    def by_family(p: Values) -> Values:
        return np.concatenate([adjust(family) for family in p.reshape(n_families, len(infos))])

    families: list[list[Comparison]] = [[] for _ in range(n_families)]
    for (arm, _, _), comparison in compare_pairs(keys, values, by_family, settings, seed).items():
        families[int(arm[1:])].append(comparison)
    return families


def primaries(evaluated: EvaluatedSplit) -> list[MeasureInfo]:
    """The measure that decides each dimension that was measured."""
    subjects = (subjects_of(evaluated, dimension) for dimension in get_args(Dimension))
    return [infos[0] for infos in subjects if infos]


def beyond_chance(alarms: Sequence[Alarms], level: float = 0.05) -> list[Alarms]:
    """Those that said something in more worlds than they may: exact binomial tests, Holm-adjusted over all of ``alarms``."""
    p = np.array([binomtest(one.n_alarms, one.n, one.level, alternative="greater").pvalue for one in alarms])
    return [one for one, adjusted in zip(alarms, holm(p), strict=True) if adjusted <= level]


def _leaves_out_zero(one: Comparison) -> bool:
    return one.low is not None and one.high is not None and (one.low > 0 or one.high < 0)


def _batches(n: int, entries: int) -> Iterator[int]:
    """``n`` in parts, so that a part of ``entries`` values each fits."""
    step = max(1, ENTRIES // max(entries, 1))
    for start in range(0, n, step):
        yield min(step, n - start)
