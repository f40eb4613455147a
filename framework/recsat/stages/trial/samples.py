"""A few users whose history and lists the report shows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from recsat.contract.domain import Domain
from recsat.measure.evidence import Evidence
from recsat.measure.slices import item_slices, user_slices
from recsat.result.model import KindList, ListedItem, SampleUser

N_HISTORY = 10


def sample_users(
    domain: Domain,
    evidence: Evidence,
    by_arm: Mapping[str, pl.DataFrame],
    n_users: int,
    seed: int,
    of_kinds: Mapping[tuple[str, str], pl.DataFrame] | None = None,
) -> list[SampleUser]:
    """At most ``n_users`` of those who are judged, with their latest likes, every arm's list, and those ``of_kinds``, lists by kind and arm.

    One of each slice in turn (:mod:`recsat.measure.slices`; of a slice of items, users with a held-out like in it), drawn at random: of those for
    whom arms have different numbers of hits, where there is none of those for whom any arm has a hit, else of all. So they show
    how arms differ, and not how often.
    """
    order = _in_order(evidence, by_arm, seed)
    waiting = {
        name: order.filter(pl.col("user_id").is_in(users.implode()))["user_id"].to_list()
        for name, users in _users_by_slice(evidence).items()
    }
    sample: dict[str, str] = {}
    while len(sample) < n_users and any(waiting.values()):
        for name, users in waiting.items():
            user = next((user for user in users if user not in sample), None)
            waiting[name] = [] if user is None else users[users.index(user) + 1 :]
            if user is not None and len(sample) < n_users:
                sample[user] = name
    of_sample = pl.col("user_id").is_in(list(sample))
    lists = {arm: table.filter(of_sample) for arm, table in by_arm.items()}  # each arm's is read once
    return [_sample(domain, evidence, lists, of_kinds or {}, user, name) for user, name in sample.items()]


def _in_order(evidence: Evidence, by_arm: Mapping[str, pl.DataFrame], seed: int) -> pl.DataFrame:
    """(user_id, …) of all who are judged, the most telling first, at random among equals."""
    judged = evidence.relevant.select("user_id").unique().sort("user_id")
    pairs = evidence.relevant.select("user_id", "item_id").unique()
    hits = [
        judged.join(
            lists.join(pairs, on=["user_id", "item_id"], how="semi").group_by("user_id").agg(n=pl.len()),
            on="user_id",
            how="left",
        ).with_columns(pl.col("n").fill_null(0))
        for lists in by_arm.values()
    ]
    spread = pl.concat(hits).group_by("user_id").agg(most=pl.col("n").max(), fewest=pl.col("n").min())
    dice = np.random.default_rng(seed).permutation(judged.height)
    return (
        judged.with_columns(dice=dice)
        .join(spread, on="user_id", how="left")
        .sort(pl.col("most") > pl.col("fewest"), pl.col("most") > 0, "dice", descending=[True, True, False])
    )


def _users_by_slice(evidence: Evidence) -> dict[str, pl.Series]:
    """Ids of the users of each slice; everybody under "" where there are no slices."""
    candidates = evidence.items["item_id"] if evidence.candidates is None else evidence.candidates
    slices = user_slices(evidence.n_likes["user_id"], evidence.users.rename("user_id").cast(pl.String))
    for name, items in item_slices(evidence.n_likes["item_id"], candidates).items():
        slices[name] = evidence.relevant.filter(pl.col("item_id").is_in(items.implode()))["user_id"].unique()
    return slices or {"": evidence.relevant["user_id"].unique()}


def _sample(
    domain: Domain,
    evidence: Evidence,
    by_arm: Mapping[str, pl.DataFrame],
    of_kinds: Mapping[tuple[str, str], pl.DataFrame],
    user: str,
    slice_name: str,
) -> SampleUser:
    mine = pl.col("user_id") == user
    liked = evidence.history.filter(mine & domain.positive)
    latest = liked.reverse().sort("timestamp", descending=True, nulls_last=True, maintain_order=True)
    latest = latest.unique("item_id", keep="first", maintain_order=True).head(N_HISTORY)
    hits = evidence.relevant.filter(mine)["item_id"].implode()
    items = evidence.items

    def listed(table: pl.DataFrame) -> list[ListedItem]:
        return _listed(domain, items, table.filter(mine).sort("rank").with_columns(hit=pl.col("item_id").is_in(hits)))

    return SampleUser(
        user_id=user,
        split=evidence.split,
        slice=slice_name,
        history=_listed(domain, items, latest.with_columns(rank=pl.int_range(1, pl.len() + 1))),
        lists={arm: listed(table) for arm, table in by_arm.items()},
        of_kinds=[KindList(kind=kind, arm=arm, items=listed(table)) for (kind, arm), table in of_kinds.items()],
    )


def _listed(domain: Domain, items: pl.DataFrame, rows: pl.DataFrame) -> list[ListedItem]:
    title = (
        pl.coalesce(pl.col(domain.title).cast(pl.String), "item_id")
        if domain.title in items.columns
        else pl.col("item_id")
    )
    named = rows.join(items.select("item_id", title.alias("_title")), on="item_id", how="left", maintain_order="left")
    fields = [name for name in ("item_id", "rank", "score", "reason", "hit") if name in named.columns]
    named = named.select(*fields, pl.col("_title").fill_null("").alias("title"))
    return [ListedItem.model_validate(row) for row in named.iter_rows(named=True)]
