"""Three kinds in one catalogue: games, items inside games, and people to play with.

People are items too: user ``7`` is the item ``user:7`` of kind ``friend``, and its text is that user's own.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

PREFIX = "user:"
GAME, ITEM, FRIEND = "game", "item", "friend"
NO_WORDS = pl.lit([], dtype=pl.List(pl.String))
PROFILE: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "name": pl.String,
    "interests": pl.List(pl.String),
    "bio": pl.String,
}
"""What a user table may say of a person, beside ``user_id``."""
INHERITED = ("platforms", "age_rating", "topics")
"""What an in-game item has from its game where it says nothing itself."""


def person(item: str) -> pl.Expr:
    """The user id of the friend whose item id is in the column ``item``; null for games and items."""
    return pl.when(pl.col(item).str.starts_with(PREFIX)).then(pl.col(item).str.strip_prefix(PREFIX))


def everybody(users: pl.DataFrame, *ids: pl.Series) -> pl.DataFrame:
    """``users`` with a row for everybody among ``ids``, and every column of :data:`PROFILE`."""
    seen = pl.concat([series.cast(pl.String).rename("user_id") for series in ids]) if ids else users["user_id"].clear()
    more = seen.to_frame().unique().drop_nulls().join(users, on="user_id", how="anti").sort("user_id")
    both = pl.concat([users, more], how="diagonal")
    missing = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in PROFILE.items() if name not in both.columns]
    return both.with_columns(missing).with_columns(pl.col("interests").fill_null(NO_WORDS))


def with_people(sold: pl.DataFrame, users: pl.DataFrame) -> pl.DataFrame:
    """``sold`` (games and items) and every one of ``users`` (of :func:`everybody`) as an item of kind friend."""
    origin = [name for name in ("_file", "_row") if name in users.columns]
    friends = users.select(
        pl.concat_str(pl.lit(PREFIX), "user_id").alias("item_id"),
        pl.lit(FRIEND).alias("kind"),
        pl.coalesce("name", "user_id").alias("title"),
        pl.col("interests").alias("topics"),
        pl.col("bio").alias("description"),
        *origin,
    )
    return pl.concat([sold, friends], how="diagonal")


def with_games(sold: pl.DataFrame) -> pl.DataFrame:
    """``sold`` with ``game_title``, and with what items have from their games (:data:`INHERITED`) where they say nothing."""
    if "game_id" not in sold.columns:
        return sold
    inherited = [name for name in INHERITED if name in sold.columns]
    games = sold.filter(pl.col("kind") == GAME).unique("item_id", keep="first")
    of_game = games.select(
        pl.col("item_id").alias("game_id"),
        pl.col("title").alias("game_title"),
        *(pl.col(name).alias(f"_{name}") for name in inherited),
    )
    found = sold.join(of_game, on="game_id", how="left", maintain_order="left")
    is_item = pl.col("kind") == ITEM
    filled = [
        pl.when(is_item & _says_nothing(name, sold)).then(pl.col(f"_{name}")).otherwise(pl.col(name)).alias(name)
        for name in inherited
    ]
    return found.with_columns(filled).drop([f"_{name}" for name in inherited])


def _says_nothing(name: str, table: pl.DataFrame) -> pl.Expr:
    if isinstance(table.schema[name], pl.List):
        return pl.col(name).list.len().fill_null(0) == 0
    return pl.col(name).is_null()


def owned_games(events: pl.DataFrame, items: pl.DataFrame) -> pl.LazyFrame:
    """(user_id, item_id): games that a user bought or played."""
    games = items.lazy().filter(pl.col("kind") == GAME).select("item_id")
    had = events.lazy().filter(pl.col("event").is_in(["purchase", "play"]))
    return had.select("user_id", "item_id").unique().join(games, on="item_id", how="semi")
