"""MovieLens files, bundled or your own copy, as a dataset.

The bundled ml-latest-small is GroupLens' of 2018-09-26; ``sample/README.txt`` is the publisher's text with its terms.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recsat import Dataset

SAMPLE = Path(__file__).with_name("sample")
SOURCE = (
    "MovieLens ml-latest-small by GroupLens, University of Minnesota (F. M. Harper and J. A. Konstan, 2015, "
    "doi:10.1145/2827872); for non-commercial use, redistributed under the publisher's terms."
)
NO_GENRES = "(no genres listed)"
UTC = pl.Datetime("us", "UTC")


def read_movielens(folder: Path) -> Dataset:
    """``movies``, ``ratings`` and ``tags`` of ``folder`` as items and rating events.

    A release is known to the year, so ``released`` is the first of January of the year in the title.
    """
    movies = pl.read_csv(folder / "movies.csv.gz", infer_schema=False)
    ratings = pl.read_csv(folder / "ratings.csv.gz", infer_schema=False)
    tags = pl.read_csv(folder / "tags.csv.gz", infer_schema=False)
    return Dataset(items=_items(movies, tags), events=_events(ratings), source=SOURCE)


def _items(movies: pl.DataFrame, tags: pl.DataFrame) -> pl.DataFrame:
    genres = (
        pl.col("genres")
        .str.split("|")
        .list.eval(pl.element().filter((pl.element() != NO_GENRES) & (pl.element() != "")))
    )
    items = movies.lazy().select(
        item_id="movieId",
        kind=pl.lit("movie"),
        title=pl.col("title").str.strip_chars(),
        year=pl.col("title").str.extract(r"\((\d{4})\)\s*$").cast(pl.Int64),
        genres=genres,
    )
    words = (
        tags.lazy()
        .select(item_id="movieId", tag=pl.col("tag").str.strip_chars().str.to_lowercase())
        .filter(pl.col("tag") != "")
        .group_by("item_id", "tag")
        .agg(n=pl.len())
        .sort("item_id", "n", "tag", descending=[False, True, False])
        .group_by("item_id", maintain_order=True)
        .agg(tags="tag")
    )
    return (
        items.join(words, on="item_id", how="left", maintain_order="left")
        .with_columns(
            pl.col("tags").fill_null(pl.lit([], dtype=pl.List(pl.String))),
            released=pl.datetime(pl.col("year"), 1, 1, time_zone="UTC").cast(UTC),
        )
        .collect()
    )


def _events(ratings: pl.DataFrame) -> pl.DataFrame:
    return ratings.select(
        user_id="userId",
        item_id="movieId",
        event=pl.lit("rating"),
        value=pl.col("rating").cast(pl.Float64),
        timestamp=pl.from_epoch(pl.col("timestamp").cast(pl.Int64), time_unit="s")
        .dt.replace_time_zone("UTC")
        .cast(UTC),
    )
