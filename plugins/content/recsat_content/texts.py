"""EncodeItem and EncodeUser: the texts that become vectors."""

from __future__ import annotations

import polars as pl

from recsat import likes
from recsat_content.config import ContentConfig
from recsat_content.tables import STARS

N_GENRES = 3
N_TITLES = 5
LIKED_STARS = 4

LIKED = (
    ((pl.col("event") == "rating") & (pl.col("value") >= LIKED_STARS)) | (pl.col("event") == "complete")
).fill_null(value=False)
"""What counts as liked: four stars or more, or seen, heard or read to the end."""


def liked_by(config: ContentConfig) -> pl.Expr:
    """The same under an operator's settings; ``liked_from`` is on the scale of the files."""
    least = LIKED_STARS if config.liked_from is None else config.liked_from
    if config.liked_from is not None and config.rating_scale is not None:
        low, high = min(config.rating_scale[0], 0.0), config.rating_scale[1]
        least = (config.liked_from - low) * STARS / (high - low)
    return likes(config, ["complete"], "rating", least)


def describe_item(items: pl.DataFrame) -> pl.Series:
    """``Toy Story (1995). Adventure, Animation, Children``; then the description, where the items have one."""
    title = pl.col("title").fill_null("").str.strip_chars()
    if "year" in items.columns:
        year = pl.format(" ({})", pl.col("year"))
        has_year = title.str.contains(pl.format(r"\({}\)$", pl.col("year")).fill_null(r"^"))
        title = pl.when(has_year | (title == "")).then(title).otherwise(pl.concat_str(title, year, ignore_nulls=True))
    parts = [title]
    if "genres" in items.columns:
        parts.append(pl.col("genres").list.join(", ").fill_null(""))
    if "description" in items.columns:
        parts.append(pl.col("description").fill_null("").str.strip_chars())
    text = pl.concat_list([part.replace("", None) for part in parts]).list.drop_nulls().list.join(". ")
    return items.select(text.alias("text")).to_series()


def describe_user(users: pl.DataFrame, history: pl.DataFrame) -> pl.Series:
    """``Likes Drama, Crime, Thriller. Recently: Heat (1995), Fargo (1996).`` from what each user liked, newest first."""
    is_liked = pl.col("liked") if "liked" in history.columns else LIKED
    liked = history.lazy().filter(is_liked).select("user_id", "title", "genres").with_row_index("at")
    genres = (
        liked.select("user_id", genre=pl.col("genres"))
        .explode("genre")
        .drop_nulls("genre")
        .group_by("user_id", "genre")
        .agg(n=pl.len())
        .sort("user_id", "n", "genre", descending=[False, True, False])
        .group_by("user_id", maintain_order=True)
        .agg(genres=pl.col("genre").head(N_GENRES).str.join(", "))
    )
    titles = (
        liked.drop_nulls("title")
        .sort("at", descending=True)
        .group_by("user_id", maintain_order=True)
        .agg(titles=pl.col("title").unique(maintain_order=True).head(N_TITLES).str.join(", "))
    )
    text = pl.concat_str(
        pl.format("Likes {}.", pl.col("genres")),
        pl.format("Recently: {}.", pl.col("titles")),
        separator=" ",
        ignore_nulls=True,
    )
    return (
        users.lazy()
        .select("user_id")
        .join(genres, on="user_id", how="left", maintain_order="left")
        .join(titles, on="user_id", how="left", maintain_order="left")
        .select(text=text.replace("", "Somebody new, whose taste is not known yet."))
        .collect()
        .to_series()
    )
