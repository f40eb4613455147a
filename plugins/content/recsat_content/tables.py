"""Your own films, tracks or articles: ``items`` and ``events``, with ``users`` and ``exposures`` where they exist."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recsat import Column, DataError, Dataset, find_table, read_table
from recsat_content.texts import LIKED_STARS

ITEMS = {
    "item_id": Column(),
    "title": Column(),
    "kind": Column(required=False),
    "year": Column(kind="integer", required=False),
    "genres": Column(kind="list", required=False),
    "tags": Column(kind="list", required=False),
    "description": Column(required=False),
    "language": Column(required=False),
    "age_rating": Column(kind="integer", required=False),
    "regions": Column(kind="list", required=False),
}
STARS = 5
ITEM_TIMES = ("available_from", "available_until", "released")


def read_tables(folder: Path, timestamp_format: str | None) -> Dataset:
    """CSV, Parquet or JSON lines of ``folder`` in the schema of the README. ``kind`` is movie where it is not given."""
    time = Column(kind="time", time_format=timestamp_format)
    maybe_time = Column(kind="time", time_format=timestamp_format, required=False)
    events_columns = {
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
    items, item_faults = read_table((folder, "items"), {**ITEMS, **dict.fromkeys(ITEM_TIMES, maybe_time)})
    events, event_faults = read_table((folder, "events"), events_columns)
    _refuse_other_scales(events)
    faults = [item_faults, event_faults]
    users = exposures = None
    if (path := find_table(folder, "users")) is not None:
        users, user_faults = read_table(path, {"user_id": Column()})
        faults.append(user_faults)
    if (path := find_table(folder, "exposures")) is not None:
        exposures, exposure_faults = read_table(path, exposure_columns)
        faults.append(exposure_faults)
    return Dataset(
        items=_complete(items),
        events=events if "value" in events.columns else events.with_columns(value=pl.lit(None, dtype=pl.Float64)),
        users=pl.DataFrame(schema={"user_id": pl.String}) if users is None else users,
        exposures=exposures,
        quarantine=pl.concat(faults),
        source=f"Files in {folder}.",
    )


def _refuse_other_scales(events: pl.DataFrame) -> None:
    if "value" not in events.columns:
        return
    beyond = events.filter(
        (pl.col("event") == "rating") & ~pl.col("value").is_between(0, STARS) & pl.col("value").is_finite()
    )
    if beyond.height:
        file, row, value = beyond.select("_file", "_row", "value").row(0)
        raise DataError(
            f"{file}, row {row}: rating {value:g} is not between 0 and {STARS} stars ({beyond.height} such rows). "
            f"Rescale ratings to {STARS} stars: {LIKED_STARS} and more count as liked."
        )


def _complete(items: pl.DataFrame) -> pl.DataFrame:
    kind = pl.col("kind").fill_null("movie") if "kind" in items.columns else pl.lit("movie")
    nothing = pl.lit([], dtype=pl.List(pl.String))
    genres = pl.col("genres").fill_null(nothing) if "genres" in items.columns else nothing
    return items.with_columns(kind=kind, genres=genres)
