"""The answer in words: is the leading arm with a language model better, for each dimension of one split?

Two arms are picked once, by nDCG@k on the validation part (:mod:`recsat.result.leading`): the one that leads among those that read
with a language model and the one that leads among those that do not. The same pair is compared in every dimension, since nobody serves one arm
for its accuracy and another for its diversity. p-values are Holm-corrected over *all* pairs of an arm with a language model and one without,
and over all measures that the verdicts speak of.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from recsat.config.settings import MeasureSettings
from recsat.contract.domain import Dimension
from recsat.measure.accuracy import Values
from recsat.measure.attribution import values_by_arm
from recsat.measure.differences import difference_intervals
from recsat.measure.evaluate import EvaluatedSplit
from recsat.measure.intervals import Intervals
from recsat.measure.measures import key_of
from recsat.measure.score import ALL
from recsat.measure.significance import holm, sign_flip_test
from recsat.result.leading import leader
from recsat.result.model import Measure, MeasureInfo, Verdict
from recsat.result.numerals import interval, number, p_value, signed

Outcome = Literal["better", "worse", "not shown", "not measured"]
WORDS: Mapping[Dimension, str] = {
    "accuracy": "Accuracy",
    "diversity": "Diversity",
    "behaviour": "Behaviour",
    "business": "Business value",
}
DIVERSITY_LEADS = ("ild", "topic-ild", "novelty")


@dataclass(frozen=True)
class Comparison:
    """One arm against another on one measure, over the users who have both."""

    arm: str
    other: str
    info: MeasureInfo
    mean: float
    low: float | None
    high: float | None
    p: float
    n_users: int
    outcome: Outcome


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
    best, other, lack = _pick(evaluated, validation_ndcg, language, settings.baseline)
    if lack:
        return [
            Verdict(dimension=dimension, split=evaluated.split, outcome="not measured", sentence=lack)
            for dimension in get_args(Dimension)
        ]
    subjects = {dimension: _subjects(evaluated, dimension) for dimension in get_args(Dimension)}
    all_infos = [info for infos in subjects.values() for info in infos]
    compared = _compare_all(evaluated, validation_ndcg, language, all_infos, settings, seed)
    return [
        _verdict(evaluated, dimension, infos, compared, (best, other), settings)
        for dimension, infos in subjects.items()
    ]


def _pick(
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


def _subjects(evaluated: EvaluatedSplit, dimension: Dimension) -> list[MeasureInfo]:
    """The measures that a dimension's verdict speaks of, its lead first; empty where none was measured.

    Accuracy: nDCG@k. Diversity: intra-list diversity, else that over topics, else novelty. The others: all of the
    domain's measures with a direction, in its order.
    """
    missing = {absent.name for absent in evaluated.not_measured}
    infos = [
        info
        for info in evaluated.measures
        if info.dimension == dimension and info.name not in missing and info.better != "neither"
    ]
    if dimension == "accuracy":
        return [info for info in infos if info.name == key_of("ndcg", evaluated.k)]
    if dimension == "diversity":
        leads = [key_of(name, evaluated.k) for name in DIVERSITY_LEADS]
        return sorted((info for info in infos if info.name in leads), key=lambda info: leads.index(info.name))[:1]
    return infos


def _compare_all(
    evaluated: EvaluatedSplit,
    arms: Collection[str],
    language: Collection[str],
    infos: Sequence[MeasureInfo],
    settings: MeasureSettings,
    seed: int,
) -> dict[tuple[str, str, str], Comparison]:
    """Every arm with a language model against every arm without and against the baseline, by (arm, other, measure)."""
    keys: list[tuple[str, str, MeasureInfo]] = []
    columns: list[Values] = []
    for info in infos:
        values = {arm: of_arm for arm, of_arm in values_by_arm(evaluated, info.name).items() if arm in arms}
        for arm in (arm for arm in values if arm in language):
            for other in (other for other in values if other != arm):
                if other not in language or other == settings.baseline:
                    keys.append((arm, other, info))
                    columns.append(values[arm] - values[other])
    if not columns:
        return {}
    differences = np.column_stack(columns)
    intervals = difference_intervals(
        differences, confidence=settings.confidence, n_bootstrap=settings.n_bootstrap, seed=seed
    )
    p = holm(sign_flip_test(differences))
    return {
        (arm, other, info.name): Comparison(
            arm=arm,
            other=other,
            info=info,
            mean=float(intervals.mean[i]),
            low=_known(intervals.low[i]),
            high=_known(intervals.high[i]),
            p=float(p[i]),
            n_users=int(intervals.n_users[i]),
            outcome=_outcome(intervals, i, float(p[i]), info, settings),
        )
        for i, (arm, other, info) in enumerate(keys)
        if not np.isnan(p[i])
    }


def _outcome(intervals: Intervals, i: int, p: float, info: MeasureInfo, settings: MeasureSettings) -> Outcome:
    """Better or worse only where the corrected test and the interval both say so."""
    mean, low, high = float(intervals.mean[i]), intervals.low[i], intervals.high[i]
    if p > 1 - settings.confidence or not (low > 0 or high < 0):
        return "not shown"
    return "better" if (mean > 0) == (info.better == "higher") else "worse"


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
        sentence = _reason_not_measured(evaluated, dimension, infos, arms)
        return Verdict(dimension=dimension, split=evaluated.split, outcome="not measured", sentence=sentence)
    lead = comparisons[0]
    means = _measured(evaluated, lead.info.name)
    sentence = (
        f"{WORDS[dimension]} on {evaluated.split}: {best}, which leads on validation among arms with a language model, has {lead.info.label} "
        f"{_figure(means[best], settings)}. Against {other}, which leads there among those without ({number(means[other].mean)}), {_comparison_in_words(lead)}."
    )
    against = compared.get((best, settings.baseline, lead.info.name))
    if against and settings.baseline != other:
        sentence += f" Against the baseline {settings.baseline} ({number(means[settings.baseline].mean)}), {_comparison_in_words(against)}."
    elif settings.baseline == other:
        sentence += f" {other} is also the baseline."
    elif settings.baseline == best:
        sentence += f" {best} is also the baseline."
    else:
        sentence += f" The baseline {settings.baseline} has no value here."
    sentence += _others(comparisons[1:]) + f" (p-values corrected for {len(compared)} comparisons.)"
    return Verdict(dimension=dimension, split=evaluated.split, outcome=_overall(comparisons), sentence=sentence)


def _overall(comparisons: Sequence[Comparison]) -> Outcome:
    """Better where some measure is and none is worse; worse the other way round; else not shown."""
    outcomes = {comparison.outcome for comparison in comparisons}
    if {"better", "worse"} <= outcomes:
        return "not shown"
    return "better" if "better" in outcomes else "worse" if "worse" in outcomes else "not shown"


def _comparison_in_words(comparison: Comparison) -> str:
    words = {"better": "it is better", "worse": "it is worse"}.get(comparison.outcome, "a difference is not shown")
    low, high = comparison.low, comparison.high
    clause = (
        f"{words}: {signed(comparison.mean)} ({interval(low, high, with_sign=True)}; p {_p(comparison.p)}; "
        f"{comparison.n_users:,} users)"
    )
    if comparison.outcome == "not shown" and low is not None and high is not None and (low > 0 or high < 0):
        clause += ", although the interval, which is not corrected, leaves out zero"
    return clause


def _others(comparisons: Sequence[Comparison]) -> str:
    if not comparisons:
        return ""
    groups = {
        outcome: [c.info.label for c in comparisons if c.outcome == outcome]
        for outcome in ("better", "worse", "not shown")
    }
    return (
        " Of the other measures: "
        + "; ".join(f"{what} {', '.join(labels)}" for what, labels in groups.items() if labels)
        + "."
    )


def _reason_not_measured(
    evaluated: EvaluatedSplit, dimension: Dimension, infos: Sequence[MeasureInfo], arms: tuple[str, str]
) -> str:
    head = f"{WORDS[dimension]} on {evaluated.split} was not measured"
    if infos:
        return f"{head}: fewer than two users have {infos[0].label} for both {arms[0]} and {arms[1]}."
    labels = {info.name: info.label for info in evaluated.measures if info.dimension == dimension}
    reasons = [f"{labels[absent.name]}: {absent.reason}" for absent in evaluated.not_measured if absent.name in labels]
    return f"{head}. {' '.join(reasons)}" if reasons else f"{head}: the domain declares no such measure."


def _measured(evaluated: EvaluatedSplit, name: str) -> dict[str, Measure]:
    return {arm.name: arm.measures[name] for arm in evaluated.arms if arm.slice == ALL and name in arm.measures}


def _figure(measure: Measure, settings: MeasureSettings) -> str:
    return f"{number(measure.mean)} ({100 * settings.confidence:g} % interval {interval(measure.low, measure.high)})"


def _p(p: float) -> str:
    text = p_value(p)
    return text if text.startswith("<") else f"= {text}"
