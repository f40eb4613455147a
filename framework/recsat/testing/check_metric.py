"""Rules for satisfaction metrics: one number a user at most, within bounds, whatever the order of rows."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from recsat.contract.domain import Judged, SatisfactionMetric

ROUNDING = 1e-9


def check_metric(metric: SatisfactionMetric, judged: Judged, case: str) -> None:
    """Raises AssertionError that names the metric, the case and what to do. Metrics whose exposures or ties the data
    lack are not computed, as in a run."""
    if ("exposures" in metric.needs and judged.exposures is None) or ("ties" in metric.needs and judged.ties is None):
        return
    where = f"metric {metric.name}, {case}"
    try:
        values = metric.compute(judged)
    except Exception as error:
        raise AssertionError(
            f"{where}: it raised {type(error).__name__}: {error}. Return no rows where nothing is defined."
        ) from error
    assert isinstance(values, pl.DataFrame), (
        f"{where}: it returns a {type(values).__name__}; return a DataFrame (user_id, value)."
    )
    assert set(values.columns) == {"user_id", "value"}, (
        f"{where}: it returns {values.columns}; return user_id and value."
    )
    assert values.schema["user_id"] == pl.String, (
        f"{where}: user_id is {values.schema['user_id']}; return the ids as they are."
    )
    assert values.schema["value"].is_numeric() or values.schema["value"] == pl.Null, (
        f"{where}: value is {values.schema['value']}; return numbers."
    )
    twice = values.filter(values["user_id"].is_duplicated())["user_id"]
    assert twice.is_empty(), f"{where}: it returns user {twice[0]!r} more than once. Return one number for each user."
    users = judged.users
    if metric.of_exposed and judged.exposures is not None:
        users = pl.concat([users, judged.exposures["user_id"]])
    unknown_users = values.filter(~pl.col("user_id").is_in(users.implode()))["user_id"]
    assert unknown_users.is_empty(), (
        f"{where}: it returns user {unknown_users[0]!r}, who is not judged. Look at judged.users."
    )
    _check_range(metric, values.drop_nulls(), where)
    again = metric.compute(_reversed(judged)).sort("user_id")
    _check_same(values.sort("user_id"), again, where)


def _check_range(metric: SatisfactionMetric, values: pl.DataFrame, where: str) -> None:
    numbers = values["value"].cast(pl.Float64)
    low, high = (None, None) if metric.of_exposed else metric.bounds
    assert numbers.is_finite().all(), (
        f"{where}: a value is NaN or infinite. Leave out users for whom it is not defined."
    )
    least, most = numbers.min(), numbers.max()
    if isinstance(least, float) and low is not None:
        assert least >= low - ROUNDING, f"{where}: it returns {least}, below its bound {low}."
    if isinstance(most, float) and high is not None:
        assert most <= high + ROUNDING, f"{where}: it returns {most}, above its bound {high}."


def _check_same(values: pl.DataFrame, again: pl.DataFrame, where: str) -> None:
    other = f"{where}: it gives other values when rows come in another order. Sort by rank or time before taking a first or last."
    assert values["user_id"].equals(again["user_id"]), other
    assert values["value"].is_null().equals(again["value"].is_null()), other
    gaps = (values["value"].cast(pl.Float64) - again["value"].cast(pl.Float64)).abs()
    assert (gaps <= ROUNDING).all(), other


def _reversed(judged: Judged) -> Judged:
    return replace(
        judged,
        lists=judged.lists.reverse(),
        outcomes=judged.outcomes.reverse(),
        hits=judged.hits.reverse(),
        users=judged.users.reverse(),
        history=judged.history.reverse(),
        exposures=None if judged.exposures is None else judged.exposures.reverse(),
        ties=None if judged.ties is None else judged.ties.reverse(),
    )
