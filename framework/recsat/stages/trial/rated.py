"""What users rated and what they rejected: both among events, and users with theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from recsat.contract.interactions import Catalogue, UserBatch, rejected_pairs, user_batch

PAIR = ["user_id", "item_id"]


def ratings_of(events: pl.DataFrame, rating: str) -> pl.DataFrame:
    """``events`` that are ratings with a value."""
    return events.filter((pl.col("event") == rating) & pl.col("value").is_not_null())


def with_ratings(users: UserBatch, known: pl.DataFrame, rating: str | None, catalogue: Catalogue) -> UserBatch:
    """``users`` with their last rating of each item among ``known`` events; as they are where the domain names no ``rating``."""
    if rating is None:
        return users
    last = ratings_of(known, rating).sort("timestamp", "value", nulls_last=False).unique(PAIR, keep="last")
    rows = users.id_series.to_frame().with_row_index("row")
    last = last.join(rows, on="user_id").sort("row", "item_id")
    places = last["row"].to_numpy().astype(np.int64), catalogue.positions(last["item_id"])
    return replace(users, ratings=csr_array((last["value"].to_numpy(), places), shape=users.history.shape))


def with_rejections(
    users: UserBatch, known: pl.DataFrame, rejections: Sequence[str], catalogue: Catalogue
) -> UserBatch:
    """``users`` with what they rejected among ``known`` events; as they are where the domain names no ``rejections``."""
    if not rejections:
        return users
    rows = users.id_series.to_frame().with_row_index("row")
    pairs = rejected_pairs(known, rejections).join(rows, on="user_id").sort("row", "item_id")
    places = pairs["row"].to_numpy().astype(np.int64), catalogue.positions(pairs["item_id"])
    ones = np.ones(pairs.height, dtype=np.float32)
    return replace(users, rejections=csr_array((ones, places), shape=users.history.shape))


def raters_of(known: pl.DataFrame, liked: pl.DataFrame, rating: str | None, catalogue: Catalogue) -> UserBatch | None:
    """Everybody who rated something among ``known`` events, of which ``liked`` are those that are liked; None where the domain names no ``rating``."""
    if rating is None:
        return None
    ids = ratings_of(known, rating)["user_id"].unique().sort().to_list()
    return with_ratings(user_batch(liked, ids, catalogue), known, rating, catalogue)
