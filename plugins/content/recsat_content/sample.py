"""MovieLens files, bundled or your own copy, as a dataset.

The bundled ml-latest-small is GroupLens' of 2018-09-26; ``sample/README.txt`` is the publisher's text with its terms.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recsat import Column, Dataset, read_table, rescale_ratings

SAMPLE = Path(__file__).with_name("sample")
SAMPLE_SOURCE = (
    "MovieLens ml-latest-small by GroupLens, University of Minnesota (F. M. Harper and J. A. Konstan, 2015, "
    "doi:10.1145/2827872); for non-commercial use, redistributed under the publisher's terms."
)
NO_GENRES = "(no genres listed)"
UTC = pl.Datetime("us", "UTC")

MOVIES = {
    "item_id": Column(source="movieId"),
    "title": Column(),
    "genres": Column(kind="list", default=()),
}
RATINGS = {
    "user_id": Column(source="userId"),
    "item_id": Column(source="movieId"),
    "value": Column(kind="number", source="rating"),
    "timestamp": Column(kind="time", time_format="unix"),
}
TAGS = {"item_id": Column(source="movieId"), "tag": Column()}


def read_movielens(folder: Path) -> Dataset:
    """``movies``, ``ratings`` and ``tags`` of ``folder`` as items and rating events.

    A release is known to the year, so ``released`` is the first of January of the year in the title.
    """
    notes: list[str] = []
    movies, movie_faults = read_table((folder, "movies"), MOVIES, notes=notes)
    ratings, rating_faults = read_table((folder, "ratings"), RATINGS, notes=notes)
    tags, tag_faults = read_table((folder, "tags"), TAGS, notes=notes)
    data = Dataset(
        items=_items(movies, tags),
        events=ratings.with_columns(event=pl.lit("rating")),
        quarantine=pl.concat([movie_faults, rating_faults, tag_faults]),
        notes=tuple(notes),
        source=SAMPLE_SOURCE if folder == SAMPLE else f"MovieLens files in {folder}.",
    )
    return rescale_ratings(data, None)


def _items(movies: pl.DataFrame, tags: pl.DataFrame) -> pl.DataFrame:
    words = (
        tags.lazy()
        .select("item_id", tag=pl.col("tag").str.to_lowercase())
        .drop_nulls()
        .group_by("item_id", "tag")
        .agg(n=pl.len())
        .sort("item_id", "n", "tag", descending=[False, True, False])
        .group_by("item_id", maintain_order=True)
        .agg(tags="tag")
    )
    year = pl.col("title").str.extract(r"\((\d{4})\)$").cast(pl.Int64)
    nothing = pl.lit([], dtype=pl.List(pl.String))
    return (
        movies.lazy()
        .with_columns(
            kind=pl.lit("movie"),
            year=year,
            genres=pl.col("genres").list.eval(pl.element().filter(pl.element() != NO_GENRES)),
        )
        .join(words, on="item_id", how="left", maintain_order="left")
        .with_columns(
            tags=pl.col("tags").fill_null(nothing),
            released=pl.datetime(pl.col("year"), 1, 1, time_zone="UTC").cast(UTC),
        )
        .collect()
    )
