"""Your own shop: ``items`` and ``events``, with ``users`` and ``exposures`` where they exist."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recsat import Column, DataError, Dataset, find_table, read_table

STARS = 5
REFUND = "is less than nothing, and the event is a purchase"
ITEMS = {
    "item_id": Column(),
    "title": Column(),
    "description": Column(required=False),
    "brand": Column(required=False),
    "categories": Column(kind="list", required=False),
    "price": Column(kind="number", required=False),
    "in_stock": Column(kind="boolean", required=False),
    "markets": Column(kind="list", required=False),
    "repeatable": Column(kind="boolean", required=False),
}
USERS = {"user_id": Column(), "market": Column(required=False)}


def read_tables(folder: Path, timestamp_format: str | None) -> Dataset:
    """CSV, Parquet or JSON lines of ``folder`` in the schema of the README.

    Purchases of less than nothing and ratings beyond five stars are faults of their rows. Raises DataError where purchases and clicks are both among the events.
    """
    time = Column(kind="time", time_format=timestamp_format)
    event_columns = {
        "user_id": Column(),
        "item_id": Column(),
        "event": Column(),
        "value": Column(kind="number", required=False),
        "timestamp": time,
    }
    exposure_columns = {
        "user_id": Column(),
        "item_id": Column(),
        "position": Column(kind="integer"),
        "timestamp": time,
        "policy": Column(),
        "propensity": Column(kind="number"),
        "click": Column(kind="boolean"),
    }
    items, item_faults = read_table((folder, "items"), ITEMS)
    events, event_faults = read_table((folder, "events"), event_columns)
    if "value" not in events.columns:
        events = events.with_columns(value=pl.lit(None, dtype=pl.Float64))
    _one_kind_of_liking(events)
    events, value_faults = _with_sound_values(events)
    faults = [item_faults, event_faults, value_faults]
    users = exposures = None
    if (path := find_table(folder, "users")) is not None:
        users, user_faults = read_table(path, USERS)
        faults.append(user_faults)
    if (path := find_table(folder, "exposures")) is not None:
        exposures, exposure_faults = read_table(path, exposure_columns)
        faults.append(exposure_faults)
    return Dataset(
        items=_complete(items),
        events=events,
        users=pl.DataFrame(schema={"user_id": pl.String}) if users is None else users,
        exposures=exposures,
        quarantine=pl.concat(faults),
        source=f"Files in {folder}.",
    )


def _complete(items: pl.DataFrame) -> pl.DataFrame:
    nothing = pl.lit([], dtype=pl.List(pl.String))
    topics = pl.col("categories").fill_null(nothing) if "categories" in items.columns else nothing
    return items.with_columns(kind=pl.lit("product"), topics=topics)


def _one_kind_of_liking(events: pl.DataFrame) -> None:
    if {"click", "purchase"} <= set(events["event"].unique()):
        raise DataError(
            "events: 'click' and 'purchase' are both there. A click is what counts as liked where nobody buys; "
            "call clicks 'view' where people buy."
        )


def _with_sound_values(events: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Events, and faults of refunds that call themselves purchases and of ratings on another scale."""
    refund = (pl.col("event") == "purchase") & (pl.col("value") < 0)
    beyond = (pl.col("event") == "rating") & ~pl.col("value").is_between(0, STARS)
    faults = [
        _faults(events.filter(refund), REFUND, "Net returned goods out of the purchases that they undo."),
        _faults(events.filter(beyond), f"is not between 0 and {STARS} stars", f"Rescale ratings to {STARS} stars."),
    ]
    return events.filter(~(refund | beyond).fill_null(value=False)), pl.concat(faults)


def _faults(bad: pl.DataFrame, reason: str, fix: str) -> pl.DataFrame:
    return bad.select(
        file="_file",
        row="_row",
        column=pl.lit("value"),
        value=pl.col("value").cast(pl.String),
        reason=pl.lit(reason),
        fix=pl.lit(fix),
    )
