from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import polars as pl
import pytest

from recsat.config.settings import MeasureSettings
from recsat.contract.domain import Judged, Reads, SatisfactionMetric
from recsat.measure.evaluate import EvaluatedSplit, evaluate_split
from recsat.measure.evidence import Evidence
from recsat.measure.leaders import leaders_of
from recsat.measure.verdict import verdicts
from recsat.result.model import NotMeasured, Verdict

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
    reads: dict[str, Reads] = {arm: "language model" if arm in language else "nothing" for arm in on_test}
    leaders = leaders_of(evaluated, validation or on_test, reads, settings.baseline)
    by_name = verdicts(evaluated, leaders, settings=settings, seed=7)
    assert list(by_name) == ["accuracy", "diversity", "behaviour", "business"]
    assert all((one.dimension, one.split) == (name, "warm") for name, one in by_name.items())
    return {str(name): one for name, one in by_name.items()}


def pair_of(verdict: Verdict) -> tuple[str, str]:
    assert verdict.primary is not None
    return verdict.primary.arm, verdict.primary.other


def test_a_leading_arm_with_language_is_better(world: Evidence, arm: Arm) -> None:
    by_name = by_dimension(judged(world, {"chance": arm(0.0), "weak": arm(0.2, 2), "text": arm(2.0, 3)}), {"text"})
    assert by_name["accuracy"].outcome == "better"
    assert pair_of(by_name["accuracy"]) == ("text", "weak")
    baseline = by_name["accuracy"].against_baseline
    assert baseline is not None
    assert (baseline.other, baseline.outcome) == ("chance", "better")
    assert by_name["behaviour"].outcome == "better"
    assert [(one.measure, one.outcome) for one in by_name["behaviour"].others] == [("d.missed", "better")]


def test_both_means_are_those_of_the_users_compared(world: Evidence, arm: Arm) -> None:
    """A metric that half of one arm's users and another half of the other's have: neither arm's own mean is comparable."""

    def of_some(judged: Judged) -> pl.DataFrame:
        values = recalled(judged).with_columns(pl.col("value").cast(pl.Float64))
        listed = judged.lists.group_by("user_id").agg(first=pl.col("item_id").sort_by("rank").first())
        return values.join(listed, on="user_id").filter(pl.col("first").hash(1) % 2 == 0).select("user_id", "value")

    evaluated = judged(world, {"chance": arm(0.0), "text": arm(1.0, 3)}, {"d.some": metric("some", of_some, "higher")})
    primary = by_dimension(evaluated, {"text"})["behaviour"].primary
    assert primary is not None
    values = {
        name: dict(
            evaluated.per_user.filter(
                pl.col("arm") == name, pl.col("measure") == "d.some", pl.col("slice") == "all"
            ).select("user_id", "value").iter_rows()
        )
        for name in ("text", "chance")
    }  # fmt: skip
    both = values["text"].keys() & values["chance"].keys()
    assert len(both) == primary.n_users < len(values["text"])
    for name, mean in (("text", primary.mean_arm), ("chance", primary.mean_other)):
        assert mean == pytest.approx(sum(values[name][user] for user in both) / len(both))
    assert primary.mean_arm is not None
    assert primary.mean_other is not None
    assert primary.mean == pytest.approx(primary.mean_arm - primary.mean_other)
    differences = [abs(values["text"][user] - values["chance"][user]) for user in both]
    carried_by = sum(differences) ** 2 / sum(one**2 for one in differences)
    assert primary.effective_users == pytest.approx(carried_by)


def test_an_arm_with_language_that_trails_is_worse_and_may_still_beat_the_baseline(world: Evidence, arm: Arm) -> None:
    by_name = by_dimension(judged(world, {"chance": arm(0.0), "ease": arm(2.0, 2), "text": arm(0.1, 3)}), {"text"})
    assert by_name["accuracy"].outcome == "worse"
    assert by_name["accuracy"].against_baseline is not None
    assert by_name["accuracy"].against_baseline.outcome == "better"


def test_chance_against_chance_is_not_shown(world: Evidence, arm: Arm) -> None:
    by_name = by_dimension(judged(world, {"chance": arm(0.0, 5), "text": arm(0.0, 6)}), {"text"})
    assert by_name["accuracy"].outcome == "not shown"
    assert by_name["accuracy"].against_baseline is None
    assert by_name["accuracy"].primary is not None
    assert (by_name["accuracy"].primary.detectable or 0) > 0


def test_the_same_pair_is_compared_in_every_dimension(world: Evidence, arm: Arm) -> None:
    lists = {"chance": arm(0.0), "ease": arm(2.0, 2), "text-raw": arm(0.1, 3), "text": arm(1.0, 4)}
    by_name = by_dimension(judged(world, lists), {"text-raw", "text"})
    for dimension in ("accuracy", "diversity", "behaviour"):
        assert pair_of(by_name[dimension]) == ("text", "ease")


def test_the_pair_is_the_one_that_leads_on_validation_whatever_the_test_part_says(world: Evidence, arm: Arm) -> None:
    lists = {"chance": arm(0.0), "ease": arm(2.0, 2), "text-raw": arm(0.1, 3), "text": arm(1.0, 4)}
    validation = {"chance": 0.3, "ease": 0.2, "text-raw": 0.4, "text": 0.1}
    accuracy = by_dimension(judged(world, lists), {"text-raw", "text"}, validation)["accuracy"]
    assert pair_of(accuracy) == ("text-raw", "chance")


def test_what_was_not_measured_is_said_with_its_reason(world: Evidence, arm: Arm) -> None:
    by_name = by_dimension(judged(world, {"chance": arm(0.0), "text": arm(0.5, 2)}), {"text"})
    assert by_name["business"].outcome == "not measured"
    assert (by_name["business"].lacks, by_name["business"].lack) == ([], "")
    only_clicks = {"d.clicks": METRICS["d.clicks"]}
    behaviour = by_dimension(judged(world, {"chance": arm(0.0), "text": arm(0.5, 2)}, only_clicks), {"text"})[
        "behaviour"
    ]
    assert behaviour.outcome == "not measured"
    assert behaviour.lacks == [NotMeasured(name="d.clicks", reason="The data have no exposures table.")]


@pytest.mark.parametrize(
    ("language", "message"),
    [(set(), "no arm with a language model"), ({"chance", "text"}, "every arm there has a language model")],
)
def test_without_two_sides_there_is_nothing_to_say(world: Evidence, arm: Arm, language: set[str], message: str) -> None:
    by_name = by_dimension(judged(world, {"chance": arm(0.0), "text": arm(0.5, 2)}), language)
    assert {verdict.outcome for verdict in by_name.values()} == {"not measured"}
    assert message in by_name["accuracy"].lack


def test_the_family_is_the_primaries_of_the_split_however_many_arms_there_are(world: Evidence, arm: Arm) -> None:
    lists = {"chance": arm(0.0), "text": arm(0.28, 3)}
    others = {f"text-{seed}": arm(0.0, seed) for seed in range(20, 40)}
    validation = {"chance": 0.1, "text": 0.5, **dict.fromkeys(others, 0.0)}
    alone = by_dimension(judged(world, lists), {"text"}, validation)
    many = by_dimension(judged(world, lists | others), {"text", *others}, validation)
    assert alone == many


@pytest.mark.parametrize(("primary", "outcome"), [("waste", "worse"), ("found", "better")])
def test_the_primary_measure_decides_and_others_are_listed(
    world: Evidence, arm: Arm, primary: str, outcome: str
) -> None:
    """More hits found, and more waste: better by the one, worse by the other, whichever the domain calls primary."""
    metrics = {"d.found": METRICS["d.found"], "d.waste": metric("waste", recalled, "lower")}
    metrics = {name: replace(one, primary=one.name == primary) for name, one in metrics.items()}
    verdict = by_dimension(judged(world, {"chance": arm(0.0), "text": arm(2.0, 3)}, metrics), {"text"})["behaviour"]
    assert verdict.outcome == outcome
    listed = ("d.found", "better") if primary == "waste" else ("d.waste", "worse")
    assert [(one.measure, one.outcome) for one in verdict.others] == [listed]


def test_without_a_primary_one_the_first_decides(world: Evidence, arm: Arm) -> None:
    metrics = {
        "d.clicks": metric("clicked", recalled, "higher"),
        "d.found": METRICS["d.found"],
        "d.waste": metric("waste", recalled, "lower"),
    }
    verdict = by_dimension(judged(world, {"chance": arm(0.0), "text": arm(2.0, 3)}, metrics), {"text"})["behaviour"]
    assert verdict.outcome == "better"
    assert {one.measure: one.outcome for one in verdict.others} == {"d.found": "better", "d.waste": "worse"}


@pytest.mark.parametrize(("worth", "outcome"), [(0.5, "as good as"), (0.0001, "cannot tell")])
def test_what_would_be_worth_having_lets_it_say_as_good_as_or_cannot_tell(
    world: Evidence, arm: Arm, worth: float, outcome: str
) -> None:
    settings = SETTINGS.model_copy(update={"worth_having": {"ndcg@5": worth}})
    evaluated = judged(world, {"chance": arm(0.0, 5), "text": arm(0.0, 6)})
    assert by_dimension(evaluated, {"text"}, settings=settings)["accuracy"].outcome == outcome


def test_topics_come_before_the_encoders_own_space(world: Evidence, arm: Arm) -> None:
    diversity = by_dimension(judged(world, {"chance": arm(0.0), "text": arm(1.0, 3)}), {"text"})["diversity"]
    assert diversity.primary is not None
    assert diversity.primary.measure == "topic-ild@5"


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


def test_logged_propensities_are_no_assumption(world: Evidence, arm: Arm) -> None:
    behaviour = weighed(world, arm, "")["behaviour"]
    assert behaviour.assumed == []
