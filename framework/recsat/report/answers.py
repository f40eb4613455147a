"""The first screen: for each split the answer, the effect in plain words, and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scipy.special import ndtri

from recsat.contract.domain import Dimension
from recsat.measure.differences import smallest_shown
from recsat.report.fitness import reason
from recsat.report.headline import (
    ANSWERS,
    Answer,
    SplitHeadline,
    accuracy_of,
    attribution_of,
    confidence,
    confidence_level,
    divided_in_short,
    n_listed,
    not_measured,
    reservation,
    unanswered_sign,
)
from recsat.report.language import enumerated, gettext, in_catalogue
from recsat.report.missed import missed_of, missed_sentence, with_missed
from recsat.report.slice_differences import reversals_on
from recsat.result.model import Attribution, Outcome, Result, Share, Verdict
from recsat.result.numerals import share

MOST_IN_WORDS = 0.4
"""Difference of hit rates above which "one in every 2 lists" would be too coarse."""
MOST_NAMES = 4


@dataclass(frozen=True)
class SplitAnswer:
    """What the first screen says of a split."""

    split: str
    answer: Answer
    outcome: str
    effect: str
    """In plain words: how many lists more have a hit; or what stands in the place of an effect."""
    evidence: str
    """What was compared, by which measure, with its interval; empty where nothing was."""
    brief: str
    """The same for a small screen; what it leaves out stands with who leads."""
    pair: str
    """Which arm the other dimensions are about, and against whom; empty where there are none."""
    other_dimensions: list[Verdict]
    """Those that any split has numbers of; empty where the split has no answer to stand beside."""
    reversals: list[str]
    """Slices in which the difference has the other sign, a sentence each; likewise empty."""

    @property
    def text(self) -> str:
        """All sentences in one."""
        return _together(self.effect, self.evidence, *self.reversals)


def split_answers(result: Result, lines: Sequence[SplitHeadline]) -> list[SplitAnswer]:
    """One for each split, those that have an answer first."""
    return [_answer(result, line) for line in sorted(lines, key=lambda line: ANSWERS.index(line.answer))]


def missing_in_words(result: Result) -> str:
    """What has no number anywhere, by name; empty where everything was measured."""
    labels = measure_labels(result)
    names = [
        dimension_label(dimension)
        for dimension in ("behaviour", "business")
        if result.verdicts and all(v.outcome == "not measured" for v in result.verdicts if v.dimension == dimension)
    ]
    names += [labels.get(absent.name, absent.name) for absent in not_measured(result)]
    if not names:
        return ""
    rest = len(names) - MOST_NAMES
    if rest > 1:
        names = [*names[:MOST_NAMES], gettext("%(n)s more", n=rest)]
    return gettext("Not measured: %(names)s.", names=enumerated(names))


def measure_labels(result: Result) -> dict[str, str]:
    """What measures are called, by name; errors of predictions are measured beside the lists and have no measure of their own."""
    labels = {info.name: in_catalogue(info.label) for info in result.measures}
    return {
        "rating-error": gettext("Rating error"),
        "outcome-error": gettext("Click and conversion error"),
        "counterfactual-value": gettext("Clicks by the log"),
        **labels,
    }


def simulated_in_words() -> tuple[str, str]:
    """What simulated data are called, and what that means for every number."""
    return gettext("Simulated data."), gettext(
        "The users, items and events of this report come from a simulator. No number on this page describes real people."
    )


def dimension_label(dimension: Dimension | str) -> str:
    """``Business value``."""
    return {
        "accuracy": gettext("Accuracy"),
        "diversity": gettext("Diversity"),
        "behaviour": gettext("Behaviour"),
        "business": gettext("Business value"),
        "undescribed": gettext("Without a description"),
    }[dimension]


def outcome_label(outcome: str) -> str:
    """A verdict's outcome in words, without its sign."""
    return {
        "better": gettext("better"),
        "worse": gettext("worse"),
        "as good as": gettext("as good as"),
        "cannot tell": gettext("cannot tell"),
        "not shown": gettext("not shown"),
        "not measured": gettext("not measured"),
    }[outcome]


def verdict_label(verdict: Verdict) -> str:
    """Its outcome, with what could have been missed where nothing is shown."""
    return with_missed(outcome_label(verdict.outcome), missed_of(verdict.primary))


def detectable(of: Share, level: float) -> float | None:
    r"""Smallest difference that users of this spread would have shown four times in five, from the interval of half-width h.

    :math:`h \cdot (z_{(1+level)/2} + z_{0.8}) / z_{(1+level)/2}`, since the interval's ends are h from the mean.
    """
    if of.low is None or of.high is None:
        return None
    z = float(ndtri((1 + level) / 2))
    return smallest_shown((of.high - of.low) / 2 / z, confidence=level)


def _answer(result: Result, line: SplitHeadline) -> SplitAnswer:
    shares = attribution_of(result, line.split)
    effect, evidence, brief = line.sentence, "", ""
    if line.answer == "cannot answer":
        effect = next(reason(one) for one in result.fitness if one.split == line.split and not one.can_answer)
    elif shares is not None and shares.model_share is not None and line.answer != "not asked":
        effect = _effect(result, shares, line.answer)
        hits, missed = _lists_with_a_hit(result, shares, line), _missed(result, shares, shares.model_share, line)
        evidence = _together(hits, line.sentence, missed)
        brief = _together(hits, divided_in_short(result, shares), _doubt(result, shares, line, effect), missed)
    measured = {verdict.dimension for verdict in result.verdicts if verdict.outcome != "not measured"}
    others = [
        verdict
        for verdict in result.verdicts
        if evidence and verdict.split == line.split and verdict.dimension in measured - {"accuracy"}
    ]
    pair = next((one.primary for one in others if one.primary is not None), None)
    return SplitAnswer(
        split=line.split,
        answer=line.answer,
        outcome={
            "yes": gettext("yes"),
            "no": gettext("no"),
            "not shown": gettext("not shown"),
            "cannot answer": gettext("cannot answer"),
            "not asked": gettext("not asked"),
        }[line.answer],
        effect=effect,
        evidence=evidence,
        brief=brief,
        pair="" if pair is None else gettext("%(arm)s against %(other)s:", arm=pair.arm, other=pair.other),
        other_dimensions=others,
        reversals=reversals_on(result, line.split) if evidence else [],
    )


def _effect(result: Result, shares: Attribution, answer: Answer) -> str:
    """By the hit rate: one more list with a hit in every so many."""
    if answer == "not shown":
        accuracy = accuracy_of(result, shares.split)
        return _not_shown(None if accuracy is None else accuracy.outcome, unanswered_sign(shares))
    more = shares.more_hits
    if more is None:
        return (
            gettext("Lists hold more hits, or hits further up.")
            if answer == "yes"
            else gettext("Lists hold fewer hits, or hits further down.")
        )
    if not _has_sign(more, answer):
        return (
            gettext("That more lists have a hit is not shown, but hits are more or stand further up.")
            if answer == "yes"
            else gettext("That fewer lists have a hit is not shown, but hits are fewer or stand further down.")
        )
    n, low, high = (abs(value or 0.0) for value in (more.mean, more.low, more.high))
    ends = {"confidence": confidence(result)}
    if n > MOST_IN_WORDS:
        in_hundred = [f"{100 * value:.0f}" for value in (n, min(low, high), max(low, high))]
        ends |= dict(zip(("n", "low", "high"), in_hundred, strict=True))
        return (
            gettext("Of a hundred lists %(n)s more have a hit (%(confidence)s %(low)s to %(high)s).", **ends)
            if answer == "yes"
            else gettext("Of a hundred lists %(n)s fewer have a hit (%(confidence)s %(low)s to %(high)s).", **ends)
        )
    # The more lists have a hit, the fewer it takes for one more.
    ends |= dict(
        zip(("n", "low", "high"), (f"{round(1 / v):,}" for v in (n, max(low, high), min(low, high))), strict=True)
    )
    return (
        gettext("One more list with a hit in every %(n)s lists (%(confidence)s %(low)s to %(high)s).", **ends)
        if answer == "yes"
        else gettext("One list fewer with a hit in every %(n)s lists (%(confidence)s %(low)s to %(high)s).", **ends)
    )


def _has_sign(more: Share, answer: Answer) -> bool:
    """Whether the whole interval says what the answer does: only then is there a number of lists that holds one more."""
    if more.low is None or more.high is None:
        return False
    return more.low > 0 if answer == "yes" else more.high < 0


def _not_shown(outcome: Outcome | None, sign: Literal["yes", "no"] | None) -> str:
    """By the verdict on accuracy, or by the ``sign`` of the model's share where that is shown and is no answer all the same."""
    if outcome == "as good as":
        return gettext("As good as without the model, within what would be worth having.")
    if outcome == "cannot tell":
        return gettext("Which is better cannot be told.")
    if outcome == "not shown" or sign is None:
        return gettext("No difference is shown.")
    return {
        "yes": gettext("No difference is shown to be the model's."),
        "no": gettext("Behind, but it does not lead, so it costs nobody anything."),
    }[sign]


def hit_rate(result: Result, split: str, arm: str | None) -> float | None:
    """Share of the lists of an arm that have a hit; None where it was not measured."""
    name = f"hit@{n_listed(result)}"
    means = [
        one.measures[name].mean
        for one in result.arms
        if (one.name, one.split, one.slice) == (arm, split, "all") and name in one.measures
    ]
    return next(iter(means), None)


def _lists_with_a_hit(result: Result, shares: Attribution, line: SplitHeadline) -> str:
    """Empty where no effect is told."""
    with_model, without = (hit_rate(result, shares.split, arm) for arm in (shares.model, shares.without_model))
    if with_model is None or without is None or line.answer not in ("yes", "no"):
        return ""
    rates = gettext(
        "Lists with a hit: %(with_model)s by %(model)s, %(without)s by %(other)s.",
        with_model=share(with_model, 1),
        without=share(without, 1),
        model=shares.model,
        other=shares.without_model,
    )
    more = shares.more_hits
    if more is None or _has_sign(more, line.answer):
        return rates
    smallest = detectable(more, confidence_level(result) or 0.95)
    return rates if not smallest else _together(rates, missed_sentence(smallest))


def _doubt(result: Result, shares: Attribution, line: SplitHeadline, effect: str) -> str:
    """Why a share whose interval leaves out zero is no answer; empty where the ``effect`` has said it."""
    is_said = line.answer != "not shown" or effect == _not_shown(None, "no")
    return "" if is_said else reservation(result, shares)


def _together(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)


def _missed(result: Result, shares: Attribution, of_model: Share, line: SplitHeadline) -> str:
    """What could have been missed of the difference that is not shown; empty where one is shown, be it that it decides nothing."""
    if line.answer != "not shown":
        return ""
    accuracy, level = accuracy_of(result, shares.split), confidence_level(result) or 0.95
    smallest: float | None
    if accuracy is not None and accuracy.outcome not in ("better", "worse"):
        smallest = accuracy.detectable
    else:
        not_shown = {"yes": shares.over_twin, "no": None, None: of_model}[unanswered_sign(shares)]
        smallest = None if not_shown is None else detectable(not_shown, level)
    return missed_sentence(smallest) if smallest else ""
