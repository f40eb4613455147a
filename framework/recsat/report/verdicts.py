"""A verdict in words: the pair that it compares, its primary measure, the baseline, and the measures beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from recsat.report.answers import dimension_label, outcome_label
from recsat.report.headline import confidence
from recsat.report.language import gettext, in_catalogue, interval
from recsat.result.model import Comparison, Measure, Outcome, Result, Verdict
from recsat.result.numerals import number, p_value, signed


def verdict_in_words(result: Result, verdict: Verdict) -> str:
    """Sentences made from what the verdict compares, or from what its measures lack."""
    lead = verdict.primary
    if lead is None:
        return _unmeasured(result, verdict) if verdict.lacks else in_catalogue(verdict.sentence)
    of_arm = _measure(result, verdict.split, lead.arm, lead.measure)
    sentences = [
        gettext(
            "%(dimension)s on %(split)s: %(arm)s, which leads on validation among arms with a language model, has %(measure)s %(value)s.",
            dimension=dimension_label(verdict.dimension),
            split=verdict.split,
            arm=lead.arm,
            measure=_label(result, lead.measure),
            value=_figure(result, of_arm),
        ),
        gettext(
            "Against %(arm)s, which leads there among those without (%(value)s), %(comparison)s.",
            arm=lead.other,
            value=_mean(result, verdict.split, lead.other, lead.measure),
            comparison=comparison_in_words(lead),
        ),
        _against_baseline(result, verdict, lead),
    ]
    if verdict.others:
        sentences.append(_others(result, verdict.others))
    if verdict.assumed:
        model = next(info.propensity_model for info in result.measures if info.name in verdict.assumed)
        sentences.append(gettext("Propensities assumed: %(model)s.", model=model))
    return " ".join(sentences)


def _unmeasured(result: Result, verdict: Verdict) -> str:
    head = gettext(
        "%(dimension)s on %(split)s was not measured.",
        dimension=dimension_label(verdict.dimension),
        split=verdict.split,
    )
    reasons = [
        gettext("%(measure)s: %(reason)s", measure=_label(result, lack.name), reason=in_catalogue(lack.reason))
        for lack in verdict.lacks
    ]
    return " ".join([head, *reasons])


def comparison_in_words(comparison: Comparison) -> str:
    """A clause: the outcome, the difference and how sure it is, and what could have been missed."""
    low, high = comparison.low, comparison.high
    clauses = [
        gettext(
            "%(outcome)s: %(difference)s (%(ends)s; p %(p)s; %(n)s users)",
            outcome=_outcome_clause(comparison.outcome),
            difference=signed(comparison.mean),
            ends=interval(low, high, with_sign=True),
            p=_p(comparison.p_adjusted),
            n=f"{comparison.n_users:,}",
        )
    ]
    if comparison.outcome in ("not shown", "cannot tell"):
        if low is not None and high is not None and (low > 0 or high < 0):
            clauses.append(gettext(", although the interval, which is not corrected, leaves out zero"))
        if comparison.detectable is not None:
            clauses.append(
                gettext(
                    "; a difference below %(smallest)s would have been missed one time in five",
                    smallest=number(comparison.detectable),
                )
            )
    return "".join(clauses)


def _against_baseline(result: Result, verdict: Verdict, lead: Comparison) -> str:
    baseline = result.baseline_on(verdict.split)
    if verdict.against_baseline is not None:
        return gettext(
            "Against the baseline %(arm)s (%(value)s), exploratory: %(comparison)s.",
            arm=baseline,
            value=_mean(result, verdict.split, baseline, lead.measure),
            comparison=comparison_in_words(verdict.against_baseline),
        )
    if baseline in (lead.arm, lead.other):
        return gettext("%(arm)s is also the baseline.", arm=baseline)
    return gettext("The baseline %(arm)s has no value here.", arm=baseline)


def _others(result: Result, comparisons: Sequence[Comparison]) -> str:
    """Secondary measures: listed, and never deciding."""
    by_outcome = {
        outcome: [_label(result, one.measure) for one in comparisons if one.outcome == outcome]
        for outcome in get_args(Outcome)
    }
    groups = [
        gettext("%(outcome)s %(measures)s", outcome=outcome_label(outcome), measures=gettext(", ").join(labels))
        for outcome, labels in by_outcome.items()
        if labels
    ]
    if by_outcome["better"] and by_outcome["worse"]:
        return gettext("Other measures, exploratory: mixed, %(groups)s.", groups=gettext("; ").join(groups))
    return gettext("Other measures, exploratory: %(groups)s.", groups=gettext("; ").join(groups))


def _outcome_clause(outcome: Outcome) -> str:
    return {
        "better": gettext("it is better"),
        "worse": gettext("it is worse"),
        "as good as": gettext("it is as good as that, within what would be worth having"),
        "cannot tell": gettext("which is better cannot be told"),
        "not shown": gettext("a difference is not shown"),
        "not measured": gettext("it was not measured"),
    }[outcome]


def _measure(result: Result, split: str, arm: str, name: str) -> Measure | None:
    arms = (one for one in result.arms if (one.name, one.split, one.slice) == (arm, split, "all"))
    return next((one.measures[name] for one in arms if name in one.measures), None)


def _mean(result: Result, split: str, arm: str, name: str) -> str:
    measure = _measure(result, split, arm, name)
    return number(None if measure is None else measure.mean)


def _figure(result: Result, measure: Measure | None) -> str:
    """``0.354 (95 % interval 0.306–0.405)``."""
    if measure is None:
        return number(None)
    return gettext(
        "%(mean)s (%(confidence)s %(ends)s)",
        mean=number(measure.mean),
        confidence=confidence(result),
        ends=interval(measure.low, measure.high),
    )


def _label(result: Result, name: str) -> str:
    return in_catalogue(next((info.label for info in result.measures if info.name == name), name))


def _p(p: float) -> str:
    text = p_value(p)
    return text if text.startswith("<") else f"= {text}"
