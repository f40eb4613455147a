"""Three kinds in one catalogue: games, items inside games, and people to play with, whom recsat.people makes items."""

from __future__ import annotations

import polars as pl

from recsat.people import FRIEND

GAME, ITEM = "game", "item"
INHERITED = ("platforms", "age_rating", "topics")
"""What an in-game item has from its game where it says nothing itself."""


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
    joined = sold.join(of_game, on="game_id", how="left", maintain_order="left")
    is_item = pl.col("kind") == ITEM
    filled = [
        pl.when(is_item & _says_nothing(name, sold)).then(pl.col(f"_{name}")).otherwise(pl.col(name)).alias(name)
        for name in inherited
    ]
    return joined.with_columns(filled).drop([f"_{name}" for name in inherited])


def item_attributes(items: pl.DataFrame, config: object) -> pl.DataFrame:
    """(item_id, relation, value) of what is sold: genre, tag, developer, and the game that an item is for."""
    sold = items.filter(pl.col("kind") != FRIEND)
    columns = {"topics": "genre", "tags": "tag", "developer": "developer", "game_id": "game"}
    edges = [
        _listed(sold, column).select("item_id", relation=pl.lit(relation), value=pl.col(column).cast(pl.String))
        for column, relation in columns.items()
        if column in sold.columns
    ]
    return pl.concat(edges).drop_nulls("value")


def _listed(table: pl.DataFrame, column: str) -> pl.DataFrame:
    return table.explode(column) if isinstance(table.schema[column], pl.List) else table


def _says_nothing(name: str, table: pl.DataFrame) -> pl.Expr:
    if isinstance(table.schema[name], pl.List):
        return pl.col(name).list.len().fill_null(0) == 0
    return pl.col(name).is_null()


def owned_games(events: pl.DataFrame, items: pl.DataFrame) -> pl.LazyFrame:
    """(user_id, item_id): games that a user bought or played."""
    games = items.lazy().filter(pl.col("kind") == GAME).select("item_id")
    had = events.lazy().filter(pl.col("event").is_in(["purchase", "play"]))
    return had.select("user_id", "item_id").unique().join(games, on="item_id", how="semi")
