"""A verdict in words: the pair that it compares, its primary measure, the baseline, and the measures beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from recsat.measure.differences import FEW_EFFECTIVE
from recsat.report.answers import dimension_label, outcome_label
from recsat.report.headline import confidence, p_in_words
from recsat.report.language import gettext, in_catalogue, interval
from recsat.report.missed import UNDECIDED, missed, missed_of
from recsat.result.model import Comparison, Measure, Outcome, Result, Verdict
from recsat.result.numerals import number, signed


def verdict_in_words(result: Result, verdict: Verdict) -> str:
    """Sentences made from what the verdict compares, or from what its measures lack."""
    lead = verdict.primary
    if lead is None:
        return in_catalogue(verdict.lack) or _unmeasured(result, verdict)
    sentences = [
        gettext(
            "%(dimension)s on %(split)s: %(arm)s, which leads on validation among arms with a language model, has %(measure)s %(value)s, "
            "%(other)s, which leads there among those without, %(other_value)s; %(comparison)s.",
            dimension=dimension_label(verdict.dimension),
            split=verdict.split,
            arm=lead.arm,
            measure=_label(result, lead.measure),
            value=_mean(result, verdict.split, lead, lead.arm),
            other=lead.other,
            other_value=_mean(result, verdict.split, lead, lead.other),
            comparison=comparison_in_words(result, lead),
        ),
        _condition(result, verdict.split, lead),
        _against_baseline(result, verdict, lead),
        _others(result, verdict.others),
    ]
    if verdict.assumed:
        model = next(info.propensity_model for info in result.measures if info.name in verdict.assumed)
        sentences.append(gettext("Propensities assumed: %(model)s.", model=model))
    return " ".join(filter(None, sentences))


def _condition(result: Result, split: str, lead: Comparison) -> str:
    """Whom the means are over, where that is not everybody who was judged."""
    judged = max(
        (
            measure.n_users
            for arm in result.arms
            if (arm.name, arm.split, arm.slice) == (lead.arm, split, "all")
            for measure in arm.measures.values()
        ),
        default=0,
    )
    if lead.n_users >= judged:
        return ""
    return gettext(
        "That is conditional: over the %(n)s of %(judged)s users for whom both arms have a value.",
        n=f"{lead.n_users:,}",
        judged=f"{judged:,}",
    )


def _unmeasured(result: Result, verdict: Verdict) -> str:
    if not verdict.lacks:
        return gettext(
            "%(dimension)s on %(split)s was not measured: the domain declares no such measure.",
            dimension=dimension_label(verdict.dimension),
            split=verdict.split,
        )
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


def comparison_in_words(result: Result, comparison: Comparison) -> str:
    """A clause: the outcome, the difference and how sure it is, and what could have been missed."""
    low, high = comparison.low, comparison.high
    clauses = [
        gettext(
            "%(outcome)s: %(difference)s (%(confidence)s %(ends)s; p %(p)s; %(n)s users)",
            outcome=_outcome_clause(comparison.outcome),
            difference=signed(comparison.mean),
            confidence=confidence(result),
            ends=interval(low, high, with_sign=True),
            p=p_in_words(comparison.p_adjusted),
            n=f"{comparison.n_users:,}",
        )
    ]
    if comparison.outcome in UNDECIDED:
        if low is not None and high is not None and (low > 0 or high < 0):
            clauses.append(gettext(", although the interval, which is not corrected, leaves out zero"))
        if comparison.detectable is not None:
            clauses.append(gettext("; ") + missed(comparison.detectable))
    carried_by = comparison.effective_users
    if carried_by is not None and 0 < carried_by < FEW_EFFECTIVE:
        clauses.append(
            gettext("; %(n)s users carry it, too few for its interval and p to be sure", n=number(carried_by, 0))
        )
    return "".join(clauses)


def _against_baseline(result: Result, verdict: Verdict, lead: Comparison) -> str:
    baseline = result.baseline_on(verdict.split)
    if verdict.against_baseline is not None:
        return gettext(
            "Against the baseline %(arm)s (%(value)s), exploratory: %(comparison)s.",
            arm=baseline,
            value=_mean(result, verdict.split, verdict.against_baseline, baseline),
            comparison=comparison_in_words(result, verdict.against_baseline),
        )
    if baseline in (lead.arm, lead.other):
        return gettext("%(arm)s is also the baseline.", arm=baseline)
    return gettext("The baseline %(arm)s has no value here.", arm=baseline)


def _others(result: Result, comparisons: Sequence[Comparison]) -> str:
    """Secondary measures: listed, and never deciding; empty without any."""
    by_outcome = {
        outcome: [_other(result, one) for one in comparisons if one.outcome == outcome] for outcome in get_args(Outcome)
    }
    groups = gettext("; ").join(
        gettext("%(outcome)s %(measures)s", outcome=outcome_label(outcome), measures=gettext(", ").join(labels))
        for outcome, labels in by_outcome.items()
        if labels
    )
    if not groups:
        return ""
    if by_outcome["better"] and by_outcome["worse"]:
        return gettext("Other measures, exploratory: mixed, %(groups)s.", groups=groups)
    return gettext("Other measures, exploratory: %(groups)s.", groups=groups)


def _other(result: Result, one: Comparison) -> str:
    label, smallest = _label(result, one.measure), missed_of(one)
    if smallest is None:
        return label
    return gettext("%(measure)s (%(missed)s)", measure=label, missed=missed(smallest))


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


def _mean(result: Result, split: str, comparison: Comparison, arm: str) -> str:
    """The arm's mean over the users compared; its own in results that do not have that."""
    mean = comparison.mean_arm if arm == comparison.arm else comparison.mean_other
    measure = _measure(result, split, arm, comparison.measure)
    return number(mean if mean is not None or measure is None else measure.mean)


def _label(result: Result, name: str) -> str:
    return in_catalogue(next((info.label for info in result.measures if info.name == name), name))
