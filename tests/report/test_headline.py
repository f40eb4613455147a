"""Who leads, and what may be said of language."""

from __future__ import annotations

from typing import Literal

import pytest

from recsat.report.answers import split_answers
from recsat.report.headline import (
    Answer,
    SplitHeadline,
    answer_in_words,
    arms_on,
    direction,
    diversity_measure,
    headlines,
    lack_in_words,
    lead_measure,
    not_measured,
)
from recsat.result.model import (
    ArmInfo,
    ArmResult,
    Attribution,
    Comparison,
    DataFitness,
    Difference,
    FitnessFact,
    Measure,
    MeasureInfo,
    NotMeasured,
    Result,
    Share,
    SplitSummary,
    Verdict,
)

Ends = tuple[float, float, float]
FACTS = (
    "users_judged",
    "users_without_history",
    "tied_times",
    "order",
    "unseen_items",
    "ahead_of_time",
    "detectable",
)
SIZES = ("n_train", "n_validation", "n_test", "n_users", "n_candidate_items")


def run(language: Ends | None, other: Ends | None, *, better: str = "higher") -> Result:
    """A result of one split with up to two arms, each (low, mean, high)."""
    arms = {"reader": language, "counter": other}
    worst = 0.0 if better == "higher" else 1.0  # validation agrees with the test part
    return Result(
        run_id="r",
        created="now",
        domain="content",
        baseline="counter",
        seed=0,
        data_fingerprint="f",
        data={"n_users": 1, "n_items": 1, "n_events": 1, "n_quarantined": 0, "simulated": False, "source": ""},
        splits=[],
        arms=[
            ArmResult(
                name=n,
                split="s",
                validation_ndcg=abs(e[1] - worst),
                measures={"m": Measure(low=e[0], mean=e[1], high=e[2], n_users=9)},
            )
            for n, e in arms.items()
            if e is not None
        ],
        arm_infos=[ArmInfo(name=n, reads="language model" if n == "reader" else "nothing") for n in arms],
        measures=[MeasureInfo(name="m", label="M", description="", dimension="accuracy", better=better)],
        stages=[],
        config={},
        versions={},
    )


def divided(words: float, model: Share, without: str = "bag") -> Result:
    """A result in which the words and the model have these shares."""

    def share(mean: float) -> Share:
        return Share(mean=mean, low=mean - 0.01, high=mean + 0.01, n_users=9)

    shares = Attribution(
        split="s",
        measure="m",
        model="reader",
        without_model=without,
        nothing="counter",
        gain=share(words + model.mean),
        words_share=share(words),
        model_share=model,
    )
    return run((0.2, 0.3, 0.4), (0.0, 0.1, 0.19)).model_copy(update={"attributions": [shares]})


@pytest.mark.parametrize(
    ("low", "high", "answer", "ending"),
    [
        (0.1, 0.3, "yes", "(9 users, interval)."),
        (-0.1, 0.3, "not shown", "The model's share is not shown."),
        (-0.3, -0.1, "no", "(9 users, interval)."),
        (None, None, "not shown", "The model's share is not shown."),
    ],
)
def test_the_answer_is_that_of_the_models_share(
    low: float | None, high: float | None, answer: str, ending: str
) -> None:
    (line,) = headlines(divided(words=0.05, model=Share(mean=0.2, low=low, high=high, n_users=9)))
    assert line.answer == answer
    assert line.sentence.startswith(
        "Of the +0.250 that reader gains in M over counter, which reads nothing, +0.050 (+0.040 to +0.060) is the words' (bag), +0.200 ("
    )
    assert line.sentence.endswith(ending)
    assert [(one.side, one.arm) for one in line.contenders] == [("with the model", "reader"), ("nothing", "counter")]


@pytest.mark.parametrize(
    ("decision", "mean", "answer", "ending"),
    [
        (
            "helps",
            0.2,
            "yes",
            "Against itself with words in the model's place: +0.100 (+0.050 to +0.150).",
        ),
        ("costs", -0.2, "no", "place: +0.100 (+0.050 to +0.150)."),
        (
            "not shown",
            0.2,
            "not shown",
            "The model's share is shown, but not that reader is ahead of itself with words in the model's place, so the model is not said to help.",
        ),
        (
            "not shown",
            -0.2,
            "not shown",
            "The model's share lies below 0, but reader does not lead on validation, so nobody would serve it.",
        ),
        ("not shown", 0.0, "not shown", "The model's share is not shown."),
    ],
)
def test_the_answer_is_the_run_s_and_not_that_of_the_share(
    decision: str, mean: float, answer: str, ending: str
) -> None:
    plain = divided(words=0.05, model=Share(mean=mean, low=mean - 0.1, high=mean + 0.1, n_users=9))
    over_twin = Share(mean=0.1, low=0.05, high=0.15, n_users=9)
    update = {"answer": decision, "twin": "reader-words", "over_twin": over_twin}
    changed = [one.model_copy(update=update) for one in plain.attributions]
    (line,) = headlines(plain.model_copy(update={"attributions": changed}))
    assert line.answer == answer
    assert line.sentence.endswith(ending)


def test_a_share_without_an_interval_says_why() -> None:
    plain = divided(words=0.05, model=Share(mean=0.02, low=0.01, high=0.03, n_users=9))
    over_twin = Share(mean=-0.001, low=None, high=None, n_users=9)
    changed = [one.model_copy(update={"twin": "reader-words", "over_twin": over_twin}) for one in plain.attributions]
    (line,) = headlines(plain.model_copy(update={"attributions": changed}))
    assert (
        "Against itself with words in the model's place: −0.0010 (no interval: too few users differ)." in line.sentence
    )


def test_an_interval_that_the_correction_does_not_bear_out_is_said_to_be_one() -> None:
    """The same rule as the verdict's: four dimensions are tested together."""
    plain = divided(words=0.05, model=Share(mean=-0.02, low=-0.03, high=-0.01, n_users=9))
    shares = [one.model_copy(update={"answer": "not shown"}) for one in plain.attributions]
    compared = Comparison(
        arm="reader", other="bag", measure="m", mean=-0.02, low=-0.03, high=-0.01, p_adjusted=0.055, n_users=9,
        detectable=0.04, outcome="not shown",
    )  # fmt: skip
    verdict = Verdict(dimension="accuracy", split="s", outcome="not shown", primary=compared)
    result = plain.model_copy(update={"attributions": shares, "verdicts": [verdict]})
    (line,) = headlines(result)
    assert line.answer == "not shown"
    assert line.sentence.endswith(
        "The interval of the model's share leaves out zero, but is not corrected for the other dimensions that are tested with it: p = 0.055, "
        "so the share is not shown."
    )
    (answer,) = split_answers(result, [line])
    assert answer.effect == "No difference is shown."
    assert answer.evidence.endswith("A true difference below 0.0400 would be missed more than one time in five.")


def test_where_words_lead_no_one_their_share_is_nothing_and_no_arm_is_named() -> None:
    (line,) = headlines(divided(words=0.0, model=Share(mean=0.2, low=0.1, high=0.3, n_users=9), without="counter"))
    assert ", nothing is the words', +0.200" in line.sentence


def test_a_split_that_cannot_be_divided_says_why() -> None:
    plain = divided(words=0.0, model=Share(mean=0.2, low=0.1, high=0.3, n_users=9))
    (shares,) = plain.attributions
    lacking = shares.model_copy(update={"gain": None, "lack": "No arm reads words."})
    (line,) = headlines(plain.model_copy(update={"attributions": [lacking]}))
    assert (line.answer, line.sentence) == ("not asked", "No arm reads words.")
    (line,) = headlines(plain.model_copy(update={"attributions": []}))
    assert (line.answer, line.sentence) == ("not asked", "The run does not say whose the gain is.")


def test_the_arm_that_led_on_validation_leads_whatever_the_test_part_says() -> None:
    plain = run((0.2, 0.3, 0.4), (0.0, 0.1, 0.19))
    arms = [arm.model_copy(update={"validation_ndcg": 0.5 if arm.name == "counter" else 0.4}) for arm in plain.arms]
    (line,) = headlines(plain.model_copy(update={"arms": arms}))
    assert (line.leader, line.value.partition(" ")[0]) == ("counter", "0.100")


@pytest.mark.parametrize("control", ["permuted", "masked"])
def test_a_control_that_is_there_to_fail_never_leads(control: Literal["permuted", "masked"]) -> None:
    plain = run((0.2, 0.3, 0.4), (0.0, 0.1, 0.19))
    arms = [arm.model_copy(update={"validation_ndcg": 0.9 if arm.name == "counter" else 0.4}) for arm in plain.arms]
    infos = [
        info.model_copy(update={"control": control}) if info.name == "counter" else info for info in plain.arm_infos
    ]
    changed = plain.model_copy(update={"arms": arms, "arm_infos": infos})
    assert "counter" in {info.name for info in infos}
    (line,) = headlines(changed)
    assert line.leader not in (None, "counter")


def test_the_leader_is_the_one_that_the_run_names() -> None:
    plain = run((0.2, 0.3, 0.4), (0.0, 0.1, 0.19))
    for name in ("reader", "counter"):
        split = SplitSummary(name="s", protocol="", description="", leader=name, **dict.fromkeys(SIZES, 1))
        (line,) = headlines(plain.model_copy(update={"splits": [split]}))
        assert line.leader == name


def test_a_result_that_does_not_say_how_arms_did_on_validation_has_no_leader() -> None:
    plain = run((0.2, 0.3, 0.4), (0.0, 0.1, 0.19))
    arms = [arm.model_copy(update={"validation_ndcg": None}) for arm in plain.arms]
    (line,) = headlines(plain.model_copy(update={"arms": arms}))
    assert (line.leader, line.answer) == (None, "not asked")
    assert "does not say how its arms did on validation" in line.sentence


def test_the_answer_names_the_splits(result: Result) -> None:
    assert (
        answer_in_words(headlines(result))
        == "Yes on cold-items. No on random: it costs accuracy there. The data of timeline cannot answer."
    )
    assert answer_in_words([]) == "The run has no splits, so there is no answer."


def test_the_answer_has_one_sentence_for_each_answer_in_a_fixed_order() -> None:
    answers: list[Answer] = ["not asked", "not shown", "no", "yes", "not shown"]
    lines = [SplitHeadline(f"s{i}", None, None, "", one, "", [], [], [], [], {}) for i, one in enumerate(answers)]
    assert answer_in_words(lines) == (
        "Yes on s3. No on s2: it costs accuracy there. Not shown on s1 and s4. On s0 the question cannot be asked."
    )


@pytest.mark.parametrize(
    ("changes", "ending"),
    [
        ({"model": None}, "add words to measure.controls."),
        ({"model": None, "nothing": None}, "so there is no gain over reading nothing."),
        ({}, "As the run says."),
    ],
)
def test_why_a_gain_is_not_divided_is_made_from_what_the_result_holds(changes: dict[str, None], ending: str) -> None:
    plain = divided(words=0.0, model=Share(mean=0.2, low=0.1, high=0.3, n_users=9))
    (shares,) = plain.attributions
    lacking = shares.model_copy(update={"gain": None, "lack": "As the run says.", **changes})
    assert lack_in_words(plain, lacking).endswith(ending)
    reranked = plain.model_copy(update={"config": {"rank": {"reranker": "mmr"}}})
    assert "reranked by mmr" in lack_in_words(reranked, lacking)
    infos = [info.model_copy(update={"reads": "words"}) for info in plain.arm_infos]
    assert "No arm with lists on s reads with a language model." in lack_in_words(
        reranked.model_copy(update={"arm_infos": infos}), lacking
    )


def test_a_split_whose_data_are_not_fit_has_no_other_answer() -> None:
    plain = divided(words=0.0, model=Share(mean=0.2, low=0.1, high=0.3, n_users=9))
    fact = FitnessFact(value=0.5)
    unfit = DataFitness(
        split="s", can_answer=False, **dict.fromkeys(FACTS, fact) | {"users_judged": FitnessFact(value=4)}
    )
    (line,) = headlines(plain.model_copy(update={"fitness": [unfit]}))
    assert line.answer == "cannot answer"
    assert line.sentence.startswith(
        "This split cannot answer: 2 of 4 judged users have a history, and fewer than 30 say nothing about others."
    )
    assert " Of the +0.200 that reader gains" in line.sentence


def test_the_lead_measure_is_ndcg_at_the_length_of_the_lists(result: Result) -> None:
    extra = MeasureInfo(name="ndcg@5", label="nDCG@5", description="", dimension="accuracy", better="higher")
    with_two = result.model_copy(update={"measures": [extra, *result.measures]})
    assert (lead := lead_measure(with_two)) is not None
    assert lead.name == "ndcg@10"
    without_k = with_two.model_copy(update={"config": {}})
    assert (lead := lead_measure(without_k)) is not None
    assert lead.name == "ndcg@5"


def test_diversity_is_distance_inside_a_list_where_that_is_measured(result: Result) -> None:
    assert (measure := diversity_measure(result)) is not None
    assert measure.name == "ild@10"
    rest = [info for info in result.measures if info.name not in ("ild@10", "entropy@10", "simpson@10")]
    assert (measure := diversity_measure(result.model_copy(update={"measures": rest}))) is not None
    assert measure.name == "novelty@10"


def test_a_measure_that_is_announced_and_nowhere_found_counts_as_not_measured(result: Result) -> None:
    ghost = MeasureInfo(name="ghost", label="Ghost", description="", dimension="behaviour", better="higher")
    missing = not_measured(result.model_copy(update={"measures": [*result.measures, ghost]}))
    assert missing == [*result.not_measured, NotMeasured(name="ghost", reason="The run gives no reason.")]


def test_arms_come_best_first_and_those_without_a_value_last(result: Result) -> None:
    blank = ArmResult(
        name="blank", split="random", measures={"ndcg@10": Measure(mean=None, low=None, high=None, n_users=0)}
    )
    names = [arm.name for arm in arms_on(result.model_copy(update={"arms": [blank, *result.arms]}), "random")]
    assert names[:3] == ["ease", "ials", "item-knn"]
    assert names[-1] == "blank"


@pytest.mark.parametrize(
    ("mean", "significant", "better", "expected"),
    [
        (0.1, True, "higher", "better"),
        (-0.1, True, "higher", "worse"),
        (0.1, True, "lower", "worse"),
        (-0.1, True, "lower", "better"),
        (0.1, True, "neither", "different"),
        (0.1, False, "higher", None),
        (None, True, "higher", None),
    ],
)
def test_direction_follows_what_is_better(
    mean: float | None, significant: bool, better: str, expected: str | None
) -> None:
    info = MeasureInfo(name="m", label="M", description="", dimension="accuracy", better=better)
    difference = Difference(mean=mean, low=None, high=None, p_adjusted=None, significant=significant, n_users=3)
    arm = ArmResult(name="a", split="s", measures={}, differences={"m": difference})
    assert direction(arm, info) == expected


def test_arms_are_sorted_to_better_worse_and_undecided(result: Result) -> None:
    random = next(line for line in headlines(result) if line.split == "random")
    assert random.better == ["ease", "ials", "item-knn"]
    assert random.worse[-2:] == ["text", "text-raw"]
    assert "popularity" not in random.better + random.worse + random.undecided
