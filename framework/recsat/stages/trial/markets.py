"""Where users are, from the user table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from recsat.contract.interactions import UserBatch
from recsat.run.stage import StageContext


def with_markets(context: StageContext, users: UserBatch) -> UserBatch:
    """``users`` with their markets, "" for those who have no row or an empty one; as they are where no market is told."""
    column, table = context.domain.market, context.dataset.users
    if column is None or column not in table.columns:
        return users
    ids = pl.DataFrame({"user_id": pl.Series(users.ids, dtype=pl.String)})
    told = table.select("user_id", market=pl.col(column).cast(pl.String).str.strip_chars().fill_null(""))
    markets = ids.join(told, on="user_id", how="left", maintain_order="left")["market"].fill_null("")
    return replace(users, markets=markets.to_numpy().astype(np.str_))
