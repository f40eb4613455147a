from __future__ import annotations

from typing import get_args

import pytest

from recsat.contract.domain import Dimension
from recsat.experiment.causal import causal_tables
from recsat.result.model import (
    CausalCell,
    Comparison,
    Counterfactual,
    CounterfactualPair,
    Estimate,
    Experiment,
    ExperimentEffect,
    Verdict,
)


def verdict(dimension: Dimension, split: str = "timeline", *, measured: bool = True) -> Verdict:
    primary = Comparison(
        arm="text",
        other="ease",
        measure=f"m-{dimension}",
        mean=0.1,
        low=0.05,
        high=0.15,
        p_adjusted=0.01,
        n_users=100,
        outcome="better",
    )
    return Verdict(
        dimension=dimension, split=split, outcome="better", sentence="", primary=primary if measured else None
    )


def log(answer: str = "answers", **changes: object) -> Counterfactual:
    difference = None if answer == "refused" else Estimate(value=0.01, low=-0.01, high=0.03)
    pair = CounterfactualPair.model_validate(
        {"arm": "text", "other": "ease", "answer": answer, "difference": difference}
    )
    fields = {
        "split": "timeline",
        "policies": ["p"],
        "evidence": "logged",
        "n": 9,
        "n_clicks": 1,
        "n_users": 2,
        "n_users_shown": 2,
    }
    return Counterfactual.model_validate(
        {**fields, "logging": difference or Estimate(value=0, low=None, high=None), "arms": [], "pair": pair, **changes}
    )


def experiment(control: str = "ease", treatment: str = "text", **changes: object) -> Experiment:
    effects = [
        ExperimentEffect(
            metric=name, dimension="behaviour", treatment=treatment, role=role, better="higher", mean_control=1, mean_treatment=3,
            difference=Estimate(value=2, low=1, high=4), outcome="better", effective_users=500,
        )
        for name, role in (("visits", "secondary"), ("clicks", "primary"))
    ]  # fmt: skip
    fields = {"source": "log", "simulated": True, "control": control, "n_users": {control: 50, treatment: 50}}
    return Experiment.model_validate(
        {**fields, "shares": {control: 0.5, treatment: 0.5}, "sample_ratio_p": 1, "effects": effects, **changes}
    )


def cells(logs: list[Counterfactual], one: Experiment | None, dimension: Dimension) -> list[CausalCell]:
    verdicts = [verdict(name) for name in get_args(Dimension)]
    (table,) = causal_tables(verdicts, logs, one, labels={"m-accuracy": "nDCG@10"}, simulated=False)
    assert (table.arm, table.other) == ("text", "ease")
    return next(row.cells for row in table.rows if row.dimension == dimension)


def test_behaviour_has_all_three() -> None:
    replay, off_policy, assigned = cells(
        [log("limited", evidence="assumed", propensity_model="share in the log")], experiment(), "behaviour"
    )
    assert (replay.measure, replay.estimate) == ("m-behaviour", Estimate(value=0.1, low=0.05, high=0.15))
    assert (off_policy.estimate, off_policy.limited, off_policy.assumed) == (
        Estimate(value=0.01, low=-0.01, high=0.03),
        True,
        True,
    )
    assert (assigned.measure, assigned.estimate, assigned.simulated) == (
        "clicks",
        Estimate(value=2, low=1, high=4),
        True,
    )
    assert [cell.evidence for cell in (replay, off_policy, assigned)] == ["replay", "log", "experiment"]


@pytest.mark.parametrize(
    ("logs", "one", "dimension", "lacks"),
    [
        ([log()], experiment(), "accuracy", [None, "nothing held out", "nothing held out"]),
        ([log()], experiment(), "diversity", [None, "single places", "no metric"]),
        ([log()], experiment(), "business", [None, "clicks alone", "no metric"]),
        ([], None, "behaviour", [None, "no log", "no experiment"]),
        ([log(pair=None)], experiment(treatment="other"), "behaviour", [None, "no log", "other policies"]),
        ([log("refused")], experiment(stop="mismatch", effects=[]), "behaviour", [None, "log refused", "stopped"]),
        ([log(split="other")], experiment("x", "text"), "behaviour", [None, "no log", "other policies"]),
        ([log()], experiment(split="cold"), "behaviour", [None, None, "other policies"]),
    ],
)
def test_an_empty_cell_says_why(
    logs: list[Counterfactual], one: Experiment | None, dimension: Dimension, lacks: list[str | None]
) -> None:
    row = cells(logs, one, dimension)
    assert [cell.lack for cell in row] == lacks
    assert all((cell.estimate is None) == (cell.lack is not None) for cell in row)


def test_what_the_log_brought_in_stands_beside_its_clicks() -> None:
    value = log("limited", reward="value", unit="money", n_clicks=4)
    value = value.model_copy(
        update={"pair": value.pair.model_copy(update={"difference": Estimate(value=0.3, low=0.1, high=0.5)})}  # type: ignore[union-attr]
    )
    of_business, of_behaviour = (cells([log(), value], None, name)[1] for name in ("business", "behaviour"))  # type: ignore[arg-type]
    assert (of_business.measure, of_business.limited) == ("value per exposure", True)
    assert of_business.estimate == Estimate(value=0.3, low=0.1, high=0.5)
    assert (of_behaviour.measure, of_behaviour.limited) == ("clicks per exposure", False)
    assert of_behaviour.estimate == Estimate(value=0.01, low=-0.01, high=0.03)
    refused = cells([log(), log("refused", reward="value")], None, "business")[1]
    assert (refused.measure, refused.lack) == ("value per exposure", "log refused")


def test_a_replayed_measure_that_rests_on_assumed_propensities_says_so() -> None:
    verdicts = [verdict(name) for name in get_args(Dimension)]
    by_model = [
        one.model_copy(
            update={"assumed": ["m-behaviour"]} if one.dimension == "behaviour" else {"assumed": ["m-other"]}
        )
        for one in verdicts
    ]
    (table,) = causal_tables(by_model, [], None, labels={}, simulated=False)
    assert {row.dimension: row.cells[0].assumed for row in table.rows} == {
        "accuracy": False, "diversity": False, "behaviour": True, "business": False,
    }  # fmt: skip


@pytest.mark.parametrize(("evidence", "model"), [("assumed", ""), ("logged", "share of the item in the log")])
def test_no_log_is_assumed_without_a_model_or_has_one_without_saying_so(evidence: str, model: str) -> None:
    with pytest.raises(ValueError, match="evidence: it is assumed where a propensity_model is named"):
        log(evidence=evidence, propensity_model=model)


def test_the_label_of_a_measure_is_shown() -> None:
    assert cells([], None, "accuracy")[0].measure == "nDCG@10"


def test_an_experiment_whose_control_is_the_models_arm_is_turned_around() -> None:
    assert cells([], experiment("text", "ease"), "behaviour")[2].estimate == Estimate(value=-2, low=-4, high=-1)


def test_a_simulated_experiment_speaks_of_the_arms_of_its_split() -> None:
    assert cells([], experiment(split="timeline"), "behaviour")[2] == cells([], experiment(), "behaviour")[2]


def test_a_split_without_a_pair_has_no_table_and_an_unmeasured_dimension_says_so() -> None:
    none = [verdict("accuracy", "cold", measured=False)]
    verdicts = [*none, verdict("accuracy"), verdict("business", measured=False)]
    (table,) = causal_tables(verdicts, [], None, labels={}, simulated=True)
    assert table.split == "timeline"
    assert {row.dimension: row.cells[0].lack for row in table.rows} == {
        "accuracy": None, "diversity": "not measured", "behaviour": "not measured", "business": "not measured",
    }  # fmt: skip
    assert table.rows[0].cells[0].simulated
