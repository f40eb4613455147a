"""User, friend, content: what the people whom a user follows liked."""

from __future__ import annotations

import polars as pl

from recsat import Dataset
from recsat_social.people import CONTENT, ties_of
from recsat_social.texts import LIKED


def user_friend_content(data: Dataset, users: pl.Series | None = None) -> pl.DataFrame:
    """(user_id, friend_id, item_id, is_new): content that a friend of the user liked, one row for each friend and item.

    A friend is whom the user follows. ``is_new`` is true where the user has had no event with the item. ``users`` are the
    ids to answer for; None means everybody. Give a dataset whose events are those known at the moment: held-out events
    would tell what users and their friends are yet to do.
    """
    content = data.items.lazy().filter(pl.col("kind") == CONTENT).select("item_id")
    ties = ties_of(data.events).lazy().select("user_id", friend_id="other_id")
    if users is not None:
        ties = ties.join(users.rename("user_id").to_frame().lazy(), on="user_id", how="semi")
    events = data.events.lazy()
    liked = events.filter(LIKED).select(friend_id="user_id", item_id="item_id").unique()
    met = events.select("user_id", "item_id").unique().with_columns(is_new=pl.lit(value=False))
    return (
        ties.join(liked, on="friend_id")
        .join(content, on="item_id", how="semi")
        .join(met, on=["user_id", "item_id"], how="left")
        .with_columns(pl.col("is_new").fill_null(value=True))
        .sort("user_id", "friend_id", "item_id")
        .collect()
    )
