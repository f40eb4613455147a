"""The answer in words: is the leading arm with a language model better, for each dimension of one split?

Two arms are picked once, by nDCG@k on the validation part (:mod:`recsat.result.leading`): the one that leads among those that read
with a language model and the one that leads among those that do not. The same pair is compared in every dimension, since nobody serves one arm
for its accuracy and another for its diversity.

Each dimension has one primary measure, and its outcome is the dimension's. The primaries of a split, four at most, are one family: their
p-values are Holm-adjusted together. Every other comparison, of secondary measures and with the baseline, is exploratory, is called so, never decides, and
has p-values adjusted for the false discovery rate (Benjamini and Hochberg, JRSS B 1995).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import get_args

import numpy as np
from scipy.stats import false_discovery_control

from recsat.config.settings import MeasureSettings
from recsat.contract.domain import Dimension
from recsat.measure.accuracy import Values
from recsat.measure.attribution import values_by_arm
from recsat.measure.comparisons import compare
from recsat.measure.evaluate import EvaluatedSplit
from recsat.measure.intervals import Intervals
from recsat.measure.measures import key_of
from recsat.measure.score import ALL
from recsat.measure.significance import holm
from recsat.result.leading import leader
from recsat.result.model import Comparison, Measure, MeasureInfo, NotMeasured, Outcome, Verdict
from recsat.result.numerals import interval, number, p_value, signed

OUTCOME_WORDS: Mapping[Outcome, str] = {
    "better": "it is better",
    "worse": "it is worse",
    "as good as": "it is as good as that, within what would be worth having",
    "cannot tell": "which is better cannot be told",
    "not shown": "a difference is not shown",
}
WORDS: Mapping[Dimension, str] = {
    "accuracy": "Accuracy",
    "diversity": "Diversity",
    "behaviour": "Behaviour",
    "business": "Business value",
}
DIVERSITY_LEADS = ("topic-ild", "ild", "novelty")


def verdicts(
    evaluated: EvaluatedSplit,
    validation_ndcg: Mapping[str, float],
    language: Collection[str],
    *,
    settings: MeasureSettings,
    seed: int,
) -> list[Verdict]:
    """One verdict for each dimension of ``evaluated``; ``language`` names the arms that read with a language model.

    The outcome is that of the leading arm with a language model against the leading one without, by ``validation_ndcg`` of every arm; the
    sentence gives the baseline as well.
    """
    best, other, lack = pick_pair(evaluated, validation_ndcg, language, settings.baseline)
    if lack:
        return [
            Verdict(dimension=dimension, split=evaluated.split, outcome="not measured", sentence=lack)
            for dimension in get_args(Dimension)
        ]
    subjects = {dimension: subjects_of(evaluated, dimension) for dimension in get_args(Dimension)}
    primaries = [(best, other, infos[0]) for infos in subjects.values() if infos]
    rest = [(best, other, info) for infos in subjects.values() for info in infos[1:]]
    if settings.baseline not in (best, other):
        rest += [(best, settings.baseline, infos[0]) for infos in subjects.values() if infos]
    values = {info.name: values_by_arm(evaluated, info.name) for infos in subjects.values() for info in infos}
    compared = compare_pairs(primaries, values, holm, settings, seed) | compare_pairs(
        rest, values, false_discovery, settings, seed
    )
    return [
        _verdict(evaluated, dimension, infos, compared, (best, other), settings)
        for dimension, infos in subjects.items()
    ]


def pick_pair(
    evaluated: EvaluatedSplit, validation_ndcg: Mapping[str, float], language: Collection[str], baseline: str
) -> tuple[str, str, str]:
    """The leading arm with a language model, the leading one without, and what is wrong where there is none to pick."""
    lead = key_of("ndcg", evaluated.k)
    arms = [
        arm
        for arm, measure in _measured(evaluated, lead).items()
        if measure.mean is not None and arm in validation_ndcg
    ]
    best, other = (
        leader({arm: validation_ndcg[arm] for arm in arms if (arm in language) is side}, baseline) or ""
        for side in (True, False)
    )
    if not arms:
        return best, other, f"Nothing was measured on {evaluated.split}: no served user has a relevant item."
    if not best:
        return best, other, f"Not measured on {evaluated.split}: no arm with a language model has lists there."
    if not other:
        return (
            best,
            other,
            f"Not measured on {evaluated.split}: every arm there has a language model, so there is nothing to compare.",
        )
    return best, other, ""


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
    return {
        (arm, other, info.name): Comparison(
            arm=arm,
            other=other,
            measure=info.name,
            mean=float(intervals.mean[i]),
            low=_known(intervals.low[i]),
            high=_known(intervals.high[i]),
            p_adjusted=float(p[i]),
            n_users=int(intervals.n_users[i]),
            detectable=_known(compared.detectable[i]),
            outcome=_outcome(intervals, i, float(p[i]), info, settings),
        )
        for i, (arm, other, info) in enumerate(keys)
        if not np.isnan(p[i])
    }


def false_discovery(p: Values) -> Values:
    """Benjamini–Hochberg; NaN stays NaN and is not counted."""
    adjusted = p.copy()
    known = ~np.isnan(p)
    if known.any():
        adjusted[known] = false_discovery_control(p[known])
    return adjusted


def _outcome(intervals: Intervals, i: int, p: float, info: MeasureInfo, settings: MeasureSettings) -> Outcome:
    """Better or worse only where the corrected test and the interval both say so; else what ``worth_having`` lets us say."""
    mean, low, high = float(intervals.mean[i]), intervals.low[i], intervals.high[i]
    if p <= 1 - settings.confidence and (low > 0 or high < 0):
        return "better" if (mean > 0) == (info.better == "higher") else "worse"
    worth = settings.worth_having.get(info.name)
    if worth is None:
        return "not shown"
    return "as good as" if low > -worth and high < worth else "cannot tell"


def _known(value: float | np.float64) -> float | None:
    return None if np.isnan(value) else float(value)


def _verdict(
    evaluated: EvaluatedSplit,
    dimension: Dimension,
    infos: Sequence[MeasureInfo],
    compared: Mapping[tuple[str, str, str], Comparison],
    arms: tuple[str, str],
    settings: MeasureSettings,
) -> Verdict:
    best, other = arms
    comparisons = [compared[best, other, info.name] for info in infos if (best, other, info.name) in compared]
    if not comparisons:
        return _unmeasured(evaluated, dimension, infos, arms)
    lead, *others = comparisons
    labels = {info.name: info.label for info in infos}
    means = _measured(evaluated, lead.measure)
    sentence = (
        f"{WORDS[dimension]} on {evaluated.split}: {best}, which leads on validation among arms with a language model, has {labels[lead.measure]} "
        f"{_figure(means[best], settings)}. Against {other}, which leads there among those without ({number(means[other].mean)}), {_comparison_in_words(lead)}."
    )
    against = compared.get((best, settings.baseline, lead.measure))
    if against and settings.baseline != other:
        sentence += f" Against the baseline {settings.baseline} ({number(means[settings.baseline].mean)}), exploratory: {_comparison_in_words(against)}."
    elif settings.baseline == other:
        sentence += f" {other} is also the baseline."
    elif settings.baseline == best:
        sentence += f" {best} is also the baseline."
    else:
        sentence += f" The baseline {settings.baseline} has no value here."
    sentence += _others(others, labels)
    compared_measures = {comparison.measure for comparison in comparisons}
    assumed = [info.name for info in infos if info.propensities == "assumed" and info.name in compared_measures]
    if assumed:
        sentence += f" Propensities assumed: {settings.propensity_model}."
    return Verdict(
        dimension=dimension,
        split=evaluated.split,
        outcome=lead.outcome,
        sentence=sentence,
        primary=lead,
        against_baseline=against,
        others=others,
        assumed=assumed,
    )


def _comparison_in_words(comparison: Comparison) -> str:
    low, high = comparison.low, comparison.high
    clause = (
        f"{OUTCOME_WORDS[comparison.outcome]}: {signed(comparison.mean)} ({interval(low, high, with_sign=True)}; p {_p(comparison.p_adjusted)}; "
        f"{comparison.n_users:,} users)"
    )
    if comparison.outcome in ("not shown", "cannot tell"):
        if low is not None and high is not None and (low > 0 or high < 0):
            clause += ", although the interval, which is not corrected, leaves out zero"
        if comparison.detectable is not None:
            clause += f"; a difference below {number(comparison.detectable)} would have been missed one time in five"
    return clause


def _others(comparisons: Sequence[Comparison], labels: Mapping[str, str]) -> str:
    """Secondary measures: listed, and never deciding."""
    if not comparisons:
        return ""
    groups = {
        outcome: [labels[c.measure] for c in comparisons if c.outcome == outcome] for outcome in get_args(Outcome)
    }
    mixed = "mixed, " if groups["better"] and groups["worse"] else ""
    return (
        f" Other measures, exploratory: {mixed}"
        + "; ".join(f"{what} {', '.join(labels)}" for what, labels in groups.items() if labels)
        + "."
    )


def _unmeasured(
    evaluated: EvaluatedSplit, dimension: Dimension, infos: Sequence[MeasureInfo], arms: tuple[str, str]
) -> Verdict:
    """The verdict on a dimension of which nothing can be compared, with what each of its measures lacks."""
    best, other = arms
    labels = {info.name: info.label for info in evaluated.measures if info.dimension == dimension}
    lacks = [absent for absent in evaluated.not_measured if absent.name in labels]
    if infos:
        lacks = [NotMeasured(name=infos[0].name, reason=f"Fewer than two users have it for both {best} and {other}.")]
    what, split = WORDS[dimension], evaluated.split
    sentence = f"{what} on {split} was not measured: the domain declares no such measure."
    if lacks:
        reasons = " ".join(f"{labels[lack.name]}: {lack.reason}" for lack in lacks)
        sentence = f"{what} on {split} was not measured. {reasons}"
    return Verdict(dimension=dimension, split=split, outcome="not measured", sentence=sentence, lacks=lacks)


def _measured(evaluated: EvaluatedSplit, name: str) -> dict[str, Measure]:
    return {arm.name: arm.measures[name] for arm in evaluated.arms if arm.slice == ALL and name in arm.measures}


def _figure(measure: Measure, settings: MeasureSettings) -> str:
    return f"{number(measure.mean)} ({100 * settings.confidence:g} % interval {interval(measure.low, measure.high)})"


def _p(p: float) -> str:
    text = p_value(p)
    return text if text.startswith("<") else f"= {text}"
