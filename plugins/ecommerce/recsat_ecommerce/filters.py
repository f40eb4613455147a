"""In stock, price range, not already bought, category, market: each rule once for Qdrant and once for polars.

A product whose price or stock is unknown is removed by the filter that asks for it. A product without markets is sold everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import polars as pl

from recsat import CandidateFilter, ConfigError, DataError, FilterContext


def _need(name: str, column: str, items: pl.DataFrame) -> None:
    if column not in items.columns:
        raise DataError(
            f"items: filter {name} needs column {column!r}, and these items have none. "
            f"Add the column, or take ecommerce.{name} out of rank.filters."
        )


def _known_values(setting: str, wanted: Sequence[str], column: str, items: pl.DataFrame) -> None:
    """A misspelt category would remove everything or nothing without a word."""
    there = items.select(pl.col(column).explode().drop_nulls().unique().sort()).to_series()
    strange = [value for value in wanted if value not in there]
    if strange:
        raise ConfigError(
            f"{setting}: no product has {strange[0]!r} among its {column}. There are {', '.join(there.head(40))}."
        )


def _all(items: pl.DataFrame) -> pl.Series:
    return pl.repeat(value=True, n=items.height, dtype=pl.Boolean, eager=True)


def _stock_where(context: FilterContext) -> Mapping[str, Any] | None:
    if "in_stock" not in context.known.items.columns:
        return None  # recent sales differ from moment to moment and are no field of the item
    return {"must": [{"key": "in_stock", "match": {"value": True}}]}


def _stock_keep(items: pl.DataFrame, context: FilterContext) -> pl.Series:
    if "in_stock" in items.columns:
        return items["in_stock"].fill_null(value=False)
    since = context.now - timedelta(days=context.config.in_stock_days)
    sales = context.known.events.lazy().filter(pl.col("event") == "purchase")
    last = sales.group_by("item_id").agg(last=pl.col("timestamp").max()).collect()
    found = items.select("item_id").join(last, on="item_id", how="left", maintain_order="left")
    return (found["last"] >= since).fill_null(value=True)


def _price_where(context: FilterContext) -> Mapping[str, Any] | None:
    bounds = {"gte": context.config.min_price, "lte": context.config.max_price}
    asked = {name: bound for name, bound in bounds.items() if bound is not None}
    if not asked:
        return None
    _need("price", "price", context.known.items)
    return {"must": [{"key": "price", "range": asked}]}


def _price_keep(items: pl.DataFrame, context: FilterContext) -> pl.Series:
    low, high = context.config.min_price, context.config.max_price
    if low is None and high is None:
        return _all(items)
    _need("price", "price", items)
    above = pl.lit(value=True) if low is None else pl.col("price") >= low
    below = pl.lit(value=True) if high is None else pl.col("price") <= high
    return items.select((pl.col("price").is_not_null() & above & below).fill_null(value=False)).to_series()


def _bought(users: pl.Series, context: FilterContext) -> pl.DataFrame:
    config, items = context.config, context.known.items
    bought = context.known.events.lazy().filter(pl.col("event") == "purchase")
    if config.rebuy_after_days is not None:
        since = context.now - timedelta(days=config.rebuy_after_days)
        bought = bought.filter((pl.col("timestamp") >= since).fill_null(value=True))
    repeatable = pl.lit(value=False)
    if "repeatable" in items.columns:
        repeatable = repeatable | pl.col("repeatable").fill_null(value=False)
    if config.repeatable_categories:
        _known_values("repeatable_categories", config.repeatable_categories, "topics", items)
        repeatable = repeatable | _in_any(config.repeatable_categories)
    once = items.lazy().filter(~repeatable).select("item_id")
    return (
        bought.join(users.to_frame("user_id").lazy(), on="user_id", how="semi")
        .join(once, on="item_id", how="semi")
        .select("user_id", "item_id")
        .unique()
        .collect()
    )


def _in_any(categories: Sequence[str]) -> pl.Expr:
    wanted = pl.lit(list(categories), dtype=pl.List(pl.String))
    return (pl.col("topics").list.set_intersection(wanted).list.len() > 0).fill_null(value=False)


def _check_categories(context: FilterContext) -> None:
    for setting in ("allow_categories", "deny_categories"):
        _known_values(setting, getattr(context.config, setting), "topics", context.known.items)


def _category_where(context: FilterContext) -> Mapping[str, Any] | None:
    _check_categories(context)
    allow, deny = context.config.allow_categories, context.config.deny_categories
    where = {}
    if allow:
        where["must"] = [{"key": "topics", "match": {"any": allow}}]
    if deny:
        where["must_not"] = [{"key": "topics", "match": {"any": deny}}]
    return where or None


def _category_keep(items: pl.DataFrame, context: FilterContext) -> pl.Series:
    _check_categories(context)
    allow, deny = context.config.allow_categories, context.config.deny_categories
    kept = _all(items)
    if allow:
        kept &= items.select(_in_any(allow)).to_series()
    if deny:
        kept &= items.select(~_in_any(deny)).to_series()
    return kept


def _market_where(context: FilterContext) -> Mapping[str, Any] | None:
    market = context.config.market
    if market is None:
        return None
    _need("market", "markets", context.known.items)
    _known_values("market", [market], "markets", context.known.items)
    return {"should": [{"is_empty": {"key": "markets"}}, {"key": "markets", "match": {"value": market}}]}


def _market_keep(items: pl.DataFrame, context: FilterContext) -> pl.Series:
    market = context.config.market
    if market is None:
        return _all(items)
    _need("market", "markets", items)
    _known_values("market", [market], "markets", context.known.items)
    everywhere = pl.col("markets").list.len().fill_null(0) == 0
    return items.select(everywhere | pl.col("markets").list.contains(market).fill_null(value=False)).to_series()


IN_STOCK = CandidateFilter(
    name="in_stock",
    description="Products in stock: by their in_stock column; without one, those sold lately or never yet.",
    where=_stock_where,
    keep=_stock_keep,
    fields={"in_stock": "bool"},
)
PRICE = CandidateFilter(
    name="price",
    description="Products in the chosen price range.",
    where=_price_where,
    keep=_price_keep,
    fields={"price": "float"},
)
NOT_BOUGHT = CandidateFilter(
    name="not_bought",
    description="Products that the user has not bought yet, and those that people buy again.",
    exclude=_bought,
)
CATEGORY = CandidateFilter(
    name="category",
    description="Products in the allowed categories and in none of the denied ones.",
    where=_category_where,
    keep=_category_keep,
    fields={"topics": "keyword"},
)
MARKET = CandidateFilter(
    name="market",
    description="Products that are sold in the chosen market.",
    where=_market_where,
    keep=_market_keep,
    fields={"markets": "keyword"},
)
FILTERS = (IN_STOCK, PRICE, NOT_BOUGHT, CATEGORY, MARKET)
