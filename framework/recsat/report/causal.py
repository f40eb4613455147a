"""The table of all evidence, in words: what stands behind a number, and why there is none."""

from __future__ import annotations

from collections.abc import Mapping

from recsat.report.language import gettext, in_catalogue, interval
from recsat.result.model import CausalCell
from recsat.result.numerals import decimals_for, signed


def cell_in_words(cell: CausalCell) -> str:
    """``+0.012 (−0.001 to +0.025), ndcg@10: held-out events``, or why there is nothing."""
    if cell.estimate is None:
        return lack_in_words(cell)
    one = cell.estimate
    places = decimals_for([one.value, one.low, one.high])
    ends = interval(one.low, one.high, places, with_sign=True)
    of_log = {
        "clicks per exposure": gettext("clicks per exposure"),
        "value per exposure": gettext("value per exposure"),
    }
    measure = of_log.get(cell.measure) or in_catalogue(cell.measure)
    return f"{signed(one.value, places)} ({ends}), {measure}: {standing(cell)}"


def standing(cell: CausalCell) -> str:
    """What an estimate stands on."""
    grounds: Mapping[str, str] = {
        "replay": gettext("held-out events, by assumed propensities") if cell.assumed else gettext("held-out events"),
        "log": gettext("off-policy, by assumed propensities")
        if cell.assumed
        else gettext("off-policy, by logged propensities"),
        "experiment": gettext("users assigned at random"),
    }
    words = [grounds[cell.evidence]]
    if cell.limited:
        words.append(gettext("within limits"))
    if cell.simulated:
        words.append(gettext("simulated"))
    return gettext(", ").join(words)


def lack_in_words(cell: CausalCell) -> str:
    """Why a kind of evidence says nothing of a dimension."""
    reasons: Mapping[str, str] = {
        "not measured": gettext("Not measured on this split."),
        "nothing held out": gettext("Accuracy is of held-out events; here nothing is held out."),
        "single places": gettext("The log is judged place by place, and diversity is of whole lists."),
        "clicks alone": gettext("The log is judged by its clicks, and knows no amounts."),
        "no log": gettext("No log of exposures with propensities and clicks after a cut in time."),
        "log refused": gettext("The log cannot answer for one of the two arms."),
        "no experiment": gettext("No experiment: nobody said that users were assigned at random (measure.experiment)."),
        "stopped": gettext("The experiment is stopped: its groups are not as chance makes them, or too small."),
        "other policies": gettext("The experiment compared other policies than these two arms."),
        "no metric": gettext("The experiment has no metric of it."),
    }
    return "" if cell.lack is None else reasons[cell.lack]
