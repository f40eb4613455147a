"""Your own shop: ``items`` and ``events``, with ``users`` and ``exposures`` where they exist."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl

from recsat import Column, DataError, Dataset, read_dataset, rescale_ratings
from recsat_ecommerce.config import EcommerceConfig

STARS = 5
ITEMS = {
    "item_id": Column(),
    "title": Column(required=False),
    "description": Column(required=False),
    "brand": Column(required=False),
    "categories": Column(kind="list", required=False),
    "price": Column(kind="number", required=False, least=0),
    "in_stock": Column(kind="boolean", required=False),
    "markets": Column(kind="list", required=False),
    "repeatable": Column(kind="boolean", required=False),
}
USERS = {"user_id": Column(), "market": Column(required=False)}


def read_tables(config: EcommerceConfig) -> Dataset:
    """CSV, Parquet or JSON lines of the folder in the schema of the README.

    Ratings beyond their scale are faults of their rows. Raises DataError where purchases and clicks are both among the events.
    """
    assert config.folder is not None, "the config model sees to it"
    folder, form = Path(config.folder), config.timestamp_format
    pictures = {} if config.image_column is None else {config.image_column: Column()}
    items = ITEMS | pictures | {name: Column(kind="list") for name in config.vector_columns}
    highest = STARS if config.rating_scale is None else config.rating_scale[1]
    data = read_dataset(
        folder, items=items, users=USERS, time_format=form, tables=config.tables, highest_rating=highest
    )
    if {"click", "purchase"} <= set(data.events["event"].unique()):
        raise DataError(
            "events: 'click' and 'purchase' are both there. A click is what counts as liked where nobody buys; "
            "call clicks 'view' where people buy."
        )
    data = rescale_ratings(data, config.rating_scale, STARS)
    nothing = pl.lit([], dtype=pl.List(pl.String))
    topics = pl.col("categories").fill_null(nothing) if "categories" in data.items.columns else nothing
    return replace(data, items=data.items.with_columns(kind=pl.lit("product"), topics=topics))
