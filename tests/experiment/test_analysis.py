from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsat.config.settings import ExperimentMetric, ExperimentSettings
from recsat.errors import DataError
from recsat.experiment import adjusted_effect, analyse, mean_effect, ratio_effect, read_log
from recsat.result.model import Experiment, ExperimentEffect

START = datetime(2026, 3, 1, tzinfo=UTC)


def log(n: int = 400, lift: float = 0.0, seed: int = 0, policies: tuple[str, ...] = ("old", "new")) -> pl.DataFrame:
    """Exposures of ``n`` users over twenty days; the last policy clicks ``lift`` more, and spends likewise."""
    rng = np.random.default_rng(seed)
    policy = np.arange(n) % len(policies)
    n_exposures = rng.integers(1, 9, n)
    user = np.repeat(np.arange(n), n_exposures)
    rate = 0.3 + lift * (policy == len(policies) - 1)
    first = rng.uniform(0, 18, n)
    before = rng.gamma(2, 5, n)
    return pl.DataFrame(
        {
            "user_id": [f"u{i}" for i in user],
            "policy": [policies[policy[i]] for i in user],
            "timestamp": [START + timedelta(days=first[i] + rng.uniform(0, 2)) for i in user],
            "click": rng.random(len(user)) < rate[user],
            "spent": before[user] * 0.1
            + rng.gamma(1, 1, len(user)) * (1 + 2 * lift * (policy[user] == len(policies) - 1)),
            "spent_before": before[user],
        }
    )


def settings(**changes: object) -> ExperimentSettings:
    return ExperimentSettings.model_validate({"control": "old", **changes})


def run(table: pl.DataFrame, **changes: object) -> Experiment:
    return analyse(table, settings(**changes), source="log.csv")


def test_each_metric_is_compared_over_users() -> None:
    table = log()
    metrics = {
        "ctr": {"value": "click", "per": "exposures"},
        "clicks": {"value": "click", "role": "secondary"},
        "spent": {"value": "spent", "before": "spent_before", "role": "secondary"},
    }
    experiment = run(table, metrics=metrics)
    users = (
        table.group_by("user_id", "policy")
        .agg(pl.col("click").sum(), pl.len(), pl.col("spent").sum(), pl.col("spent_before").first())
        .sort("user_id")
    )
    old, new = (
        {c: part[c].to_numpy().astype(float) for c in users.columns[2:]}
        for part in (users.filter(policy="old"), users.filter(policy="new"))
    )
    expected = [
        ratio_effect((old["click"], old["len"]), (new["click"], new["len"])),
        mean_effect(old["click"], new["click"]),
        adjusted_effect(old["spent"], new["spent"], old["spent_before"], new["spent_before"]),
    ]
    assert experiment.n_users == {"old": 200, "new": 200}
    assert experiment.sample_ratio_p == pytest.approx(1)
    for one, effect in zip(experiment.effects, expected, strict=True):
        assert (one.difference.value, one.difference.low, one.p) == pytest.approx(
            (effect.difference, effect.low, effect.p)
        )
    assert experiment.effects[2].variance_ratio == pytest.approx(expected[2].variance_ratio)
    assert [one.p_adjusted for one in experiment.effects] == [pytest.approx(expected[0].p), None, None]
    (imbalance,) = experiment.imbalances
    assert imbalance.metric == "spent"
    assert not imbalance.differs


def only(experiment: Experiment) -> ExperimentEffect:
    (effect,) = experiment.effects
    return effect


@pytest.mark.parametrize(
    ("lift", "better", "outcome"),
    [(0.2, "higher", "better"), (0.2, "lower", "worse"), (-0.2, "higher", "worse"), (0.0, "higher", "not shown")],
)
def test_an_outcome_has_the_direction_of_the_metric(lift: float, better: str, outcome: str) -> None:
    metrics = {"ctr": {"value": "click", "per": "exposures", "better": better}}
    assert only(run(log(lift=lift), metrics=metrics)).outcome == outcome


@pytest.mark.parametrize(
    ("lift", "margin", "outcome"), [(0.0, 0.3, "holds"), (-0.2, 0.1, "fails"), (0.0, 0.02, "not shown")]
)
def test_a_guardrail(lift: float, margin: float, outcome: str) -> None:
    metrics = {"ctr": {"value": "click", "per": "exposures", "role": "guardrail", "margin": margin}}
    effect = only(run(log(lift=lift), metrics=metrics))
    assert (effect.outcome, effect.margin, effect.p_adjusted) == (outcome, margin, None)


def test_primary_metrics_of_all_treatments_are_one_family() -> None:
    table = log(900, lift=0.2, policies=("old", "same", "new"))
    effects = run(table).effects
    assert [(one.treatment, one.outcome) for one in effects] == [("new", "better"), ("same", "not shown")]
    assert effects[0].p_adjusted == pytest.approx(2 * (effects[0].p or 1))


def test_every_effect_has_the_smallest_difference_of_its_family() -> None:
    table = log(900, policies=("old", "same", "new"))
    both = run(table).effects
    alone = run(table.filter(pl.col("policy") != "new")).effects
    assert all(one.detectable for one in both)
    same = next(one for one in both if one.treatment == "same")
    assert (same.detectable or 0) > (alone[0].detectable or 1)
    constant = table.with_columns(click=True)
    assert [
        one.detectable for one in run(constant, metrics={"ctr": {"value": "click", "per": "exposures"}}).effects
    ] == [None] * 2


def test_groups_of_sizes_that_are_no_chance_stop_the_page() -> None:
    table = log()
    gone = table.filter((pl.col("policy") == "old") | (pl.col("user_id").str.slice(1).cast(pl.Int64) < 250))
    stopped = run(gone)
    assert (stopped.stop, stopped.effects, stopped.imbalances) == ("mismatch", [], [])
    planned = run(gone, shares={"old": 200, "new": 125})
    assert planned.stop is None
    assert planned.shares == pytest.approx({"old": 200 / 325, "new": 125 / 325})
    assert run(log(40)).stop == "few users"


def test_groups_that_differed_before_are_marked() -> None:
    table = log().with_columns(spent_before=pl.col("spent_before") + 10 * (pl.col("policy") == "new"))
    (imbalance,) = run(table, metrics={"spent": {"value": "spent", "before": "spent_before"}}).imbalances
    assert imbalance.differs


def test_users_count_once_their_days_are_over() -> None:
    table = log(3000, lift=0.2)
    experiment = run(table, days=2, metrics={"clicks": {"value": "click"}})
    first = table.group_by("user_id").agg(pl.col("timestamp").min())
    end = table["timestamp"].max()
    over = first.filter(pl.col("timestamp") + timedelta(days=2) <= end)
    assert sum(experiment.n_users.values()) == over.height
    assert experiment.n_unfinished == 3000 - over.height > 0
    effect = only(experiment)
    assert effect.every_day is not None
    assert effect.every_day.value == pytest.approx(effect.difference.value)
    assert effect.every_day.low is not None
    assert effect.difference.low is not None
    assert effect.every_day.low < effect.difference.low
    later = table.with_columns(
        click=pl.col("click") & (pl.col("timestamp") < pl.col("timestamp").min().over("user_id") + timedelta(days=1))
    )
    assert only(run(later, days=1, metrics={"clicks": {"value": "click"}})).mean_control == pytest.approx(
        only(run(table, days=1, metrics={"clicks": {"value": "click"}})).mean_control
    )


def test_a_cap_is_drawn_in_by_user() -> None:
    capped = only(run(log(), metrics={"spent": {"value": "spent", "cap": 3}}))
    assert capped.mean_control <= 3 < only(run(log(), metrics={"spent": {"value": "spent"}})).mean_control


def test_users_of_several_policies_are_left_out_and_many_are_refused() -> None:
    table = log()
    again = table.filter(user_id="u0").with_columns(policy=pl.lit("new"))
    experiment = run(pl.concat([table, again]))
    assert (experiment.n_several, experiment.n_users["old"]) == (1, 199)
    with pytest.raises(DataError, match="200 of 400 users were shown several policies"):
        run(pl.concat([table, table.filter(policy="old").with_columns(policy=pl.lit("new"))]))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"control": "odl"}, r"the control is 'odl'.*Did you mean 'old'\?"),
        ({"policy": "arm"}, "log.csv: no column 'arm'"),
        ({"metrics": {"m": {"value": "clik"}}}, r"no column 'clik'.*Did you mean 'click'\?"),
        ({"metrics": {"m": {"value": "policy"}}}, "column 'policy' is no number"),
        ({"shares": {"old": 1}}, "shares: they are of old"),
    ],
)
def test_what_does_not_fit_the_log_is_refused(changes: dict[str, object], match: str) -> None:
    with pytest.raises(DataError, match=match):
        run(log(60), **changes)


def test_days_ask_for_times_and_rows_for_a_policy() -> None:
    with pytest.raises(DataError, match="days asks for a timestamp"):
        run(log(60).drop("timestamp"), days=1)
    with pytest.raises(DataError, match="1 rows without user_id or policy"):
        run(pl.concat([log(60), log(60).head(1).with_columns(policy=pl.lit(None, dtype=pl.String))]))


def test_a_ratio_is_plain() -> None:
    with pytest.raises(ValueError, match="a ratio has neither before nor cap"):
        ExperimentMetric(value="click", per="exposures", cap=3)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_file_says_the_same_as_a_table(tmp_path: Path, form: str) -> None:
    table, path = log(), tmp_path / f"log.{form}"
    table.write_csv(path) if form == "csv" else table.write_parquet(path)
    one = settings(days=2, metrics={"ctr": {"value": "click", "per": "exposures"}})
    assert analyse(read_log(path, one), one, source="log.csv") == analyse(table, one, source="log.csv")


def test_a_cell_that_is_no_number_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("user_id,policy,click\nu,old,1\nv,new,perhaps\n")
    with pytest.raises(DataError, match=r"log\.csv, row 3: click 'perhaps'"):
        read_log(path, settings())


def test_one_date_far_after_all_others_does_not_end_the_days_of_everybody() -> None:
    metrics = {"clicks": {"value": "click"}}
    table = log()
    late = table.head(1).with_columns(pl.lit(START + timedelta(days=200)).alias("timestamp"))
    expected, experiment = (run(one, metrics=metrics, days=7) for one in (table, pl.concat([table, late])))
    assert experiment.n_users == expected.n_users


def test_an_event_that_is_still_to_come_is_refused(tmp_path: Path) -> None:
    table = log(20).with_columns(
        pl.when(pl.int_range(pl.len()) == 4)
        .then(datetime(2090, 1, 1, tzinfo=UTC))
        .otherwise("timestamp")
        .alias("timestamp")
    )
    table.write_parquet(tmp_path / "log.parquet")
    with pytest.raises(DataError, match=r"row 5: timestamp '2090.* lies in the future"):
        read_log(tmp_path / "log.parquet", settings())
