"""The outcome model of exposures on a simulated log, and on one that is worked by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import brier_score_loss, log_loss
from town import ITEMS, day, events, inputs

from recsat import Dataset
from recsat.config.settings import MeasureSettings, SplitSettings
from recsat.data.split import Split, split_events
from recsat.measure.prediction import log_loss_of
from recsat.result.model import PredictionError
from recsat.stages.trial import outcomes
from recsat.stages.trial.exposure_features import Log
from recsat.stages.trial.inputs import RunInputs
from recsat.stages.trial.outcomes import outcome_errors
from recsat.testing.simulate import SimulatorSettings, log_exposures, make_world, popularity_policy

SETTINGS = MeasureSettings(n_bootstrap=200)
LIKED = pl.col("event") == "like"


def simulated(seed: int = 3) -> tuple[RunInputs, Split]:
    """60 users and 40 items, 90 days; who clicks likes at once, and one click in two becomes a purchase an hour later."""
    settings = SimulatorSettings(
        n_users=60, n_items=40, n_days=90, visits_per_day=0.5, n_slots=4, taste_weight=5.0, seed=seed
    )
    world = make_world(("a", "b", "c", "d"), settings)
    log = log_exposures(world, popularity_policy(world), "log")
    clicked = log.filter("click").select("user_id", "item_id", "timestamp", value=pl.lit(None, pl.Float64))
    bought = clicked.gather_every(2).with_columns(pl.col("timestamp") + pl.duration(hours=1), event=pl.lit("purchase"))
    happened = pl.concat([clicked.with_columns(event=pl.lit("like")), bought])
    items = log.select("item_id").unique().sort("item_id").with_columns(kind=pl.lit("shop"), title="item_id")
    data = Dataset(
        items=items,
        events=happened.select("user_id", "item_id", "event", "value", "timestamp"),
        exposures=log.drop("examined", "satisfaction"),
    )
    run_inputs = inputs(data)
    run_inputs = replace(run_inputs, domain=replace(run_inputs.domain, worth={"purchase": 1.0}))
    return run_inputs, split_events(data.events, LIKED, SplitSettings(), seed=0)


@pytest.fixture(scope="module")
def world() -> tuple[RunInputs, Split]:
    return simulated()


@pytest.fixture(scope="module")
def errors(world: tuple[RunInputs, Split]) -> list[PredictionError]:
    of_run, lacks = outcome_errors(*world, SETTINGS)
    assert lacks == []
    return of_run


def predictions_of(error: PredictionError) -> list[float]:
    return [bin.predicted for bin in error.reliability]


def with_exposures(world: tuple[RunInputs, Split], exposures: pl.DataFrame | None) -> tuple[RunInputs, Split]:
    return replace(world[0], dataset=replace(world[0].dataset, exposures=exposures)), world[1]


def test_clicks_and_what_has_a_worth_are_predicted_on_both_parts_better_than_by_the_rate(
    errors: list[PredictionError],
) -> None:
    assert [(e.event, e.part) for e in errors] == [
        (event, part) for event in ("click", "purchase") for part in ("validation", "test")
    ]
    click = errors[1]
    assert click.arm is None
    assert click.against_known_rate is not None
    assert click.log_loss_of_known_rate is not None
    assert click.against_known_rate.value == pytest.approx(click.log_loss - click.log_loss_of_known_rate)
    assert click.against_known_rate.high is not None
    assert click.against_known_rate.high < 0
    assert sum(bin.n for bin in click.reliability) == click.n
    assert click.calibration_error < 0.05


def test_what_is_judged_is_every_exposure_after_the_cut(
    world: tuple[RunInputs, Split], errors: list[PredictionError]
) -> None:
    cut = world[1].test["timestamp"].min()
    exposures = world[0].dataset.exposures
    assert exposures is not None
    after = exposures.filter(pl.col("timestamp") >= cut)
    before = exposures.filter(pl.col("timestamp") < cut)
    assert (errors[1].n, errors[1].n_users) == (after.height, after["user_id"].n_unique())
    assert errors[1].rate == pytest.approx(after["click"].mean())
    assert errors[1].known_rate == pytest.approx(before["click"].mean())


def test_outcomes_after_the_cut_change_no_prediction(
    world: tuple[RunInputs, Split], errors: list[PredictionError]
) -> None:
    cut = world[1].test["timestamp"].min()
    exposures = world[0].dataset.exposures
    assert exposures is not None
    flipped = exposures.with_columns(click=pl.col("click") ^ (pl.col("timestamp") >= cut))
    of_run, _ = outcome_errors(*with_exposures(world, flipped), SETTINGS)
    assert predictions_of(of_run[0]) == pytest.approx(predictions_of(errors[0]))
    assert of_run[0].rate == errors[0].rate
    assert predictions_of(of_run[1]) == pytest.approx(predictions_of(errors[1]))
    assert of_run[1].rate == pytest.approx(1 - errors[1].rate)


def test_events_after_the_cut_change_no_prediction(
    world: tuple[RunInputs, Split], errors: list[PredictionError]
) -> None:
    run_inputs, split = world
    without = replace(
        run_inputs, dataset=replace(run_inputs.dataset, events=pl.concat([split.train, split.validation]))
    )
    of_run, _ = outcome_errors(without, split, SETTINGS)
    assert predictions_of(of_run[1]) == pytest.approx(predictions_of(errors[1]))


def test_each_half_of_the_validation_users_is_judged_by_a_model_of_the_other_half(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Even users click in the first place alone, odd ones in the second: the other half's model is wrong of everybody."""
    run_inputs, split = simulated()
    exposures = run_inputs.dataset.exposures
    assert exposures is not None
    users = exposures["user_id"].unique().sort()
    odd = exposures["user_id"].replace_strict({user: row % 2 for row, user in enumerate(users)}, return_dtype=pl.Int64)
    clicks = (exposures["position"] == odd + 1).alias("click")
    world = with_exposures((run_inputs, split), exposures.with_columns(clicks))
    monkeypatch.setattr(outcomes, "exposure_features", lambda rows, *_, **__: np.eye(5)[rows.positions])
    validation, test = outcome_errors(*world, SETTINGS)[0][:2]
    assert validation.log_loss > 1
    assert test.log_loss < 0.7


def test_a_conversion_is_put_down_to_the_last_exposure_within_a_day() -> None:
    exposed = [
        ("ann", "a", 1.0),
        ("ann", "a", 2.0),
        ("ann", "b", 2.0),
        ("bob", "a", 2.0),
        ("bob", "a", 9.0),
        ("cem", "a", 1.0),
    ]
    exposures = pl.DataFrame(
        [(user, item, day(at)) for user, item, at in exposed],
        schema={"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Datetime("us", "UTC")},
        orient="row",
    ).sort("timestamp", maintain_order=True)
    bought = events(("ann", "a", 2.5), ("bob", "a", 3.5), ("bob", "a", 9.0), ("cem", "a", 0.5), ("ann", "c", 2.5))
    converted = exposures.with_columns(outcomes._converted(exposures, bought).alias("done")).filter("done")
    # ann's second; bob's at its very moment, and not the one a day and a half before; cem bought before it was shown.
    assert converted.select("user_id", "item_id", "timestamp").rows() == [
        ("ann", "a", day(2.0)),
        ("bob", "a", day(9.0)),
    ]


def test_conversions_that_cannot_be_watched_to_the_end_of_the_day_are_left_out(
    world: tuple[RunInputs, Split], errors: list[PredictionError]
) -> None:
    exposures = world[0].dataset.exposures
    assert exposures is not None
    cut, end = world[1].test["timestamp"].min(), exposures["timestamp"].max()
    watched = exposures.filter((pl.col("timestamp") >= cut) & (pl.col("timestamp") + outcomes.CONVERSION_WINDOW <= end))
    assert errors[3].n == watched.height
    assert errors[3].rate == pytest.approx(errors[1].rate / 2, abs=0.03)


def test_losses_are_those_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    tables: list[pl.DataFrame] = []
    monkeypatch.setattr(outcomes, "log_loss_of", lambda table: tables.append(table) or log_loss_of(table))
    of_run, _ = outcome_errors(*simulated(), SETTINGS)
    for error, control in zip(of_run, tables, strict=True):
        observed = control["observed"].to_numpy()
        assert error.log_loss_of_known_rate == pytest.approx(log_loss(observed, control["predicted"].to_numpy()))
        assert brier_score_loss(observed, control["predicted"].to_numpy()) > error.brier


@pytest.mark.parametrize(
    ("exposures", "protocol", "reason"),
    [
        (False, "timeline", "nobody recorded what was shown"),
        (True, "random", "Split timeline does not cut by time"),
    ],
)
def test_what_cannot_be_predicted_says_why(
    world: tuple[RunInputs, Split], exposures: bool, protocol: str, reason: str
) -> None:
    run_inputs, split = world if exposures else with_exposures(world, None)
    of_run, lacks = outcome_errors(run_inputs, replace(split, protocol=protocol), SETTINGS)
    assert of_run == []
    assert [lack.name for lack in lacks] == ["outcome-error"]
    assert reason in lacks[0].reason


def test_too_few_clicks_say_nothing(world: tuple[RunInputs, Split]) -> None:
    exposures = world[0].dataset.exposures
    assert exposures is not None
    cut = world[1].test["timestamp"].min()
    rare = exposures.with_columns(click=pl.col("click") & (pl.col("timestamp") < cut))
    of_run, lacks = outcome_errors(*with_exposures(world, rare), SETTINGS)
    assert ("click", "test") not in {(error.event, error.part) for error in of_run}
    assert [lack.name for lack in lacks] == ["click-error"]


def test_exposures_of_items_that_the_run_leaves_out_are_left_out(
    world: tuple[RunInputs, Split], errors: list[PredictionError]
) -> None:
    exposures = world[0].dataset.exposures
    assert exposures is not None
    unknown = exposures.head(500).with_columns(item_id=pl.lit("dropped"))
    more, _ = outcome_errors(*with_exposures(world, pl.concat([exposures, unknown])), SETTINGS)
    for one, other in zip(more, errors, strict=True):
        assert (one.n, predictions_of(one)) == (other.n, pytest.approx(predictions_of(other)))
    assert "dropped" not in ITEMS["item_id"]


def test_exposures_without_a_click_or_a_worth_say_why(world: tuple[RunInputs, Split]) -> None:
    exposures = world[0].dataset.exposures
    assert exposures is not None
    run_inputs, split = with_exposures(world, exposures.drop("click"))
    worthless = replace(run_inputs, domain=replace(run_inputs.domain, worth={}))
    of_run, lacks = outcome_errors(worthless, split, SETTINGS)
    assert of_run == []
    assert "No click was logged" in lacks[0].reason


def test_one_exposure_far_after_all_others_does_not_end_the_log() -> None:
    times = np.arange(100) * 86_400_000_000
    ones = np.ones(101, dtype=np.int64)
    log = Log(ones, ones, np.append(times, times[-1] * 50), ones, ones.astype(bool), ones)
    assert log.end == times[-1] + 1
