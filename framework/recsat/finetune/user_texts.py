"""Texts of users from part of their events."""

from __future__ import annotations

import polars as pl

from recsat.run.stage import StageContext


def describe_users(context: StageContext, events: pl.DataFrame) -> pl.DataFrame:
    """(user_id, text) of everybody in ``events``, sorted by user; the domain's own words for what these events say."""
    dataset = context.dataset
    ids = events.select("user_id").unique().sort("user_id")
    users = ids.join(dataset.users, on="user_id", how="left", maintain_order="left")
    history = events.join(dataset.items, on="item_id", how="left", maintain_order="left").sort(
        "timestamp", maintain_order=True
    )
    return ids.with_columns(text=context.domain.describe_user(users, history))
