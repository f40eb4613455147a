"""The first screen: an effect in plain words where one is shown, and what could have been missed where not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from recsat.measure.differences import detectable as measured_detectable
from recsat.measure.differences import difference_intervals
from recsat.report.answers import SplitAnswer, detectable, missing_in_words, split_answers, verdict_label
from recsat.report.headline import headlines
from recsat.report.page import render_page
from recsat.result.model import Measure, NotMeasured, Outcome, Result, Share, Verdict


def answers_of(result: Result) -> dict[str, SplitAnswer]:
    return {one.split: one for one in split_answers(result, headlines(result))}


def with_hit_rates(result: Result, rates: dict[str, float]) -> Result:
    """The hit rates of the named arms on every split."""
    arms = [
        arm.model_copy(
            update={"measures": {**arm.measures, "hit@10": Measure(mean=rates[arm.name], low=0, high=1, n_users=601)}}
        )
        if arm.name in rates
        else arm
        for arm in result.arms
    ]
    more = {
        one.split: Share(mean=mean, low=mean - 0.01, high=mean + 0.01, n_users=601)
        for one in result.attributions
        if one.model in rates and one.without_model in rates
        for mean in [rates[one.model] - rates[one.without_model]]
    }
    shares = [one.model_copy(update={"more_hits": more.get(one.split, one.more_hits)}) for one in result.attributions]
    return result.model_copy(update={"arms": arms, "attributions": shares})


def with_model_share(result: Result, mean: float, half: float) -> Result:
    share = Share(mean=mean, low=mean - half, high=mean + half, n_users=601)
    older = {"model_share": share, "twin": None, "over_twin": None, "answer": None}
    changed = [one.model_copy(update=older) for one in result.attributions]
    return result.model_copy(update={"attributions": changed})


def with_verdict(result: Result, outcome: Outcome) -> Result:
    """Every comparison of accuracy has this outcome."""

    def changed(verdict: Verdict) -> Verdict:
        primary = None if verdict.primary is None else verdict.primary.model_copy(update={"outcome": outcome})
        return verdict.model_copy(update={"outcome": outcome, "primary": primary})

    verdicts = [changed(one) if one.dimension == "accuracy" else one for one in result.verdicts]
    shares = [one.model_copy(update={"answer": "not shown"}) for one in result.attributions]
    return result.model_copy(update={"verdicts": verdicts, "attributions": shares})


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (0.025, "One more list with a hit in every 40 lists (95 % interval 29 to 67)."),
        (0.0182, "One more list with a hit in every 55 lists (95 % interval 35 to 122)."),
        (0.9, "Of a hundred lists 90 more have a hit (95 % interval 89 to 91)."),
        (0.009, "That more lists have a hit is not shown, but hits are more or stand further up."),
        (0.0, "That more lists have a hit is not shown, but hits are more or stand further up."),
        (-0.02, "That more lists have a hit is not shown, but hits are more or stand further up."),
    ],
)
def test_an_effect_is_told_in_lists_with_a_hit(result: Result, more: float, words: str) -> None:
    rates = {"text": 0.05 + more, "popularity": 0.05}
    one = answers_of(with_hit_rates(result, rates))["cold-items"]
    assert (one.answer, one.effect) == ("yes", words)
    missed = "" if more > 0.01 else " A true difference below 0.0143 would be missed more than one time in five."
    assert (
        f"Lists with a hit: {100 * rates['text']:.1f} % by text, 5.0 % by popularity.{missed} Of the +0.118 that text"
        in one.evidence
    )


def test_without_a_hit_rate_the_effect_has_no_number(result: Result) -> None:
    arms = [
        arm.model_copy(update={"measures": {name: m for name, m in arm.measures.items() if name != "hit@10"}})
        for arm in result.arms
    ]
    older = [one.model_copy(update={"more_hits": None}) for one in result.attributions]
    answers = answers_of(result.model_copy(update={"arms": arms, "attributions": older}))
    assert answers["cold-items"].effect == "Lists hold more hits, or hits further up."
    assert answers["random"].effect == "Lists hold fewer hits, or hits further down."
    assert answers["random"].evidence.startswith(
        "Of the −0.195 that text gains in nDCG@10 over ease, which reads nothing, "
    )


def test_a_loss_is_told_as_lists_fewer(result: Result) -> None:
    one = answers_of(with_hit_rates(result, {"text": 0.4, "ease": 0.5}))["random"]
    assert (one.answer, one.effect) == ("no", "One list fewer with a hit in every 10 lists (95 % interval 9 to 11).")
    one = answers_of(with_hit_rates(result, {"text": 0.1, "ease": 0.9}))["random"]
    assert one.effect == "Of a hundred lists 80 fewer have a hit (95 % interval 79 to 81)."
    one = answers_of(with_hit_rates(result, {"text": 0.9, "ease": 0.1}))["random"]
    assert one.effect == "That fewer lists have a hit is not shown, but hits are fewer or stand further down."


@pytest.mark.parametrize(
    ("outcome", "effect"),
    [
        ("not shown", "No difference is shown."),
        ("as good as", "As good as without the model, within what would be worth having."),
        ("cannot tell", "Which is better cannot be told."),
    ],
)
def test_where_nothing_is_shown_no_effect_is_told_but_what_the_verdict_says_and_could_have_missed(
    result: Result, outcome: Outcome, effect: str
) -> None:
    unsure = with_verdict(with_model_share(with_hit_rates(result, {"text": 0.9, "ease": 0.1}), 0.001, 0.0149), outcome)
    one = answers_of(unsure)["random"]
    assert (one.answer, one.effect) == ("not shown", effect)
    assert "90" not in one.evidence
    assert "+0.001 (−0.014 to +0.016) the language model's" in one.evidence
    assert "A true difference below 0.0143 would be missed more than one time in five." in one.evidence


def test_a_result_without_verdicts_has_the_smallest_difference_from_the_interval(result: Result) -> None:
    unsure = with_model_share(result, 0.001, 0.0149).model_copy(update={"verdicts": []})
    assert "A true difference below 0.0213 would be" in answers_of(unsure)["random"].evidence


def test_a_box_says_the_shares_and_how_sure_in_short_and_leaves_the_rest_to_the_leaders(result: Result) -> None:
    unsure = with_verdict(with_model_share(result, 0.001, 0.0149), "not shown")
    assert answers_of(unsure)["random"].brief == (
        "Of the −0.195 of text over ease (reads nothing) in nDCG@10, nothing is the words', +0.001 (−0.014 to +0.016) the model's "
        "(601 users, 95 % interval). A true difference below 0.0143 would be missed more than one time in five."
    )
    one = answers_of(with_hit_rates(result, {"text": 0.075, "popularity": 0.05}))["cold-items"]
    assert one.brief == (
        "Lists with a hit: 7.5 % by text, 5.0 % by popularity. Of the +0.118 of text over popularity (reads nothing) in nDCG@10, "
        "nothing is the words', +0.118 (+0.108 to +0.128) the model's (601 users, 95 % interval)."
    )
    with_words = [one.model_copy(update={"nothing": "popularity"}) for one in unsure.attributions]
    of_words = answers_of(unsure.model_copy(update={"attributions": with_words}))["random"].brief
    assert "over popularity (reads nothing) in nDCG@10, 0 (−0.010 to +0.010) is the words', +0.001" in of_words
    twin = answers_of(result)["cold-items"].evidence.removeprefix(answers_of(result)["cold-items"].brief)
    masthead, rest = render_page(result, "en").split("</header>")
    assert "Against itself" in twin
    assert "Against itself" not in masthead
    assert "Against itself" in rest
    assert masthead.count('class="evidence"') == 2


def test_the_evidence_is_against_both_arms(result: Result) -> None:
    one = answers_of(result)["cold-items"]
    assert one.evidence.endswith(
        "nothing is the words', +0.118 (+0.108 to +0.128) the language model's (601 users, 95 % interval). "
        "Against itself with words in the model's place: +0.063 (+0.053 to +0.073)."
    )
    changed = [one.model_copy(update={"twin": one.without_model}) for one in result.attributions]
    one = answers_of(result.model_copy(update={"attributions": changed}))["cold-items"]
    assert one.evidence.endswith("the language model's (601 users, 95 % interval).")


@pytest.mark.parametrize(
    ("split", "over_twin", "effect", "evidence"),
    [
        (
            "cold-items",
            0.002,
            "No difference is shown to be the model's.",
            "so the model is not said to help. A true difference below 0.0143 would be missed more than one time in five.",
        ),
        (
            "random",
            0.002,
            "Behind, but it does not lead, so it costs nobody anything.",
            "but text does not lead on validation, so nobody would serve it.",
        ),
    ],
)
def test_a_share_that_is_shown_and_decides_nothing_is_said_to(
    result: Result, split: str, over_twin: float, effect: str, evidence: str
) -> None:
    share = Share(mean=over_twin, low=over_twin - 0.01, high=over_twin + 0.01, n_users=601)
    changed = [one.model_copy(update={"over_twin": share, "answer": "not shown"}) for one in result.attributions]
    one = answers_of(result.model_copy(update={"attributions": changed}))[split]
    assert (one.answer, one.effect) == ("not shown", effect)
    assert one.evidence.endswith(evidence)
    assert ("so the model is not said to help" in one.brief) == (split == "cold-items")  # the effect says the other
    assert "Lists with a hit" not in one.evidence


def test_a_split_that_cannot_answer_says_why_and_shows_no_numbers(result: Result) -> None:
    one = answers_of(result)["timeline"]
    assert one.answer == "cannot answer"
    assert one.effect == (
        "481 of 601 judged users have no history, and their lists are the fallback's whatever the arm."
    )
    assert (one.evidence, one.pair, one.other_dimensions) == ("", "", [])


def test_answers_come_first_and_bring_the_other_dimensions(result: Result) -> None:
    assert list(answers_of(result)) == ["cold-items", "random", "timeline"]
    dimensions = [verdict.dimension for verdict in answers_of(result)["random"].other_dimensions]
    assert dimensions == [
        "diversity",
        "behaviour",
    ]  # business value is measured on no split, which is said once for all


def test_dimensions_say_against_whom_and_what_could_have_been_missed_and_no_sign_stands_for_the_pair(
    result: Result,
) -> None:
    primary = next(one.primary for one in result.verdicts if (one.split, one.dimension) == ("random", "accuracy"))
    assert primary is not None
    compared = {"diversity": primary, "behaviour": primary.model_copy(update={"outcome": "not shown"})}
    verdicts = [
        one.model_copy(update={"primary": compared.get(one.dimension, one.primary)}) if one.split == "random" else one
        for one in result.verdicts
    ]
    result = result.model_copy(update={"verdicts": verdicts})
    one = answers_of(result)["random"]
    assert one.pair == "text against ease:"
    assert [verdict_label(verdict) for verdict in one.other_dimensions] == [
        "worse",
        "not shown; below 0.0143 would be missed",
    ]
    head = render_page(result).partition("<main>")[0]
    assert head.count("text against ease:") == 1
    assert "not shown; below 0.0143 would be missed" in head
    assert not set("▲▼◆○＝") & set(head)


def test_what_is_not_measured_is_named_up_to_a_point(result: Result) -> None:
    assert missing_in_words(result) == "Not measured: Business value, Mean rating of hits@10 and content.click_through."
    everything = result.model_copy(update={"not_measured": [], "verdicts": []})
    values = {"content.stars@10": Measure(mean=4.0, low=3.0, high=5.0, n_users=9)}
    arms = [arm.model_copy(update={"measures": arm.measures | values}) for arm in everything.arms]
    assert missing_in_words(everything.model_copy(update={"arms": arms})) == ""
    many = [result.not_measured[0].model_copy(update={"name": f"m{i}"}) for i in range(9)]
    words = missing_in_words(result.model_copy(update={"not_measured": many}))
    assert words == "Not measured: Business value, m0, m1, m2 and 6 more."


def test_the_smallest_difference_from_an_interval_is_that_from_the_values() -> None:
    values = np.random.default_rng(0).normal(0.01, 0.2, (600, 1))
    ends = difference_intervals(values, confidence=0.95, n_bootstrap=1000, seed=0)
    share = Share(mean=float(ends.mean[0]), low=float(ends.low[0]), high=float(ends.high[0]), n_users=600)
    (expected,) = measured_detectable(values, confidence=0.95)
    smallest = detectable(share, 0.95)
    assert smallest is not None
    assert math.isclose(smallest, expected, rel_tol=0.08)
    assert detectable(share.model_copy(update={"low": None, "high": None}), 0.95) is None


def test_errors_of_predictions_are_named_in_words(result: Result) -> None:
    absent = [NotMeasured(name=name, reason="No.") for name in ("rating-error", "outcome-error")]
    words = missing_in_words(result.model_copy(update={"not_measured": absent}))
    assert "Rating error" in words
    assert "Click and conversion error" in words
