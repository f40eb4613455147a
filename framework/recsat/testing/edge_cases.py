"""Lists and outcomes that a metric will meet sooner or later, made of a domain's own data."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from recsat.contract.dataset import Dataset
from recsat.contract.domain import Judged

N_USERS = 30
K = 6
LISTS = {"user_id": pl.String, "item_id": pl.String, "rank": pl.Int64, "score": pl.Float64}


def edge_cases(data: Dataset) -> dict[str, Judged]:
    """By name: usual lists and outcomes, no events, no lists, one user, ties, lists of all that followed, nobody."""
    usual = _usual(data)
    one = usual.users.head(1)
    now = pl.lit(usual.history["timestamp"].max(), dtype=data.events.schema["timestamp"])
    return {
        "usual lists": usual,
        "no events": judged(
            usual, outcomes=usual.outcomes.clear(), history=usual.history.clear(), exposures=_none(usual.exposures)
        ),
        "no lists": judged(usual, lists=usual.lists.clear()),
        "one user": of_users(usual, one),
        "ties": judged(
            usual,
            lists=usual.lists.with_columns(score=pl.lit(0.5)),
            outcomes=usual.outcomes.with_columns(timestamp=now),
            history=usual.history.with_columns(timestamp=now),
        ),
        "lists of all that followed": judged(usual, lists=_ranked(usual.outcomes.select("user_id", "item_id"))),
        "nobody": of_users(usual, usual.users.clear()),
    }


def judged(base: Judged, **changes: pl.DataFrame | pl.Series | None) -> Judged:
    """``base`` with other tables, and the hits that belong to them."""
    changed = replace(base, **changes)  # type: ignore[arg-type]
    hits = changed.lists.join(changed.outcomes, on=["user_id", "item_id"], maintain_order="left_right")
    return replace(changed, hits=hits)


def of_users(base: Judged, users: pl.Series) -> Judged:
    """The same for some users; exposures and ties of theirs alone."""

    def of(table: pl.DataFrame) -> pl.DataFrame:
        return table.filter(pl.col("user_id").is_in(users.implode()))

    return judged(
        base,
        users=users,
        lists=of(base.lists),
        outcomes=of(base.outcomes),
        history=of(base.history),
        exposures=None if base.exposures is None else of(base.exposures),
        ties=None if base.ties is None else of(base.ties),
    )


def _usual(data: Dataset) -> Judged:
    """Each user's later half of events is the outcome; lists hold some of its items and some of any."""
    users = data.events["user_id"].unique().sort().head(N_USERS)
    events = data.events.filter(pl.col("user_id").is_in(users.implode())).sort(
        "user_id", "timestamp", "item_id", "event", "value", nulls_last=True
    )
    late = pl.int_range(pl.len()).over("user_id") >= pl.len().over("user_id") // 2
    outcomes, history = events.filter(late), events.filter(~late)
    followed = (
        outcomes.select("user_id", "item_id")
        .unique(maintain_order=True)
        .group_by("user_id", maintain_order=True)
        .head(K // 2)
    )
    items = data.items["item_id"].sort()
    spread = pl.int_range(pl.len()) * 7919 % max(len(items), 1)
    anything = (
        users.to_frame("user_id").join(pl.DataFrame({"place": range(K)}), how="cross").select("user_id", item_id=spread)
    )
    anything = anything.with_columns(item_id=items.gather(anything["item_id"]))
    start = Judged(
        lists=_ranked(pl.concat([followed, anything])),
        outcomes=outcomes,
        hits=outcomes.clear(),
        users=users,
        history=history,
        items=data.items,
        exposures=data.exposures,
        ties=data.ties,
    )
    return of_users(start, users)


def _ranked(pairs: pl.DataFrame) -> pl.DataFrame:
    rank = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("user_id")
    return (
        pairs.unique(maintain_order=True)
        .with_columns(rank=rank)
        .with_columns(score=1.0 / pl.col("rank"))
        .select(list(LISTS))
        .cast(LISTS)  # type: ignore[arg-type]
    )


def _none(table: pl.DataFrame | None) -> pl.DataFrame | None:
    return None if table is None else table.clear()
