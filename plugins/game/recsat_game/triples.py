"""User, game, item: what could be bought inside the games that a user owns."""

from __future__ import annotations

import polars as pl

from recsat import Dataset
from recsat_game.catalogue import ITEM, owned_games


def user_game_item(data: Dataset, users: pl.Series | None = None) -> pl.DataFrame:
    """(user_id, game_id, item_id, is_new): the in-game items of each user's games.

    A user owns what they bought or played. ``is_new`` is true where the user has not spent on the item. ``users`` are the ids
    to answer for; None means everybody. Give a dataset whose events are those known at the moment.
    """
    if "game_id" not in data.items.columns:
        return pl.DataFrame(
            schema={"user_id": pl.String, "game_id": pl.String, "item_id": pl.String, "is_new": pl.Boolean}
        )
    owned = owned_games(data.events, data.items).select("user_id", game_id="item_id")
    if users is not None:
        owned = owned.join(users.rename("user_id").to_frame().lazy(), on="user_id", how="semi")
    inside = data.items.lazy().filter(pl.col("kind") == ITEM).select("game_id", "item_id").drop_nulls()
    bought = data.events.lazy().filter(pl.col("event") == "spend").select("user_id", "item_id").unique()
    return (
        owned.join(inside, on="game_id")
        .join(bought.with_columns(is_new=pl.lit(value=False)), on=["user_id", "item_id"], how="left")
        .with_columns(pl.col("is_new").fill_null(value=True))
        .sort("user_id", "game_id", "item_id")
        .collect()
    )
