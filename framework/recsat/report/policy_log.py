"""What a log beside the data of the run says of another policy, in words."""

from __future__ import annotations

from recsat.report.counterfactual import assumption, causes_in_words
from recsat.report.language import gettext, interval
from recsat.result.model import Estimate, PolicyLog
from recsat.result.numerals import decimals_for, number, signed


def policy_log_in_words(log: PolicyLog) -> str:
    """What the judged policy would have earned, or why the log cannot say it; and what it did earn, where that is known."""
    names = {"judged": log.judged.arm, "logged_by": log.logged_by}
    values = [one.value for one in (log.logging, log.judged.value, log.earned) if one is not None]
    places = decimals_for(values)
    sentences = [
        gettext("The log of %(logged_by)s cannot say what %(judged)s would have brought in.", **names)
        if log.reward == "value"
        else gettext("The log of %(logged_by)s cannot say what %(judged)s would have earned.", **names)
    ]
    if log.judged.value is not None:
        figures = {"value": _figure(log.judged.value, places), "logging": number(log.logging.value, places)}
        sentence = gettext(
            "By the log of %(logged_by)s, %(judged)s would have earned %(value)s clicks per exposure where %(logged_by)s earned %(logging)s.",
            **figures,
            **names,
        )
        if log.reward == "value":
            sentence = gettext(
                "By the log of %(logged_by)s, %(judged)s would have brought in %(value)s %(unit)s per exposure where %(logged_by)s brought in %(logging)s.",
                unit=log.unit or gettext("of value"),
                **figures,
                **names,
            )
        sentences = [sentence]
    if log.earned is not None:
        value = _figure(log.earned, places)
        sentences.append(
            gettext("Shown itself, %(judged)s brought in %(value)s.", value=value, **names)
            if log.reward == "value"
            else gettext("Shown itself, %(judged)s earned %(value)s.", value=value, **names)
        )
    gap = log.against_earned
    if gap is not None and gap.low is not None and gap.high is not None:
        sentences.append(
            gettext(
                "The log's figure differs from it by %(gap)s (%(ends)s).",
                gap=signed(gap.value),
                ends=interval(gap.low, gap.high, with_sign=True),
            )
        )
    return " ".join(part for part in (*sentences, causes_in_words(log, log.judged), assumption(log)) if part)


def _figure(one: Estimate, places: int) -> str:
    return f"{number(one.value, places)} ({interval(one.low, one.high, places)})"
