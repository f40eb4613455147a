"""(user, item) pairs with the answer, for a classifier of likes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.errors import DataError

POPULARITY_POWER = 0.75
"""Negatives are drawn in proportion to popularity to this power: as likely to be met as what was liked, and a little less
so for the most popular. Mikolov et al., NIPS 2013."""
ROUNDS = 20


@dataclass(frozen=True)
class JudgedPairs:
    """``table``: (user_id, item_id, label), label 1 where the user liked the item and 0 where it was drawn."""

    table: pl.DataFrame

    def __len__(self) -> int:
        return self.table.height

    @property
    def labels(self) -> NDArray[np.int64]:
        return self.table["label"].to_numpy().astype(np.int64)


def with_negatives(positives: pl.DataFrame, liked: pl.DataFrame, n: int, rng: np.random.Generator) -> JudgedPairs:
    """``positives`` (user_id, item_id) and ``n`` drawn negatives for each, in random order.

    A negative is an item of ``positives`` that its user did not like anywhere in ``liked``. Drawn from the same items as the
    positives, it cannot be told from them by its popularity in another part of the data, or by being unseen. A draw that
    hits a liked item is repeated; one that does so twenty times is left out.
    """
    if positives.is_empty():
        raise DataError("there is no liked pair to classify. Hold out more events.")
    pairs = positives.select("user_id", "item_id").unique().sort("user_id", "item_id")
    items = pairs.group_by("item_id").len().sort("item_id")
    weights = items["len"].to_numpy() ** POPULARITY_POWER
    users = pairs["user_id"].gather(np.repeat(np.arange(pairs.height), n))
    known = liked.select("user_id", "item_id").unique()
    negatives: list[pl.DataFrame] = []
    for _ in range(ROUNDS):
        item_ids = items["item_id"].gather(rng.choice(len(weights), len(users), p=weights / weights.sum()))
        draws = pl.DataFrame({"user_id": users, "item_id": item_ids})
        negatives.append(draws.join(known, on=["user_id", "item_id"], how="anti", maintain_order="left"))
        users = draws.join(known, on=["user_id", "item_id"], how="semi", maintain_order="left")["user_id"]
        if users.is_empty():
            break
    table = pl.concat(
        [pairs.with_columns(label=pl.lit(1)), *(part.with_columns(label=pl.lit(0)) for part in negatives)]
    )
    return JudgedPairs(table[rng.permutation(table.height)])
