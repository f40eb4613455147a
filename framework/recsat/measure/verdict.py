"""Is the leading arm with a language model better, for each dimension of one split?

Two arms are picked once, by nDCG@k on the validation part (:mod:`recsat.measure.leaders`): the one that leads among those that read
with a language model and the one that leads among those that do not. The same pair is compared in every dimension, since nobody serves one arm
for its accuracy and another for its diversity.

Each dimension has one primary measure, and its outcome is the dimension's. The primaries of a split, four at most, are one family: their
p-values are Holm-adjusted together. Every other comparison, of secondary measures and with the baseline, is exploratory, is called so, never decides, and
has p-values adjusted for the false discovery rate (Benjamini and Hochberg, JRSS B 1995).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import get_args

import numpy as np

from recsat.config.settings import MeasureSettings
from recsat.contract.domain import Dimension
from recsat.measure.accuracy import Values
from recsat.measure.comparisons import compare, means_where_both
from recsat.measure.evaluate import EvaluatedSplit, values_by_arm
from recsat.measure.intervals import Intervals, finite_or_none
from recsat.measure.leaders import Leaders
from recsat.measure.measures import is_of_catalogue, key_of
from recsat.measure.significance import false_discovery, holm
from recsat.result.model import Comparison, MeasureInfo, NotMeasured, Outcome, Verdict

DIVERSITY_LEADS = ("topic-ild", "ild", "novelty")


def verdicts(
    evaluated: EvaluatedSplit, leaders: Leaders, *, settings: MeasureSettings, seed: int
) -> dict[Dimension, Verdict]:
    """One verdict for each dimension of ``evaluated``: of the leading arm with a language model against the leading one without, and against the baseline."""
    if leaders.lack:
        return {
            dimension: Verdict(dimension=dimension, split=evaluated.split, outcome="not measured", lack=leaders.lack)
            for dimension in get_args(Dimension)
        }
    best, other = leaders.pair
    subjects = {dimension: subjects_of(evaluated, dimension) for dimension in get_args(Dimension)}
    primaries = [(best, other, infos[0]) for infos in subjects.values() if infos]
    rest = [(best, other, info) for infos in subjects.values() for info in infos[1:]]
    if settings.baseline not in (best, other):
        rest += [(best, settings.baseline, infos[0]) for infos in subjects.values() if infos]
    values = {info.name: values_by_arm(evaluated, info.name) for infos in subjects.values() for info in infos}
    compared = compare_pairs(primaries, values, holm, settings, seed) | compare_pairs(
        rest, values, false_discovery, settings, seed
    )
    return {
        dimension: _verdict(evaluated, dimension, infos, compared, (best, other), settings.baseline)
        for dimension, infos in subjects.items()
    }


def subjects_of(evaluated: EvaluatedSplit, dimension: Dimension) -> list[MeasureInfo]:
    """The measures that a dimension's verdict speaks of, its primary one first; empty where none was measured.

    Accuracy: nDCG@k. Diversity: that over topics, else of text vectors, in whose space arms that read are at home, else novelty. The
    others: all of the domain's measures with a direction, the one that the domain calls primary first, else in its order.
    """
    missing = {absent.name for absent in evaluated.not_measured}
    infos = [info for info in evaluated.measures if info.name not in missing]
    subjects = candidates_for_primary(infos, dimension, evaluated.k)
    return subjects[:1] if dimension == "diversity" else subjects


def candidates_for_primary(infos: Sequence[MeasureInfo], dimension: Dimension, k: int) -> list[MeasureInfo]:
    """Measures of a dimension of which the first that has values is the primary one."""
    of_dimension = [info for info in infos if info.dimension == dimension and info.better != "neither"]
    if dimension == "accuracy":
        return [info for info in of_dimension if info.name == key_of("ndcg", k)]
    if dimension == "diversity":
        leads = [key_of(name, k) for name in DIVERSITY_LEADS]
        return sorted((info for info in of_dimension if info.name in leads), key=lambda info: leads.index(info.name))
    return sorted(of_dimension, key=lambda info: not info.primary)


def compare_pairs(
    pairs: Sequence[tuple[str, str, MeasureInfo]],
    values: Mapping[str, Mapping[str, Values]],
    adjust: Callable[[Values], Values],
    settings: MeasureSettings,
    seed: int,
) -> dict[tuple[str, str, str], Comparison]:
    """A family of comparisons by (arm, other, measure), of those where both arms have values; p-values by ``adjust``."""
    keys = [(arm, other, info) for arm, other, info in pairs if {arm, other} <= values[info.name].keys()]
    if not keys:
        return {}
    differences = np.stack([values[info.name][arm] - values[info.name][other] for arm, other, info in keys], axis=1)
    compared = compare(differences, settings=settings, seed=seed, family=len(keys))
    intervals, p = compared.intervals, adjust(compared.p)
    means = [means_where_both(values[info.name][arm], values[info.name][other]) for arm, other, info in keys]
    return {
        (arm, other, info.name): Comparison(
            arm=arm,
            other=other,
            measure=info.name,
            mean=float(intervals.mean[i]),
            mean_arm=means[i][0],
            mean_other=means[i][1],
            low=finite_or_none(intervals.low[i]),
            high=finite_or_none(intervals.high[i]),
            p_adjusted=float(p[i]),
            n_users=int(intervals.n_users[i]),
            detectable=finite_or_none(compared.detectable[i]) or None,  # without any spread nothing can be said
            effective_users=None if is_of_catalogue(info.name) else finite_or_none(compared.effective_users[i]),
            outcome=_outcome(intervals, i, float(p[i]), info, settings),
        )
        for i, (arm, other, info) in enumerate(keys)
        if not np.isnan(p[i])
    }


def _outcome(intervals: Intervals, i: int, p: float, info: MeasureInfo, settings: MeasureSettings) -> Outcome:
    """Better or worse only where the corrected test and the interval both say so; else what ``worth_having`` lets us say."""
    mean, low, high = float(intervals.mean[i]), intervals.low[i], intervals.high[i]
    if p <= 1 - settings.confidence and (low > 0 or high < 0):
        return "better" if (mean > 0) == (info.better == "higher") else "worse"
    worth = settings.worth_having.get(info.name)
    if worth is None:
        return "not shown"
    return "as good as" if low > -worth and high < worth else "cannot tell"


def _verdict(
    evaluated: EvaluatedSplit,
    dimension: Dimension,
    infos: Sequence[MeasureInfo],
    compared: Mapping[tuple[str, str, str], Comparison],
    pair: tuple[str, str],
    baseline: str,
) -> Verdict:
    best, other = pair
    comparisons = [compared[best, other, info.name] for info in infos if (best, other, info.name) in compared]
    if not comparisons:
        lacks = _lacks(evaluated, dimension, infos, pair)
        return Verdict(dimension=dimension, split=evaluated.split, outcome="not measured", lacks=lacks)
    primary, *others = comparisons
    compared_measures = {comparison.measure for comparison in comparisons}
    return Verdict(
        dimension=dimension,
        split=evaluated.split,
        outcome=primary.outcome,
        primary=primary,
        against_baseline=None if baseline == other else compared.get((best, baseline, primary.measure)),
        others=others,
        assumed=[info.name for info in infos if info.propensities == "assumed" and info.name in compared_measures],
    )


def _lacks(
    evaluated: EvaluatedSplit, dimension: Dimension, infos: Sequence[MeasureInfo], pair: tuple[str, str]
) -> list[NotMeasured]:
    """What each measure of a dimension of which nothing can be compared lacks."""
    if infos:
        best, other = pair
        return [NotMeasured(name=infos[0].name, reason=f"Fewer than two users have it for both {best} and {other}.")]
    names = {info.name for info in evaluated.measures if info.dimension == dimension}
    return [absent for absent in evaluated.not_measured if absent.name in names]
