"""Your own films, tracks or articles: ``items`` and ``events``, with ``users`` and ``exposures`` where they exist."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recsat import Column, Dataset, read_dataset, set_aside
from recsat_content.texts import LIKED_STARS

STARS = 5
ITEMS = {
    "item_id": Column(),
    "title": Column(),
    "kind": Column(default="movie"),
    "year": Column(kind="integer", required=False),
    "genres": Column(kind="list", default=()),
    "tags": Column(kind="list", required=False),
    "description": Column(required=False),
    "language": Column(required=False),
    "age_rating": Column(kind="integer", required=False),
    "regions": Column(kind="list", required=False),
    **dict.fromkeys(("available_from", "available_until", "released"), Column(kind="time", required=False)),
}


def read_tables(folder: Path, timestamp_format: str | None) -> Dataset:
    """CSV, Parquet or JSON lines of ``folder`` in the schema of the README. Ratings beyond five stars are faults of their rows."""
    return with_stars(read_dataset(folder, items=ITEMS, time_format=timestamp_format))


def with_stars(data: Dataset) -> Dataset:
    """``data`` without ratings on another scale, which are faults of their rows."""
    value = pl.col("value")
    return set_aside(
        data,
        "events",
        (pl.col("event") == "rating") & value.is_finite() & ~value.is_between(0, STARS),
        column="value",
        reason=f"is not between 0 and {STARS} stars",
        fix=f"Rescale ratings to {STARS} stars: {LIKED_STARS} and more count as liked.",
    )
