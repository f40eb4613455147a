"""A row for each user of an experiment: the group, and what the user did."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import polars as pl

from recsat.config.settings import ExperimentMetric, ExperimentSettings
from recsat.data.columns import Column
from recsat.data.faults import sentences, without_origin
from recsat.data.moments import latest
from recsat.data.reading import read_table
from recsat.data.schema import future_faults
from recsat.errors import DataError, did_you_mean

EXPOSURES = "exposures"
"""In the place of a column: how often something was shown."""
CLICK_RATE: Mapping[str, ExperimentMetric] = {"clicks per exposure": ExperimentMetric(value="click", per=EXPOSURES)}
KINDS: tuple[Literal["number", "boolean"], ...] = ("number", "boolean")
MOST_OF_SEVERAL = 0.01
"""Share of the users to whom several policies may have been shown."""


def read_log(path: Path, settings: ExperimentSettings) -> pl.DataFrame:
    """(user_id, policy, timestamp where it is there, and the columns of the metrics) of a CSV, Parquet or JSON lines file.

    Raises DataError, naming file, row and cell, for what is no number where a number must be, or has not happened yet.
    """
    numbers = sorted(set(_columns(settings.metrics or CLICK_RATE)))
    columns = {
        "user_id": Column(),
        settings.policy: Column(),
        "timestamp": Column(kind="time", required=False, unreadable="row"),
    }
    table, faults = read_table(path, columns | {name: _number_or_truth(path, name) for name in numbers})
    if "timestamp" in table.columns:
        faults = pl.concat([faults, future_faults(table)])
    if faults.height:
        raise DataError(sentences(faults)[0])
    return without_origin(table)


def _number_or_truth(path: Path, name: str) -> Column:
    """How the column can be read: as numbers, or as true and false; as numbers where neither can be."""
    kinds = [Column(kind=kind, required=False, unreadable="row") for kind in KINDS]
    for column in kinds:
        try:
            _, faults = read_table(path, {"user_id": Column(), name: column}, notes=[])
        except DataError:  # stored as something else, such as true and false in a Parquet file
            continue
        if not faults.height:
            return column
    return kinds[0]


def users_of(
    log: pl.DataFrame, settings: ExperimentSettings, metrics: Mapping[str, ExperimentMetric], source: str
) -> tuple[pl.DataFrame, int]:
    """A row a user: policy, first, last of the log, and of each metric value, per and before; and how many saw several policies."""
    _require_columns(log, settings, metrics, source)
    frame = log.with_columns(policy=pl.col(settings.policy).cast(pl.String), user_id=pl.col("user_id").cast(pl.String))
    empty = frame.filter(pl.col("policy").is_null() | pl.col("user_id").is_null())
    if empty.height:
        raise DataError(
            f"{source}: {empty.height:,} rows without user_id or {settings.policy}. Fill them in, or take them out."
        )
    timed = "timestamp" in frame.columns and not frame["timestamp"].null_count()
    if settings.days is not None and not timed:
        raise DataError(f"{source}: days asks for a timestamp in every row. Add it, or leave days out.")
    if timed:
        first = pl.col("timestamp").min().over("user_id")
        frame = frame.with_columns(first=first, end=pl.lit(latest(frame["timestamp"])))
        if settings.days is not None:
            frame = frame.filter(pl.col("timestamp") < first + pl.duration(days=settings.days))
    sums = [
        _sum(column).alias(f"{part} {name}")
        for name, metric in metrics.items()
        for part, column in (("value", metric.value), ("per", metric.per))
        if column is not None
    ]
    before = [
        pl.col(metric.before).cast(pl.Float64).drop_nulls().first().alias(f"before {name}")
        for name, metric in metrics.items()
        if metric.before is not None
    ]
    times = [pl.col("first").first(), pl.col("end").first()] if timed else []
    users = (
        frame.group_by("user_id")
        .agg(pl.col("policy").first(), pl.col("policy").n_unique().alias("n_policies"), *times, *sums, *before)
        .sort("user_id")
    )
    several = users.filter(pl.col("n_policies") > 1).height
    if several > MOST_OF_SEVERAL * users.height:
        raise DataError(
            f"{source}: {several:,} of {users.height:,} users were shown several policies, so that they were not assigned by user. Compare users who saw one."
        )
    return users.filter(pl.col("n_policies") == 1), several


def _sum(column: str) -> pl.Expr:
    if column == EXPOSURES:
        return pl.len().cast(pl.Float64)
    return pl.col(column).cast(pl.Float64).fill_null(0.0).sum()


def finished(users: pl.DataFrame, settings: ExperimentSettings) -> tuple[pl.DataFrame, int]:
    """Users whose days are over by the end of the log, and how many others there are."""
    if settings.days is None:
        return users, 0
    over = users.filter(pl.col("first") + pl.duration(days=settings.days) <= pl.col("end"))
    return over, users.height - over.height


def _columns(metrics: Mapping[str, ExperimentMetric]) -> list[str]:
    """Those that metrics name."""
    return [c for m in metrics.values() for c in (m.value, m.per, m.before) if c is not None and c != EXPOSURES]


def _require_columns(
    log: pl.DataFrame, settings: ExperimentSettings, metrics: Mapping[str, ExperimentMetric], source: str
) -> None:
    for name in ("user_id", settings.policy, *_columns(metrics)):
        if name not in log.columns:
            raise DataError(
                f"{source}: no column {name!r}; there are {', '.join(log.columns)}.{did_you_mean(name, log.columns)}"
            )
    for name in _columns(metrics):
        if not (log.schema[name].is_numeric() or log.schema[name] == pl.Boolean):
            raise DataError(
                f"{source}: column {name!r} is no number: {log.schema[name]}. Metrics are sums of numbers, or of true and false."
            )
