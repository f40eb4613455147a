"""A few users whose history and lists the report shows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from recsat.contract.domain import Domain
from recsat.measure.evidence import Evidence
from recsat.result.model import ListedItem, SampleUser

N_HISTORY = 10


def sample_users(
    domain: Domain, evidence: Evidence, by_arm: Mapping[str, pl.DataFrame], n_users: int, seed: int
) -> list[SampleUser]:
    """At most ``n_users`` of those who are judged, drawn at random, with their latest likes and every arm's list."""
    judged = evidence.relevant["user_id"].unique().sort()
    n = min(n_users, len(judged))
    places = np.random.default_rng(seed).choice(len(judged), size=n, replace=False)
    return [_sample(domain, evidence, by_arm, user) for user in judged.gather(np.sort(places)).to_list()]


def _sample(domain: Domain, evidence: Evidence, by_arm: Mapping[str, pl.DataFrame], user: str) -> SampleUser:
    mine = pl.col("user_id") == user
    liked = evidence.history.filter(mine & domain.positive)
    latest = liked.sort("timestamp", "item_id", descending=[True, False], nulls_last=True)
    latest = latest.unique("item_id", keep="first", maintain_order=True).head(N_HISTORY)
    hits = evidence.relevant.filter(mine)["item_id"].implode()
    items = evidence.items
    return SampleUser(
        user_id=user,
        split=evidence.split,
        history=_listed(domain, items, latest.with_columns(rank=pl.int_range(1, pl.len() + 1))),
        lists={
            arm: _listed(domain, items, table.filter(mine).sort("rank").with_columns(hit=pl.col("item_id").is_in(hits)))
            for arm, table in by_arm.items()
        },
    )


def _listed(domain: Domain, items: pl.DataFrame, rows: pl.DataFrame) -> list[ListedItem]:
    title = pl.col(domain.title).cast(pl.String) if domain.title in items.columns else pl.col("item_id")
    named = rows.join(items.select("item_id", title.alias("_title")), on="item_id", how="left", maintain_order="left")
    fields = [name for name in ("item_id", "rank", "score", "reason", "hit") if name in named.columns]
    named = named.select(*fields, pl.col("_title").fill_null("").alias("title"))
    return [ListedItem.model_validate(row) for row in named.iter_rows(named=True)]
