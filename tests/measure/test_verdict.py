from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import polars as pl
import pytest

from recsat.config.settings import MeasureSettings
from recsat.contract.domain import Judged, SatisfactionMetric
from recsat.measure.evaluate import EvaluatedSplit, evaluate_split
from recsat.measure.evidence import Evidence
from recsat.measure.verdict import verdicts
from recsat.result.model import Verdict

K = 5
SETTINGS = MeasureSettings(baseline="chance", n_bootstrap=300)
Arm = Callable[..., pl.DataFrame]


def recalled(judged: Judged) -> pl.DataFrame:
    counts = judged.hits.group_by("user_id").agg(value=pl.len())
    return judged.users.to_frame().join(counts, on="user_id", how="left").with_columns(pl.col("value").fill_null(0))


def missed(judged: Judged) -> pl.DataFrame:
    return recalled(judged).with_columns(value=5 - pl.col("value").cast(pl.Float64))


def metric(
    name: str, compute: Callable[[Judged], pl.DataFrame], better: str, needs: str = "rating"
) -> SatisfactionMetric:
    return SatisfactionMetric(
        name=name,
        description="Words.",
        unit="items",
        better=better,  # type: ignore[arg-type]
        compute=compute,
        needs=frozenset({needs}),
    )


METRICS = {
    "d.found": metric("found", recalled, "higher"),
    "d.missed": metric("missed", missed, "lower"),
    "d.clicks": metric("clicks", recalled, "higher", needs="exposures"),
}


def judged(
    world: Evidence, lists: dict[str, pl.DataFrame], metrics: dict[str, SatisfactionMetric] = METRICS
) -> EvaluatedSplit:
    return evaluate_split(lists, world, metrics=metrics, settings=SETTINGS, k=K, seed=7)


def by_dimension(
    evaluated: EvaluatedSplit,
    language: set[str],
    validation: dict[str, float] | None = None,
    settings: MeasureSettings = SETTINGS,
) -> dict[str, Verdict]:
    """Verdicts where validation found what the test part finds, or ``validation`` says."""
    on_test = {arm.name: arm.measures["ndcg@5"].mean or 0.0 for arm in evaluated.arms if arm.slice == "all"}
    all_verdicts = verdicts(evaluated, validation or on_test, language, settings=settings, seed=7)
    assert [verdict.dimension for verdict in all_verdicts] == ["accuracy", "diversity", "behaviour", "business"]
    return {verdict.dimension: verdict for verdict in all_verdicts}


def test_a_leading_arm_with_language_is_better(world: Evidence, arm: Arm) -> None:
    by_name = by_dimension(judged(world, {"chance": arm(0.0), "weak": arm(0.2, 2), "text": arm(2.0, 3)}), {"text"})
    assert by_name["accuracy"].outcome == "better"
    sentence = by_name["accuracy"].sentence
    assert sentence.startswith(
        "Accuracy on warm: text, which leads on validation among arms with a language model, has nDCG@5 "
    )
    assert "95 % interval" in sentence
    assert "Against weak, which leads there among those without" in sentence
    assert "it is better: +" in sentence
    assert "Against the baseline chance" in sentence
    assert by_name["behaviour"].outcome == "better"
    assert "Other measures, exploratory: better Missed." in by_name["behaviour"].sentence


def test_an_arm_with_language_that_trails_is_worse_and_may_still_beat_the_baseline(world: Evidence, arm: Arm) -> None:
    by_name = by_dimension(judged(world, {"chance": arm(0.0), "ease": arm(2.0, 2), "text": arm(0.1, 3)}), {"text"})
    assert by_name["accuracy"].outcome == "worse"
    against_best, against_baseline = by_name["accuracy"].sentence.split("Against the baseline")
    assert "it is worse: −" in against_best
    assert "it is better: +" in against_baseline


def test_chance_against_chance_is_not_shown(world: Evidence, arm: Arm) -> None:
    by_name = by_dimension(judged(world, {"chance": arm(0.0, 5), "text": arm(0.0, 6)}), {"text"})
    assert by_name["accuracy"].outcome == "not shown"
    assert "a difference is not shown" in by_name["accuracy"].sentence
    assert "chance is also the baseline" in by_name["accuracy"].sentence


def test_the_same_pair_is_compared_in_every_dimension(world: Evidence, arm: Arm) -> None:
    lists = {"chance": arm(0.0), "ease": arm(2.0, 2), "text-raw": arm(0.1, 3), "text": arm(1.0, 4)}
    by_name = by_dimension(judged(world, lists), {"text-raw", "text"})
    for dimension in ("accuracy", "diversity", "behaviour"):
        assert ": text, which leads on validation among arms with a language model" in by_name[dimension].sentence
        assert "Against ease, which leads there among those without" in by_name[dimension].sentence


def test_the_pair_is_the_one_that_leads_on_validation_whatever_the_test_part_says(world: Evidence, arm: Arm) -> None:
    lists = {"chance": arm(0.0), "ease": arm(2.0, 2), "text-raw": arm(0.1, 3), "text": arm(1.0, 4)}
    validation = {"chance": 0.3, "ease": 0.2, "text-raw": 0.4, "text": 0.1}
    sentence = by_dimension(judged(world, lists), {"text-raw", "text"}, validation)["accuracy"].sentence
    assert "warm: text-raw, which leads on validation" in sentence
    assert "Against chance, which leads there" in sentence


def test_what_was_not_measured_is_said_with_its_reason(world: Evidence, arm: Arm) -> None:
    by_name = by_dimension(judged(world, {"chance": arm(0.0), "text": arm(0.5, 2)}), {"text"})
    assert by_name["business"].outcome == "not measured"
    assert (
        by_name["business"].sentence == "Business value on warm was not measured: the domain declares no such measure."
    )
    only_clicks = {"d.clicks": METRICS["d.clicks"]}
    behaviour = by_dimension(judged(world, {"chance": arm(0.0), "text": arm(0.5, 2)}, only_clicks), {"text"})[
        "behaviour"
    ]
    assert behaviour.outcome == "not measured"
    assert behaviour.sentence == "Behaviour on warm was not measured. Clicks: The data have no exposures table."


@pytest.mark.parametrize(
    ("language", "message"),
    [(set(), "no arm with a language model"), ({"chance", "text"}, "every arm there has a language model")],
)
def test_without_two_sides_there_is_nothing_to_say(world: Evidence, arm: Arm, language: set[str], message: str) -> None:
    by_name = by_dimension(judged(world, {"chance": arm(0.0), "text": arm(0.5, 2)}), language)
    assert {verdict.outcome for verdict in by_name.values()} == {"not measured"}
    assert message in by_name["accuracy"].sentence


def test_the_family_is_the_primaries_of_the_split_however_many_arms_there_are(world: Evidence, arm: Arm) -> None:
    lists = {"chance": arm(0.0), "text": arm(0.28, 3)}
    others = {f"text-{seed}": arm(0.0, seed) for seed in range(20, 40)}
    validation = {"chance": 0.1, "text": 0.5, **dict.fromkeys(others, 0.0)}
    alone = by_dimension(judged(world, lists), {"text"}, validation)
    many = by_dimension(judged(world, lists | others), {"text", *others}, validation)
    assert {name: one.sentence for name, one in alone.items()} == {name: one.sentence for name, one in many.items()}


@pytest.mark.parametrize(("primary", "outcome"), [("waste", "worse"), ("found", "better")])
def test_the_primary_measure_decides_and_others_are_listed(
    world: Evidence, arm: Arm, primary: str, outcome: str
) -> None:
    """More hits found, and more waste: better by the one, worse by the other, whichever the domain calls primary."""
    metrics = {"d.found": METRICS["d.found"], "d.waste": metric("waste", recalled, "lower")}
    metrics = {name: replace(one, primary=one.name == primary) for name, one in metrics.items()}
    verdict = by_dimension(judged(world, {"chance": arm(0.0), "text": arm(2.0, 3)}, metrics), {"text"})["behaviour"]
    assert verdict.outcome == outcome
    listed = "better Found" if primary == "waste" else "worse Waste"
    assert f"Other measures, exploratory: {listed}." in verdict.sentence


def test_without_a_primary_one_the_first_decides_and_what_points_both_ways_is_called_mixed(
    world: Evidence, arm: Arm
) -> None:
    metrics = {
        "d.clicks": metric("clicked", recalled, "higher"),
        "d.found": METRICS["d.found"],
        "d.waste": metric("waste", recalled, "lower"),
    }
    verdict = by_dimension(judged(world, {"chance": arm(0.0), "text": arm(2.0, 3)}, metrics), {"text"})["behaviour"]
    assert verdict.outcome == "better"
    assert "exploratory: mixed, better Found; worse Waste." in verdict.sentence


def test_what_is_not_shown_comes_with_what_could_have_been(world: Evidence, arm: Arm) -> None:
    sentence = by_dimension(judged(world, {"chance": arm(0.0, 5), "text": arm(0.0, 6)}), {"text"})["accuracy"].sentence
    assert "a difference is not shown" in sentence
    assert "would have been missed one time in five" in sentence


@pytest.mark.parametrize(("worth", "outcome"), [(0.5, "as good as"), (0.0001, "cannot tell")])
def test_what_would_be_worth_having_lets_it_say_as_good_as_or_cannot_tell(
    world: Evidence, arm: Arm, worth: float, outcome: str
) -> None:
    settings = SETTINGS.model_copy(update={"worth_having": {"ndcg@5": worth}})
    evaluated = judged(world, {"chance": arm(0.0, 5), "text": arm(0.0, 6)})
    assert by_dimension(evaluated, {"text"}, settings=settings)["accuracy"].outcome == outcome


def test_topics_come_before_the_encoders_own_space(world: Evidence, arm: Arm) -> None:
    sentence = by_dimension(judged(world, {"chance": arm(0.0), "text": arm(1.0, 3)}), {"text"})["diversity"].sentence
    assert "has Topic diversity@5" in sentence


MODEL = "share of the item in the log"


def weighed(world: Evidence, arm: Arm, model: str) -> dict[str, Verdict]:
    """Verdicts where the one measure of behaviour divides by propensities, and that of business does not."""
    metrics = {
        "d.clicks": replace(metric("clicks", recalled, "higher"), of_exposed=True),
        "d.money": replace(metric("money", recalled, "higher"), dimension="business"),
    }
    settings = SETTINGS.model_copy(update={"propensity_model": model})
    lists = {"chance": arm(0.0), "weak": arm(0.2, 2), "text": arm(2.0, 3)}
    evaluated = evaluate_split(lists, world, metrics=metrics, settings=settings, k=K, seed=7)
    return by_dimension(evaluated, {"text"}, settings=settings)


def test_assumed_propensities_reach_the_verdict_that_rests_on_them_and_no_other(world: Evidence, arm: Arm) -> None:
    by_name = weighed(world, arm, MODEL)
    assert {name: verdict.assumed for name, verdict in by_name.items()} == {
        "accuracy": [], "diversity": [], "behaviour": ["d.clicks"], "business": [],
    }  # fmt: skip
    assert by_name["behaviour"].sentence.endswith(f" Propensities assumed: {MODEL}.")
    assert "has Clicks, propensities assumed " in by_name["behaviour"].sentence
    assert "ropensities" not in by_name["business"].sentence


def test_logged_propensities_are_no_assumption(world: Evidence, arm: Arm) -> None:
    behaviour = weighed(world, arm, "")["behaviour"]
    assert behaviour.assumed == []
    assert "ropensities" not in behaviour.sentence
