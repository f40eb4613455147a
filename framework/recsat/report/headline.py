"""What a result says in words: who leads, who beats the baseline, and what of it is the language model's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from recsat.report.fitness import reason
from recsat.report.language import enumerated, gettext, in_catalogue, interval
from recsat.result.leading import leader, may_lead
from recsat.result.model import ArmResult, Attribution, Comparison, Measure, MeasureInfo, NotMeasured, Result, Share
from recsat.result.numerals import decimals_for, number, p_value, signed

Answer = Literal["yes", "no", "not shown", "not asked", "cannot answer"]
"""Does the language model help, against the best arm without it, words included? ``cannot answer`` where the split's data are not fit to."""
ANSWERS: tuple[Answer, ...] = ("yes", "no", "not shown", "cannot answer", "not asked")
"""In the order in which the report gives them."""
Direction = Literal["better", "worse", "different"]
Side = Literal["with the model", "words or nothing", "nothing"]


@dataclass(frozen=True)
class Contender:
    """The leading arm on one side of the question."""

    side: Side
    arm: str
    figure: str


@dataclass(frozen=True)
class SplitHeadline:
    """The headline of one split, on its lead measure."""

    split: str
    measure: MeasureInfo | None
    leader: str | None
    value: str
    answer: Answer
    sentence: str
    """Of the gain over reading nothing, what is the words' and what the language model's?"""
    contenders: list[Contender]
    """The arms that lead with the model, without it, and among those that read nothing, each once."""
    better: list[str]
    """Arms that are significantly better than the baseline on the lead measure."""
    worse: list[str]
    undecided: list[str]
    missed: dict[str, float | None]
    """Of those that are undecided, the smallest difference that would have been shown."""


def n_listed(result: Result) -> int | None:
    """Length of a list, from the run's configuration; None where it does not say."""
    rank = result.config.get("rank")
    k = rank.get("k") if isinstance(rank, dict) else None
    return k if isinstance(k, int) else None


def confidence(result: Result) -> str:
    """``95 % interval``, by the run's configuration; ``interval`` where it does not say the level."""
    level = confidence_level(result)
    return gettext("interval") if level is None else gettext("%(percent)s %% interval", percent=f"{100 * level:g}")


def confidence_level(result: Result) -> float | None:
    """Level of the intervals, from the run's configuration; None where it does not say."""
    measure = result.config.get("measure")
    level = measure.get("confidence") if isinstance(measure, dict) else None
    return level if isinstance(level, float) else None


def lead_measure(result: Result) -> MeasureInfo | None:
    """The measure that orders arms: nDCG at the list's length, else any nDCG, else the first of accuracy."""
    accuracy = [info for info in result.measures if info.dimension == "accuracy"]
    ndcg = [info for info in accuracy if info.name.startswith("ndcg")]
    at_k = [info for info in ndcg if info.name == f"ndcg@{n_listed(result)}"]
    return next(iter([*at_k, *ndcg, *accuracy]), None)


def diversity_measure(result: Result) -> MeasureInfo | None:
    """The measure that stands for diversity in the plot: distance inside a list, else the first where higher is better."""
    diversity = [info for info in result.measures if info.dimension == "diversity" and info.better != "neither"]
    inside = [info for info in diversity if info.name.startswith(("ild", "intra"))]
    higher = [info for info in diversity if info.better == "higher"]
    return next(iter([*inside, *higher, *diversity]), None)


def main_measures(result: Result) -> list[MeasureInfo]:
    """The few that stand for all: nDCG, the hit rate, one of diversity, coverage, and the first of behaviour and of business.

    A measure that no arm has a value of is left out; the report says why it has none.
    """
    valued = {name for arm in result.arms for name in arm.measures if mean_of(arm, name) is not None}
    infos = {info.name: info for info in result.measures if info.name in valued}
    hit = next((info for name, info in infos.items() if name.startswith("hit")), None)
    coverage = next((info for name, info in infos.items() if "coverage" in name), None)
    behaviour = next((info for info in infos.values() if info.dimension == "behaviour"), None)
    business = next((info for info in infos.values() if info.dimension == "business"), None)
    main_infos = [lead_measure(result), hit, diversity_measure(result), coverage, behaviour, business]
    return list({info.name: info for info in main_infos if info is not None}.values())


def not_measured(result: Result) -> list[NotMeasured]:
    """What has no number anywhere: what the run gives a reason for, and what is announced and then missing."""
    with_reason = {absent.name for absent in result.not_measured}
    with_value = {name for arm in result.arms for name in arm.measures}
    unexplained = [info.name for info in result.measures if info.name not in with_reason | with_value]
    return result.not_measured + [
        NotMeasured(name=name, reason=gettext("The run gives no reason.")) for name in unexplained
    ]


def arms_on(result: Result, split: str, slice_name: str = "all") -> list[ArmResult]:
    """Arms of a split (and slice), best first by the lead measure; arms without a value last, in the run's order."""
    arms = [arm for arm in result.arms if arm.split == split and arm.slice == slice_name]
    lead = lead_measure(result)
    if lead is None:
        return arms

    def place(arm: ArmResult) -> tuple[bool, float]:
        mean = mean_of(arm, lead.name)
        return mean is None, 0.0 if mean is None else _gain(mean, lead)

    return sorted(arms, key=place)


def leading(result: Result, arms: Sequence[ArmResult]) -> ArmResult | None:
    """Which of the ``arms`` of a split leads: the one that the run says, or by validation; None where that has no value.

    Controls that are there to fail never do.
    """
    leaders = {split.name: split.leader for split in result.splits}
    name = leaders.get(arms[0].split) if arms else None
    if name is None:
        failing = {info.name for info in result.arm_infos if not may_lead(info.control)}
        ndcg = {arm.name: arm.validation_ndcg for arm in arms if arm.name not in failing}
        if None in ndcg.values():
            return None
        name = leader(
            {arm: value for arm, value in ndcg.items() if value is not None}, result.baseline_on(arms[0].split)
        )
    return next((arm for arm in arms if arm.name == name), None)


def split_names(result: Result) -> list[str]:
    """Every split that the result has sizes or numbers of, in its order."""
    names = [split.name for split in result.splits] + [arm.split for arm in result.arms]
    return list(dict.fromkeys(names))


def mean_of(arm: ArmResult, measure: str) -> float | None:
    """An arm's mean, or None."""
    arm_measure = arm.measures.get(measure)
    return None if arm_measure is None else arm_measure.mean


def direction(arm: ArmResult, info: MeasureInfo) -> Direction | None:
    """Which way the arm differs significantly from the baseline; None where that is not shown."""
    difference = arm.differences.get(info.name)
    if difference is None or not difference.significant or not difference.mean:
        return None
    if info.better == "neither":
        return "different"
    return "better" if (difference.mean > 0) == (info.better == "higher") else "worse"


def headlines(result: Result) -> list[SplitHeadline]:
    """One headline for each split."""
    return [_headline(result, split) for split in split_names(result)]


def answer_in_words(lines: Sequence[SplitHeadline]) -> str:
    """Does a language model make these users more satisfied? A short sentence for each answer, with its splits."""
    where: dict[Answer, list[str]] = {}
    for line in lines:
        where.setdefault(line.answer, []).append(line.split)
    answers = [_answer_on(answer, enumerated(where[answer])) for answer in ANSWERS if answer in where]
    return " ".join(answers) or gettext("The run has no splits, so there is no answer.")


def _headline(result: Result, split: str) -> SplitHeadline:
    lead = lead_measure(result)
    ordered = [arm for arm in arms_on(result, split) if lead is not None and mean_of(arm, lead.name) is not None]
    if lead is None or not ordered:
        lack = (
            gettext("The run measured no accuracy.")
            if lead is None
            else gettext("No arm has a value of %(measure)s here.", measure=in_catalogue(lead.label))
        )
        return SplitHeadline(split, lead, None, "", "not asked", lack, [], [], [], [], {})
    first = leading(result, ordered)
    if first is None:
        lack = gettext("The run does not say how its arms did on validation, so none can be said to lead.")
        return SplitHeadline(split, lead, None, "", "not asked", lack, [], [], [], [], {})
    answer, sentence, contenders = _language(result, ordered, lead)
    unfit = next((one for one in result.fitness if one.split == split and not one.can_answer), None)
    if unfit is not None:
        answer = "cannot answer"
        sentence = gettext("This split cannot answer: %(reason)s", reason=reason(unfit)) + " " + sentence
    sides: dict[Direction | None, list[str]] = {"better": [], "worse": [], "different": [], None: []}
    for arm in ordered:
        if lead.name in arm.differences:
            sides[direction(arm, lead)].append(arm.name)
    value = _figure(first.measures[lead.name])
    undecided = sides[None] + sides["different"]
    missed = {
        arm.name: arm.differences[lead.name].detectable
        for arm in ordered
        if arm.name in undecided and lead.name in arm.differences
    }
    return SplitHeadline(
        split, lead, first.name, value, answer, sentence, contenders, sides["better"], sides["worse"], undecided, missed
    )


def _answer_on(answer: Answer, splits: str) -> str:
    return {
        "yes": gettext("Yes on %(splits)s.", splits=splits),
        "no": gettext("No on %(splits)s: it costs accuracy there.", splits=splits),
        "not shown": gettext("Not shown on %(splits)s.", splits=splits),
        "cannot answer": gettext("The data of %(splits)s cannot answer.", splits=splits),
        "not asked": gettext("On %(splits)s the question cannot be asked.", splits=splits),
    }[answer]


def attribution_of(result: Result, split: str) -> Attribution | None:
    """Whose the gain is on ``split``; None in results that do not say."""
    return next((one for one in result.attributions if one.split == split), None)


def _language(result: Result, ordered: Sequence[ArmResult], lead: MeasureInfo) -> tuple[Answer, str, list[Contender]]:
    """The answer of a split, its sentence, and the arms that it speaks of."""
    shares = attribution_of(result, ordered[0].split)
    if shares is None:
        return "not asked", gettext("The run does not say whose the gain is."), []
    arms = {arm.name: arm for arm in ordered}
    sides: list[tuple[Side, str | None]] = [
        ("with the model", shares.model),
        ("words or nothing", shares.without_model),
        ("nothing", shares.nothing),
    ]
    contenders: dict[str, Contender] = {}
    for side, name in sides:
        if name in arms:
            contenders[name] = Contender(side, name, _figure(arms[name].measures[lead.name]))
    if shares.gain is None or shares.words_share is None or shares.model_share is None:
        return "not asked", lack_in_words(result, shares), list(contenders.values())
    sentences = [_divided(result, shares, shares.gain, shares.words_share, shares.model_share, lead)]
    if shares.over_twin is not None and shares.twin != shares.without_model:
        sentences.append(
            gettext(
                "Against itself with words in the model's place: %(share)s.",
                share=_share(shares.over_twin, _places(shares.gain, shares.words_share, shares.model_share)),
            )
        )
    answer = _answer_of(shares, shares.model_share)
    if answer == "not shown":
        sentences.append(reservation(result, shares) or gettext("The model's share is not shown."))
    return answer, " ".join(sentences), list(contenders.values())


def _divided(
    result: Result, shares: Attribution, gain: Share, of_words: Share, of_model: Share, lead: MeasureInfo
) -> str:
    """The gain and its two parts, to as many decimals each."""
    places = _places(gain, of_words, of_model)
    words_part = gettext("nothing is the words'")
    if shares.without_model != shares.nothing:
        words_part = gettext(
            "%(share)s is the words' (%(arm)s)", share=_share(of_words, places), arm=shares.without_model
        )
    return gettext(
        "Of the %(gain)s that %(model)s gains in %(measure)s over %(nothing)s, which reads nothing, %(words_part)s, %(share)s the language model's "
        "(%(n)s users, %(confidence)s).",
        model=shares.model,
        measure=in_catalogue(lead.label),
        nothing=shares.nothing,
        gain=signed(gain.mean, places),
        confidence=confidence(result),
        n=f"{gain.n_users:,}",
        words_part=words_part,
        share=_share(of_model, places),
    )


def divided_in_short(result: Result, shares: Attribution) -> str:
    """The gain and its two parts in one short sentence; empty where the gain is not divided."""
    lead = lead_measure(result)
    if lead is None or shares.gain is None or shares.words_share is None or shares.model_share is None:
        return ""
    places = _places(shares.gain, shares.words_share, shares.model_share)
    words_part = gettext("nothing is the words'")
    if shares.without_model != shares.nothing:
        words_part = gettext("%(share)s is the words'", share=_share(shares.words_share, places))
    return gettext(
        "Of the %(gain)s of %(model)s over %(nothing)s (reads nothing) in %(measure)s, %(words_part)s, %(share)s the model's (%(n)s users, %(confidence)s).",
        gain=signed(shares.gain.mean, places),
        model=shares.model,
        nothing=shares.nothing,
        measure=in_catalogue(lead.label),
        words_part=words_part,
        share=_share(shares.model_share, places),
        n=f"{shares.gain.n_users:,}",
        confidence=confidence(result),
    )


def accuracy_of(result: Result, split: str) -> Comparison | None:
    """What the verdict on accuracy compares, which is what the answer is by; None in results that do not say."""
    of_split = (one for one in result.verdicts if (one.split, one.dimension) == (split, "accuracy"))
    return next((one.primary for one in of_split), None)


def reservation(result: Result, shares: Attribution) -> str:
    """Why a share of the model whose interval leaves out zero is no answer; empty where it is one, or where the interval does not."""
    sign, accuracy = unanswered_sign(shares), accuracy_of(result, shares.split)
    if sign is not None and accuracy is not None and accuracy.outcome not in ("better", "worse"):
        return gettext(
            "The interval of the model's share leaves out zero, but is not corrected for the other dimensions that are tested with it: p %(p)s, "
            "so the share is not shown.",
            p=p_in_words(accuracy.p_adjusted),
        )
    return {
        "yes": gettext(
            "The model's share is shown, but not that %(model)s is ahead of itself with words in the model's place, so the model is not said to help.",
            model=shares.model,
        ),
        "no": gettext(
            "The model's share lies below 0, but %(model)s does not lead on validation, so nobody would serve it.",
            model=shares.model,
        ),
        None: "",
    }[sign]


def unanswered_sign(shares: Attribution) -> Literal["yes", "no"] | None:
    """What the model's share alone would say, where the run's answer is that nothing is shown all the same."""
    if shares.answer != "not shown" or shares.model_share is None:
        return None
    sign = _sign(shares.model_share)
    return None if sign == "not shown" else sign


def lack_in_words(result: Result, shares: Attribution) -> str:
    """Why the gain of a split is not divided, from what the result holds of it; the run's own sentence where that does not say."""
    reads = {info.name: info.reads for info in result.arm_infos if may_lead(info.control)}
    arms = {arm.name for arm in arms_on(result, shares.split)} & reads.keys()
    rank = result.config.get("rank")
    reranker = rank.get("reranker") if isinstance(rank, dict) else None
    if arms and not any(reads[arm] == "language model" for arm in arms):
        return gettext("No arm with lists on %(split)s reads with a language model.", split=shares.split)
    if arms and reranker is not None:
        return gettext(
            "The lists were reranked by %(reranker)s, which may read for every arm, so the gain cannot be divided.",
            reranker=reranker,
        )
    if arms and shares.nothing is None:
        return gettext(
            "Every arm with lists on %(split)s reads texts, so there is no gain over reading nothing.",
            split=shares.split,
        )
    if arms and shares.model is None:
        return gettext(
            "No arm with lists on %(split)s reads words where another reads with a model, so words and model cannot be told apart: "
            "add words to measure.controls.",
            split=shares.split,
        )
    return shares.lack


def _gain(mean: float, info: MeasureInfo) -> float:
    """Sort key: smaller is better."""
    return mean if info.better == "lower" else -mean


def _answer_of(shares: Attribution, of_model: Share) -> Answer:
    """The run's own answer; in results that have none, by the model's share alone."""
    answers: dict[str, Answer] = {"helps": "yes", "costs": "no", "not shown": "not shown"}
    return _sign(of_model) if shares.answer is None else answers[shares.answer]


def _sign(share: Share) -> Literal["yes", "no", "not shown"]:
    """By the interval: paired, on the same users, of arms that were picked on validation."""
    if share.low is not None and share.low > 0:
        return "yes"
    return "no" if share.high is not None and share.high < 0 else "not shown"


def _share(share: Share, places: int) -> str:
    if share.low is None or share.high is None:
        return gettext("%(share)s (no interval: too few users differ)", share=signed(share.mean, places))
    return f"{signed(share.mean, places)} ({interval(share.low, share.high, places, with_sign=True)})"


def _places(*shares: Share) -> int:
    """Decimals of the numbers of one sentence."""
    return decimals_for(end for share in shares for end in (share.mean, share.low, share.high))


def p_in_words(p: float) -> str:
    """``= 0.055``, ``<0.001``."""
    text = p_value(p)
    return text if text.startswith("<") else f"= {text}"


def _figure(measure: Measure) -> str:
    return f"{number(measure.mean)} ({interval(measure.low, measure.high)})"
