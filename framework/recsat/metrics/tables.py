"""What metrics are made of: places of lists, hits, and one value for each user."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from recsat.contract.domain import Judged

PAIR = ["user_id", "item_id"]
NO_VALUES = pl.Schema({"user_id": pl.String, "value": pl.Float64})


def of_kind(table: pl.LazyFrame, kind: str | None, judged: Judged) -> pl.LazyFrame:
    """Rows of ``table`` on items of ``kind``; all of them where it is None."""
    if kind is None:
        return table
    items = judged.items.lazy().filter(pl.col("kind") == kind).select("item_id")
    return table.join(items, on="item_id", how="semi")


def hits_of(judged: Judged, events: Collection[str], kind: str | None = None) -> pl.LazyFrame:
    """The hits that are one of ``events`` on items of ``kind``."""
    return of_kind(judged.hits.lazy().filter(pl.col("event").is_in(list(events))), kind, judged)


def places_with(judged: Judged, events: Collection[str], kind: str | None = None) -> pl.LazyFrame:
    """(user_id, item_id, done): every place of a list, and whether the user went on to have one of ``events`` with the item."""
    done = hits_of(judged, events).select(*PAIR, done=True).unique()
    places = of_kind(judged.lists.lazy().select(PAIR), kind, judged)
    return places.join(done, on=PAIR, how="left").with_columns(pl.col("done").fill_null(value=False))


def mean_by_user(value: pl.Expr, table: pl.LazyFrame) -> pl.DataFrame:
    """(user_id, value): the mean of ``value`` over the user's rows; users without rows are left out."""
    return table.group_by("user_id").agg(value=value.mean().cast(pl.Float64)).sort("user_id").collect()


def or_zero(users: pl.LazyFrame, values: pl.LazyFrame) -> pl.DataFrame:
    """(user_id, value) of everybody in ``users``, 0 where ``values`` has no row of theirs."""
    joined = users.select("user_id").unique().join(values, on="user_id", how="left")
    return joined.select("user_id", pl.col("value").fill_null(0.0).cast(pl.Float64)).sort("user_id").collect()


def needs_of(events: tuple[str, ...], needs: Collection[str] | None) -> frozenset[str]:
    """What a metric of ``events`` needs: ``needs`` where that is given, the event where there is one, and nothing where several will do."""
    if needs is not None:
        return frozenset(needs)
    return frozenset(events) if len(events) == 1 else frozenset()
