"""Your own shop: ``items`` and ``events``, with ``users`` and ``exposures`` where they exist."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recsat import Column, DataError, Dataset, find_table, read_table

ITEMS = {
    "item_id": Column(),
    "title": Column(),
    "description": Column(required=False),
    "brand": Column(required=False),
    "topics": Column(kind="list", source="categories", required=False),
    "price": Column(kind="number", required=False),
    "in_stock": Column(kind="boolean", required=False),
    "markets": Column(kind="list", required=False),
    "repeatable": Column(kind="boolean", required=False),
}
USERS = {"user_id": Column(), "market": Column(required=False)}


def read_tables(folder: Path, timestamp_format: str | None) -> Dataset:
    """CSV, Parquet or JSON lines of ``folder`` in the schema of the README.

    A purchase of less than nothing is a fault of its row. Raises DataError where purchases and clicks are both among the events.
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
    events, refunds = _without_refunds(events)
    faults = [item_faults, event_faults, refunds]
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
    topics = pl.col("topics").fill_null(nothing) if "topics" in items.columns else nothing
    return items.with_columns(kind=pl.lit("product"), topics=topics)


def _one_kind_of_liking(events: pl.DataFrame) -> None:
    if {"click", "purchase"} <= set(events["event"].unique()):
        raise DataError(
            "events: 'click' and 'purchase' are both there. A click is what counts as liked where nobody buys; "
            "call clicks 'view' where people buy."
        )


def _without_refunds(events: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Events, and faults of the purchases with a negative value among them."""
    refund = ((pl.col("event") == "purchase") & (pl.col("value") < 0)).fill_null(value=False)
    faults = events.filter(refund).select(
        file="_file",
        row="_row",
        column=pl.lit("value"),
        value=pl.col("value").cast(pl.String),
        reason=pl.lit("is less than nothing, and the event is a purchase"),
        fix=pl.lit("Net returned goods out of the purchases that they undo"),
    )
    return events.filter(~refund), faults
