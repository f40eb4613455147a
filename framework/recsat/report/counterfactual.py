"""What the log says the arms would have earned, in words."""

from __future__ import annotations

from collections.abc import Mapping

from recsat.offpolicy.diagnosis import SENTENCES, SENTENCES_OF_AMOUNTS, figures
from recsat.report.language import gettext, in_catalogue, interval
from recsat.result.model import Counterfactual, CounterfactualValue, PolicyLog, Result, TargetPolicy
from recsat.result.numerals import decimals_for, number, signed


def answer_label(answer: str) -> str:
    """Whether a log answers, as a heading."""
    labels: Mapping[str, str] = {
        "answers": gettext("it can answer"),
        "limited": gettext("within limits"),
        "refused": gettext("it cannot answer"),
    }
    return labels[answer]


def causes_in_words(log: Counterfactual | PolicyLog, value: CounterfactualValue) -> str:
    """Why the log does not answer of an arm or policy, or within limits only; empty where it does."""
    words = figures(log.n, value.effective_rounds, value.effective_clicks, value.mean_weight)
    sentences = SENTENCES_OF_AMOUNTS if _of_amounts(log) else SENTENCES
    return " ".join(gettext(sentences[cause], **words) for cause in value.causes)


def reward_label(log: Counterfactual | PolicyLog) -> str:
    """What a number of the log is, as a heading."""
    if not _of_amounts(log):
        return gettext("Clicks per exposure")
    return (
        gettext("Value per exposure (%(unit)s)", unit=in_catalogue(log.unit))
        if log.unit
        else gettext("Value per exposure")
    )


def _of_amounts(log: Counterfactual | PolicyLog) -> bool:
    return log.reward == "value"


def target_in_words(target: TargetPolicy) -> str:
    """As which policy an arm is judged, and what of it follows for the overlap."""
    sentences = {
        "list": gettext("Each place shows one of the arm’s list, each item as likely."),
        "softmax": gettext(
            "Each place shows one of the arm’s list, the item at place r with a probability in proportion to exp(−r / %(temperature)s).",
            temperature=f"{target.temperature or 0:g}",
        ),
        "deterministic": gettext(
            "Each place shows the item at that place of the arm’s list, always. Such a policy overlaps with the log only where this happened to show the same item at the same place: few exposures say anything of it, and each "
            "weighs much. A policy that leaves something to chance (measure.target) is another one, and the log says more of it."
        ),
    }
    words = [sentences[target.policy]]
    if target.epsilon:
        words.append(
            gettext(
                "With probability %(epsilon)s it shows any item of the catalogue instead, each as likely.",
                epsilon=f"{target.epsilon:g}",
            )
        )
    return " ".join(words)


def counterfactual_in_words(result: Result, log: Counterfactual) -> str:
    """Of the arm that leads on the split: what it would have earned, or why the log cannot say it."""
    leader = next((split.leader for split in result.splits if split.name == log.split), None)
    one = next((value for value in log.arms if value.arm == leader), log.arms[0])
    if one.value is None or one.against_logging is None:
        refusal = (
            gettext("The log cannot say what %(arm)s would have brought in.", arm=one.arm)
            if _of_amounts(log)
            else gettext("The log cannot say what %(arm)s would have earned.", arm=one.arm)
        )
        sentences = [refusal]
    else:
        places = decimals_for([one.value.value, log.logging.value])
        figures_of_arm = {
            "arm": one.arm,
            "value": number(one.value.value, places),
            "ends": interval(one.value.low, one.value.high, places),
            "logging": number(log.logging.value, places),
            "difference": signed(one.against_logging.value, places),
            "ends_of_difference": interval(one.against_logging.low, one.against_logging.high, places, with_sign=True),
        }
        if _of_amounts(log):
            sentence = gettext(
                "By the log, %(arm)s would have brought in %(value)s %(unit)s per exposure (%(ends)s) where %(logging)s came in: "
                "a difference of %(difference)s (%(ends_of_difference)s).",
                unit=in_catalogue(log.unit),
                **figures_of_arm,
            )
        else:
            sentence = gettext(
                "By the log, %(arm)s would have earned %(value)s clicks per exposure (%(ends)s) where %(logging)s were earned: "
                "a difference of %(difference)s (%(ends_of_difference)s).",
                **figures_of_arm,
            )
        sentences = [sentence]
    if log.target != TargetPolicy():
        sentences.append(target_in_words(log.target))
    return " ".join(part for part in (*sentences, causes_in_words(log, one), assumption(log)) if part)


def assumption(log: Counterfactual | PolicyLog) -> str:
    """That propensities are assumed, and by which model; empty where they were logged."""
    if not log.propensity_model:
        return ""
    return gettext("Evidence: assumed. Propensities were not logged: %(model)s.", model=log.propensity_model)
