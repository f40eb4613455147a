"""What a result says in words: who leads, who beats the baseline, and what of it is the language model's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from recsat.result.leading import leader, may_lead
from recsat.result.model import ArmResult, Attribution, Measure, MeasureInfo, NotMeasured, Result, Share
from recsat.result.numerals import interval, number, signed

Answer = Literal["yes", "no", "not shown", "not asked"]
"""Does the language model help, against the best arm without it, words included?"""
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


def enumerated(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def n_listed(result: Result) -> int | None:
    """Length of a list, from the run's configuration; None where it does not say."""
    rank = result.config.get("rank")
    k = rank.get("k") if isinstance(rank, dict) else None
    return k if isinstance(k, int) else None


def confidence(result: Result) -> str:
    """``95 % interval``, by the run's configuration; ``interval`` where it does not say the level."""
    measure = result.config.get("measure")
    level = measure.get("confidence") if isinstance(measure, dict) else None
    return f"{100 * level:g} % interval" if isinstance(level, float) else "interval"


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


def not_measured(result: Result) -> list[NotMeasured]:
    """What has no number anywhere: what the run gives a reason for, and what is announced and then missing."""
    with_reason = {absent.name for absent in result.not_measured}
    with_value = {name for arm in result.arms for name in arm.measures}
    unexplained = [info.name for info in result.measures if info.name not in with_reason | with_value]
    return result.not_measured + [NotMeasured(name=name, reason="The run gives no reason.") for name in unexplained]


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
        name = leader({arm: value for arm, value in ndcg.items() if value is not None}, result.baseline)
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
    """Does the language model help? One or two sentences over all splits."""
    where: dict[Answer, list[str]] = {"yes": [], "no": [], "not shown": [], "not asked": []}
    for line in lines:
        where[line.answer].append(line.split)
    sentences = []
    if where["yes"]:
        sentences.append(f"The language model helps on {enumerated(where['yes'])}.")
    if where["no"]:
        sentences.append(f"It costs accuracy on {enumerated(where['no'])}.")
        if not where["yes"]:
            sentences[-1] = f"The language model costs accuracy on {enumerated(where['no'])}."
    if where["not shown"]:
        sentences.append(
            f"On {enumerated(where['not shown'])} nothing is shown that words without a model, or reading nothing, do not give."
        )
    if where["not asked"]:
        sentences.append(f"On {enumerated(where['not asked'])} the question cannot be asked.")
    return " ".join(sentences) or "The run has no splits, so there is no answer."


def _gain(mean: float, info: MeasureInfo) -> float:
    """Sort key: smaller is better."""
    return mean if info.better == "lower" else -mean


def _headline(result: Result, split: str) -> SplitHeadline:
    lead = lead_measure(result)
    ordered = [arm for arm in arms_on(result, split) if lead is not None and mean_of(arm, lead.name) is not None]
    if lead is None or not ordered:
        reason = "The run measured no accuracy." if lead is None else f"No arm has a value of {lead.label} here."
        return SplitHeadline(split, lead, None, "", "not asked", reason, [], [], [], [])
    first = leading(result, ordered)
    if first is None:
        reason = "The run does not say how its arms did on validation, so none can be said to lead."
        return SplitHeadline(split, lead, None, "", "not asked", reason, [], [], [], [])
    answer, sentence, contenders = _language(result, ordered, lead)
    cannot = next((one.reason for one in result.fitness if one.split == split and not one.can_answer), None)
    if cannot is not None:
        sentence = f"This split cannot answer: {cannot} {sentence}"
    sides: dict[Direction | None, list[str]] = {"better": [], "worse": [], "different": [], None: []}
    for arm in ordered:
        if lead.name in arm.differences:
            sides[direction(arm, lead)].append(arm.name)
    value = _figure(first.measures[lead.name])
    undecided = sides[None] + sides["different"]
    return SplitHeadline(
        split, lead, first.name, value, answer, sentence, contenders, sides["better"], sides["worse"], undecided
    )


def _language(result: Result, ordered: Sequence[ArmResult], lead: MeasureInfo) -> tuple[Answer, str, list[Contender]]:
    """The answer of a split, its sentence, and the arms that it speaks of."""
    split = ordered[0].split
    shares = next((one for one in result.attributions if one.split == split), None)
    if shares is None:
        return "not asked", "The run does not say whose the gain is.", []
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
        return "not asked", shares.lack, list(contenders.values())
    sentence = (
        f"Of what {shares.model} gains in {lead.label} over {shares.nothing}, which reads nothing, {_share(shares.gain)}, "
        f"{_words_part(shares)}, {_share(shares.model_share)} the language model's."
    )
    answer = _sign(shares.model_share)
    if answer == "not shown":
        sentence += " The model's share is not shown."
    return answer, sentence, list(contenders.values())


def _words_part(shares: Attribution) -> str:
    if shares.words_share is None or shares.without_model == shares.nothing:
        return "nothing is the words', since no arm that reads words alone leads there"
    return f"{_share(shares.words_share)} is the words' ({shares.without_model})"


def _sign(share: Share) -> Answer:
    """By the interval: paired, on the same users, of arms that were picked on validation."""
    if share.low is not None and share.low > 0:
        return "yes"
    return "no" if share.high is not None and share.high < 0 else "not shown"


def _share(share: Share) -> str:
    return f"{signed(share.mean)} ({interval(share.low, share.high, with_sign=True)})"


def _figure(measure: Measure) -> str:
    return f"{number(measure.mean)} ({interval(measure.low, measure.high)})"
