"""What an exposure led to: events are put down to the last exposure of the same user and item that lies not long before them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

import polars as pl

CONVERSION_WINDOW = timedelta(days=1)
"""An event within this time of an exposure of the same user and item is put down to it: to the last one, where there are several."""
VALUE = "value"
PAIR = ["user_id", "item_id"]


def credited(exposures: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """``events`` (user_id, item_id, timestamp, …) with ``row``, the number of the exposure that each is put down to; events without such an exposure, or without a time, are left out."""
    rows = exposures.select(*PAIR, "timestamp", row=pl.int_range(pl.len(), dtype=pl.Int64))
    return (
        events.filter(pl.col("timestamp").is_not_null())
        .sort("timestamp")
        .join_asof(
            rows.filter(pl.col("timestamp").is_not_null()).sort("timestamp", maintain_order=True),
            on="timestamp",
            by=PAIR,
            strategy="backward",
            tolerance=CONVERSION_WINDOW,
            check_sortedness=False,
        )
        .drop_nulls("row")
    )


def with_value(exposures: pl.DataFrame, events: pl.DataFrame, names: Collection[str]) -> pl.DataFrame:
    """``exposures`` with ``value``, the sum over the ``events`` of ``names`` that are put down to each, 0 where there is none.

    As they are where they say themselves what each brought in, and where no event of ``names`` has an amount.
    """
    amounts = events.filter(pl.col("event").is_in(list(names)) & pl.col("value").is_not_null())
    if VALUE in exposures.columns or amounts.is_empty():
        return exposures
    sums = credited(exposures, amounts.select(*PAIR, "timestamp", VALUE)).group_by("row").agg(pl.col(VALUE).sum())
    numbered = exposures.with_columns(row=pl.int_range(pl.len(), dtype=pl.Int64))
    return (
        numbered.join(sums, on="row", how="left", maintain_order="left")
        .with_columns(pl.col(VALUE).fill_null(0.0))
        .drop("row")
    )
