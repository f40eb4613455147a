"""A verdict's sentences: the pair, the baseline and the other measures, with their numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from recsat.report.language import in_language
from recsat.report.verdicts import comparison_in_words, verdict_in_words
from recsat.result.model import Comparison, Outcome, Result, Verdict


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
        f"has nDCG@10 {text.mean:.4f} (95 % interval {text.low:.4f}–{text.high:.4f}). "
        f"Against ease, which leads there among those without ({means['ease'].mean:.3f}), "
        "it is worse: −0.195 (−0.205 to −0.185; p <0.001; 601 users). "
        f"Against the baseline popularity ({means['popularity'].mean:.3f}), exploratory: "
        "it is worse: −0.0790 (−0.0890 to −0.0690; p <0.001; 601 users). "
        "Other measures, exploratory: worse MRR@10; not shown Hit rate@10."
    )


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
        (comparison("better"), "it is better: +0.00500 (−0.0100 to +0.0200; p = 0.200; 1,234 users)"),
        (
            comparison("not shown"),
            "a difference is not shown: +0.00500 (−0.0100 to +0.0200; p = 0.200; 1,234 users); "
            "a difference below 0.0211 would have been missed one time in five",
        ),
        (
            comparison("cannot tell", low=0.001, detectable=None),
            "which is better cannot be told: +0.00500 (+0.00100 to +0.0200; p = 0.200; 1,234 users), "
            "although the interval, which is not corrected, leaves out zero",
        ),
    ],
)
def test_a_comparison_says_what_could_have_been_missed_only_where_nothing_is_shown(
    compared: Comparison, clause: str
) -> None:
    assert comparison_in_words(compared) == clause


def test_in_chinese_all_of_it_is(result: Result) -> None:
    with in_language("zh"):
        sentence = verdict_in_words(result, accuracy_on(result, "random"))
    assert sentence.startswith("random 上的准确性：")
    assert "−0.195（−0.205 至 −0.185；p <0.001；601 名用户）" in sentence
    assert "which" not in sentence


def test_without_a_comparison_the_run_s_own_sentence_stands(result: Result) -> None:
    verdict = accuracy_on(result, "timeline")
    assert verdict_in_words(result, verdict) == verdict.sentence


def test_in_english_it_says_what_the_run_says_itself(finished_run: Path) -> None:
    result = Result.model_validate_json((finished_run / "result.json").read_bytes())
    compared = [verdict for verdict in result.verdicts if verdict.primary is not None]
    assert compared
    for verdict in compared:
        assert verdict_in_words(result, verdict) == verdict.sentence


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
