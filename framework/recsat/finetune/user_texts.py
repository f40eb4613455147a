"""Texts of users from part of their events."""

from __future__ import annotations

import polars as pl

from recsat.run.stage import StageContext


def describe_users(context: StageContext, events: pl.DataFrame, users: pl.Series | None = None) -> pl.DataFrame:
    """(user_id, text) of ``users`` (None: everybody in ``events``), sorted; the domain's own words for what these events say."""
    dataset = context.dataset
    ids = (events["user_id"] if users is None else users.rename("user_id")).unique().sort().to_frame()
    table = ids.join(dataset.users, on="user_id", how="left", maintain_order="left")
    history = (
        events.join(ids, on="user_id", how="semi")
        .join(dataset.items, on="item_id", how="left", maintain_order="left")
        .sort("timestamp", maintain_order=True)
    )
    return ids.with_columns(text=context.domain.describe_user(table, history))
