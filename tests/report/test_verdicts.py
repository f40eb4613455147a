"""A verdict's sentences: the pair, the baseline and the other measures, with their numbers."""

from __future__ import annotations

import pytest

from recsat.report.language import in_language
from recsat.report.verdicts import comparison_in_words, verdict_in_words
from recsat.result.model import Comparison, NotMeasured, Outcome, Result, Verdict


def accuracy_on(result: Result, split: str) -> Verdict:
    return next(one for one in result.verdicts if (one.split, one.dimension) == (split, "accuracy"))


def comparison(
    outcome: Outcome, low: float = -0.01, high: float = 0.02, detectable: float | None = 0.0211
) -> Comparison:
    return Comparison(
        arm="a",
        other="b",
        measure="m",
        mean=0.005,
        low=low,
        high=high,
        p_adjusted=0.2,
        n_users=1234,
        detectable=detectable,
        outcome=outcome,
    )


def test_the_pair_the_baseline_and_the_other_measures_stand_in_it(result: Result) -> None:
    sentence = verdict_in_words(result, accuracy_on(result, "random"))
    means = {arm.name: arm.measures["ndcg@10"] for arm in result.arms if (arm.split, arm.slice) == ("random", "all")}
    text = means["text"]
    assert sentence == (
        "Accuracy on random: text, which leads on validation among arms with a language model, "
        f"has nDCG@10 {text.mean:.4f}, ease, which leads there among those without, {means['ease'].mean:.3f}; "
        "it is worse: −0.195 (95 % interval −0.205 to −0.185; p <0.001; 601 users). "
        f"Against the baseline popularity ({means['popularity'].mean:.3f}), exploratory: "
        "it is worse: −0.0790 (95 % interval −0.0890 to −0.0690; p <0.001; 601 users). "
        "Other measures, exploratory: worse MRR@10; "
        "not shown Hit rate@10 (a true difference below 0.0143 would be missed more than one time in five)."
    )


def test_the_means_are_those_over_the_users_compared_and_a_condition_is_said(result: Result) -> None:
    verdict = accuracy_on(result, "random")
    assert verdict.primary is not None
    some = verdict.primary.model_copy(update={"mean_arm": 0.25, "mean_other": 0.445, "n_users": 535})
    sentence = verdict_in_words(result, verdict.model_copy(update={"primary": some}))
    assert "has nDCG@10 0.250, ease, which leads there among those without, 0.445; it is worse" in sentence
    assert "That is conditional: over the 535 of 601 users for whom both arms have a value." in sentence
    assert "conditional" not in verdict_in_words(result, verdict)


def test_where_the_other_arm_is_the_baseline_it_is_named_once(result: Result) -> None:
    verdict = accuracy_on(result, "cold-items")
    assert "popularity is also the baseline. Other measures" in verdict_in_words(result, verdict)
    elsewhere = result.model_copy(update={"baseline": "gone"})
    assert "The baseline gone has no value here." in verdict_in_words(elsewhere, verdict)


def test_other_measures_that_disagree_are_mixed(result: Result) -> None:
    verdict = accuracy_on(result, "cold-items")
    worse = verdict.others[1].model_copy(update={"outcome": "worse"})
    changed = verdict.model_copy(update={"others": [verdict.others[0], worse]})
    assert verdict_in_words(result, changed).endswith(
        "Other measures, exploratory: mixed, better MRR@10; worse Hit rate@10."
    )


@pytest.mark.parametrize(
    ("compared", "clause"),
    [
        (comparison("better"), "it is better: +0.00500 (95 % interval −0.0100 to +0.0200; p = 0.200; 1,234 users)"),
        (
            comparison("not shown"),
            "a difference is not shown: +0.00500 (95 % interval −0.0100 to +0.0200; p = 0.200; 1,234 users); "
            "a true difference below 0.0211 would be missed more than one time in five",
        ),
        (
            comparison("cannot tell", low=0.001, detectable=None),
            "which is better cannot be told: +0.00500 (95 % interval +0.00100 to +0.0200; p = 0.200; 1,234 users), "
            "although the interval, which is not corrected, leaves out zero",
        ),
        (
            comparison("better").model_copy(update={"effective_users": 17.2}),
            "it is better: +0.00500 (95 % interval −0.0100 to +0.0200; p = 0.200; 1,234 users); "
            "17 users carry it, too few for its interval and p to be sure",
        ),
        (
            comparison("better").model_copy(update={"effective_users": 100.0}),
            "it is better: +0.00500 (95 % interval −0.0100 to +0.0200; p = 0.200; 1,234 users)",
        ),
    ],
)
def test_a_comparison_says_what_could_have_been_missed_where_nothing_is_shown_and_that_few_users_carry_it(
    result: Result, compared: Comparison, clause: str
) -> None:
    assert comparison_in_words(result, compared) == clause


def test_in_chinese_all_of_it_is(result: Result) -> None:
    with in_language("zh"):
        sentence = verdict_in_words(result, accuracy_on(result, "random"))
    assert sentence.startswith("random 上的准确性：")
    assert "−0.195（95 % 区间 −0.205 至 −0.185；p <0.001；601 名用户）" in sentence
    assert "which" not in sentence


def test_without_a_comparison_the_run_s_own_sentence_stands(result: Result) -> None:
    verdict = accuracy_on(result, "timeline")
    assert verdict_in_words(result, verdict) == verdict.lack


def test_where_the_domain_has_no_measure_of_a_dimension_that_is_said(result: Result) -> None:
    bare = Verdict(dimension="business", split="random", outcome="not measured")
    assert verdict_in_words(result, bare) == (
        "Business value on random was not measured: the domain declares no such measure."
    )
    lacking = bare.model_copy(update={"lacks": [NotMeasured(name="ndcg@10", reason="No.")]})
    assert verdict_in_words(result, lacking) == "Business value on random was not measured. nDCG@10: No."


def test_a_verdict_of_an_older_result_is_read() -> None:
    """Its sentence is kept where nothing was compared."""
    older = {"dimension": "accuracy", "split": "s", "outcome": "not measured", "sentence": "No arm."}
    assert Verdict.model_validate(older).lack == "No arm."


def test_assumed_propensities_are_said_with_their_model(result: Result) -> None:
    verdict = accuracy_on(result, "random")
    assert verdict.primary is not None
    plain = verdict_in_words(result, verdict)
    name = verdict.primary.measure
    measures = [
        info.model_copy(update={"propensities": "assumed", "propensity_model": "share in the log"})
        if info.name == name
        else info
        for info in result.measures
    ]
    by_model = result.model_copy(update={"measures": measures})
    sentence = verdict_in_words(by_model, verdict.model_copy(update={"assumed": [name]}))
    assert sentence == f"{plain} Propensities assumed: share in the log."
