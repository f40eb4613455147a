"""Public data sets as liked events and item texts, each prepared in one short rule; what benchmarks over several unlike sets read."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat import RunConfig
from recsat.contract.interactions import Catalogue
from recsat.embed.cache import embed_texts
from recsat.embed.centre import centre
from recsat.embed.words import word_vectors
from recsat.plugins import load_plugins

FOLDER = Path(os.environ.get("RECSAT_DATA", "../shared/data"))


@dataclass(frozen=True)
class PublicSet:
    """Likes and item texts of one set, after its core was taken."""

    name: str
    catalogue: Catalogue
    texts: list[str]
    events: pl.DataFrame
    """Likes: user_id, item_id, event, value, timestamp (null where the data have no time)."""
    has_times: bool


def read(name: str, *, n_dead: int = 0, seed: int = 0) -> PublicSet:
    """The set called ``name``, one of :data:`SETS`, with ``n_dead`` more of its items, drawn, that are in no event of the core."""
    reader, (users_core, items_core), has_times = SETS[name]
    likes, items = reader()
    likes = likes.unique(["user_id", "item_id"], keep="last", maintain_order=True)
    likes = _core(likes.join(items, on="item_id", how="semi"), users_core, items_core)
    items = items.unique("item_id", keep="first").sort("item_id")
    dead = items.join(likes, on="item_id", how="anti").sample(n_dead, seed=seed)
    items = pl.concat([items.join(likes, on="item_id", how="semi"), dead]).sort("item_id")
    if "timestamp" not in likes.columns:
        likes = likes.with_columns(timestamp=pl.lit(None, dtype=pl.Datetime("us", "UTC")))
    events = likes.select("user_id", "item_id", "timestamp", event=pl.lit("like"), value=pl.lit(1.0))
    catalogue = Catalogue(items.select("item_id", kind=pl.lit("item"), title=pl.col("text")))
    return PublicSet(name, catalogue, items["text"].to_list(), events, has_times)


def vectors_of(one: PublicSet, cache: Path) -> Mapping[str, NDArray[np.float32]]:
    """``raw``, ``text`` and ``words`` by the run's default encoder and TF-IDF, and ``permuted``: text handed to other items."""
    config = RunConfig()
    raw = embed_texts(
        pl.Series(one.texts), load_plugins().encoder(config.encoder.name).make(config.encoder), cache
    ).vectors
    text = centre(raw)[0]
    return {
        "raw": raw,
        "text": text,
        "words": centre(word_vectors(one.texts, raw.shape[1]))[0],
        "permuted": text[np.random.default_rng(0).permutation(len(text))],
    }


def _core(likes: pl.DataFrame, users: int, items: int) -> pl.DataFrame:
    """Users and items with so many likes left, repeated until all have them."""
    while True:
        left = likes.filter(pl.len().over("user_id") >= users).filter(pl.len().over("item_id") >= items)
        if left.height == likes.height:
            return left
        likes = left


def _table(path: str, **types: pl.DataType | type[pl.DataType]) -> pl.DataFrame:
    return pl.read_csv(FOLDER / f"{path}.csv.gz", schema_overrides=types)


def _unix(column: str) -> pl.Expr:
    return pl.from_epoch(column, "s").dt.cast_time_unit("us").dt.replace_time_zone("UTC").alias("timestamp")


def _in_words(column: str) -> pl.Expr:
    """A list written with bars, as words."""
    return pl.col(column).fill_null("").str.replace_all("|", ", ", literal=True)


def _movielens() -> tuple[pl.DataFrame, pl.DataFrame]:
    ratings = _table("movielens-latest-small/ratings", userId=pl.String, movieId=pl.String)
    movies = _table("movielens-latest-small/movies", movieId=pl.String)
    return (
        ratings.filter(pl.col("rating") >= 4).select(_unix("timestamp"), user_id="userId", item_id="movieId"),
        movies.select(item_id="movieId", text=pl.concat_str("title", pl.lit(". "), _in_words("genres"))),
    )


def _online_retail() -> tuple[pl.DataFrame, pl.DataFrame]:
    lines = _table("uci-online-retail/transactions", invoice=pl.String, customer_id=pl.String, stock_code=pl.String)
    items = _table("uci-online-retail/items", stock_code=pl.String).filter(pl.col("is_product") == 1)
    bought = lines.filter(pl.col("customer_id").is_not_null(), pl.col("quantity") > 0, pl.col("unit_price") > 0)
    moment = pl.col("time").str.to_datetime("%Y-%m-%d %H:%M").dt.cast_time_unit("us").dt.replace_time_zone("UTC")
    return (
        bought.select(moment.alias("timestamp"), user_id="customer_id", item_id="stock_code").sort("timestamp"),
        items.select(item_id="stock_code", text="description").drop_nulls(),
    )


def _steam_catalogue(item: str) -> pl.DataFrame:
    games = _table("steam-catalog-2018/games", item_id=pl.String)
    text = pl.concat_str(
        pl.col("title").fill_null(pl.col("app_name")),
        pl.lit(". "),
        _in_words("genres"),
        pl.lit(". "),
        _in_words("tags"),
    )
    return games.select(pl.col("item_id").alias(item), text=text).drop_nulls()


def _steam_reviews() -> tuple[pl.DataFrame, pl.DataFrame]:
    reviews = _table("steam-au-reviews/reviews", user_id=pl.String, item_id=pl.String)
    day = pl.col("posted").str.to_datetime("%Y-%m-%d", strict=False).dt.cast_time_unit("us").dt.replace_time_zone("UTC")
    liked = (
        reviews.filter(pl.col("recommend") == 1)
        .sort("posted", nulls_last=False)
        .select("user_id", "item_id", day.alias("timestamp"))
    )
    return liked, _steam_catalogue("item_id")


def _steam_200k() -> tuple[pl.DataFrame, pl.DataFrame]:
    played = _table("steam-200k/play", user_id=pl.String, game_id=pl.String).filter(pl.col("hours") >= 1)
    games = _table("steam-200k/games", game_id=pl.String)
    text = pl.concat_str("title", pl.lit(". "), _in_words("genres"), pl.lit(". "), _in_words("tags"))
    return played.select("user_id", item_id="game_id"), games.select(item_id="game_id", text=text)


def _ciao() -> tuple[pl.DataFrame, pl.DataFrame]:
    ratings = _table("ciao-trust/ratings", user_id=pl.String, product_id=pl.String)
    liked = ratings.filter(pl.col("rating") >= 4).select(_unix("timestamp"), "user_id", item_id="product_id")
    items = ratings.select(item_id="product_id", text=pl.format("category {}", "category_id")).unique("item_id")
    return liked, items


def _lastfm() -> tuple[pl.DataFrame, pl.DataFrame]:
    listened = _table("hetrec2011-lastfm-2k/user_artists", userID=pl.String, artistID=pl.String)
    artists = _table("hetrec2011-lastfm-2k/artists", id=pl.String)
    return listened.select(user_id="userID", item_id="artistID"), artists.select(item_id="id", text="name")


def _scientific() -> tuple[pl.DataFrame, pl.DataFrame]:
    likes = _table("amazon-scientific-multimodal/interactions", user_id=pl.String, item_id=pl.String)
    items = _table("amazon-scientific-multimodal/items", item_id=pl.String)
    moment = pl.from_epoch(pl.col("position").cast(pl.Int64), "s").dt.cast_time_unit("us").dt.replace_time_zone("UTC")
    return (
        likes.sort("user_id", "position").select("user_id", "item_id", moment.alias("timestamp")),
        items.select("item_id", "text").drop_nulls(),
    )


SETS: Mapping[str, tuple[Callable[[], tuple[pl.DataFrame, pl.DataFrame]], tuple[int, int], bool]] = {
    "movielens": (_movielens, (5, 5), True),
    "online-retail": (_online_retail, (5, 5), True),
    "steam-reviews": (_steam_reviews, (5, 5), True),
    "ciao": (_ciao, (5, 5), True),
    "steam-200k": (_steam_200k, (5, 5), False),
    "lastfm": (_lastfm, (10, 20), False),
    "scientific": (_scientific, (5, 5), False),
}
"""Reader, the least likes of a user and of an item, and whether the times are the calendar's."""
