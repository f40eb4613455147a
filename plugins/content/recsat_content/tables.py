"""Your own films, tracks or articles: ``items`` and ``events``, with ``users`` and ``exposures`` where they exist."""

from __future__ import annotations

from pathlib import Path

from recsat import Column, Dataset, read_dataset, rescale_ratings
from recsat_content.config import ContentConfig

STARS = 5
ITEMS = {
    "item_id": Column(),
    "title": Column(required=False),
    "kind": Column(default="movie"),
    "year": Column(kind="integer", required=False, least=1, most=2100),
    "genres": Column(kind="list", default=()),
    "tags": Column(kind="list", required=False),
    "description": Column(required=False),
    "language": Column(required=False),
    "age_rating": Column(kind="integer", required=False, least=0),
    "regions": Column(kind="list", required=False),
    **dict.fromkeys(("available_from", "available_until", "released"), Column(kind="time", required=False)),
}


def read_tables(config: ContentConfig) -> Dataset:
    """CSV, Parquet or JSON lines of the folder in the schema of the README. Ratings beyond the scale are faults of their rows."""
    assert config.folder is not None, "the config model sees to it"
    folder, form = Path(config.folder), config.timestamp_format
    highest = STARS if config.rating_scale is None else config.rating_scale[1]
    data = read_dataset(folder, items=ITEMS, time_format=form, tables=config.tables, highest_rating=highest)
    return rescale_ratings(data, config.rating_scale, STARS)
