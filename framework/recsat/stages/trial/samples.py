"""A few users whose history and lists the report shows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from recsat.data.split import Split
from recsat.result.model import ListedItem, SampleUser
from recsat.run.stage import StageContext
from recsat.stages.trial.fold import Fold

N_HISTORY = 10


def sample_users(
    context: StageContext, split: Split, fold: Fold, by_arm: Mapping[str, pl.DataFrame]
) -> list[SampleUser]:
    """Users drawn at random (seeded) among those who are judged, with their latest likes and every arm's list."""
    judged = fold.relevant["user_id"].unique().sort()
    n = min(context.config.measure.n_sample_users, len(judged))
    drawn = np.random.default_rng(context.config.seed).choice(len(judged), size=n, replace=False)
    chosen = judged.gather(np.sort(drawn))
    return [_sample(context, split, fold, by_arm, user) for user in chosen.to_list()]


def _sample(
    context: StageContext, split: Split, fold: Fold, by_arm: Mapping[str, pl.DataFrame], user: str
) -> SampleUser:
    mine = pl.col("user_id") == user
    liked = fold.known.filter(mine & context.domain.positive)
    latest = liked.sort("timestamp", "item_id", descending=[True, False], nulls_last=True)
    latest = latest.unique("item_id", keep="first", maintain_order=True).head(N_HISTORY)
    hits = fold.relevant.filter(mine)["item_id"].implode()
    return SampleUser(
        user_id=user,
        split=split.name,
        history=_listed(context, latest.with_columns(rank=pl.int_range(1, pl.len() + 1))),
        lists={
            arm: _listed(context, table.filter(mine).sort("rank").with_columns(hit=pl.col("item_id").is_in(hits)))
            for arm, table in by_arm.items()
        },
    )


def _listed(context: StageContext, rows: pl.DataFrame) -> list[ListedItem]:
    items, title = context.catalogue.items, context.domain.title
    shown = pl.col(title).cast(pl.String) if title in items.columns else pl.col("item_id")
    named = rows.join(items.select("item_id", shown.alias("_title")), on="item_id", how="left", maintain_order="left")
    fields = [name for name in ("item_id", "rank", "score", "reason", "hit") if name in named.columns]
    named = named.select(*fields, pl.col("_title").fill_null("").alias("title"))
    return [ListedItem.model_validate(row) for row in named.iter_rows(named=True)]
