"""In stock, price range, not already bought, category, market.

A product whose price or stock is unknown is removed by the filter that asks for it. A product without markets is sold everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import polars as pl

from recsat import CandidateFilter, ConfigError, FilterContext, Rule, field


def _words(setting: str, column: str) -> Callable[[FilterContext], list[str]]:
    """What the setting asks for; a word that no product has is refused, since it would remove everything or nothing."""

    def words(context: FilterContext) -> list[str]:
        value = getattr(context.config, setting)
        setting_words = [value] if isinstance(value, str) else value or []
        if setting_words and column in context.known.items.columns:
            there = context.known.items.select(pl.col(column).explode().drop_nulls().unique().sort()).to_series()
            unknown = [word for word in setting_words if word not in there]
            if unknown:
                raise ConfigError(
                    f"{setting}: no product has {unknown[0]!r} among its {column}. There are {', '.join(there.head(40))}."
                )
        return list(setting_words)

    return words


def _sold_lately(items: pl.DataFrame, context: FilterContext) -> pl.Series:
    if "in_stock" in items.columns:
        return pl.repeat(value=True, n=items.height, dtype=pl.Boolean, eager=True)
    since = context.now - timedelta(days=context.config.in_stock_days)
    sales = context.known.events.lazy().filter(pl.col("event") == "purchase")
    last = sales.group_by("item_id").agg(last=pl.col("timestamp").max()).collect()
    sold = items.select("item_id").join(last, on="item_id", how="left", maintain_order="left")
    return (sold["last"] >= since).fill_null(value=True)


def _bought(users: pl.Series, context: FilterContext) -> pl.DataFrame:
    config, items = context.config, context.known.items
    bought = context.known.events.lazy().filter(pl.col("event") == "purchase")
    if config.rebuy_after_days is not None:
        since = context.now - timedelta(days=config.rebuy_after_days)
        bought = bought.filter((pl.col("timestamp") >= since).fill_null(value=True))
    repeatable = REPEATABLE_CATEGORY.bind(context), REPEATABLE.bind(context)
    once = items
    for rule in repeatable:
        once = once if rule is None else once.filter(~rule.mask(once))
    return (
        bought.join(users.to_frame("user_id").lazy(), on="user_id", how="semi")
        .join(once.lazy(), on="item_id", how="semi")
        .select("user_id", "item_id")
        .unique()
        .collect()
    )


REPEATABLE: Rule = field("repeatable", required=False).equals(True)
REPEATABLE_CATEGORY = field("topics").is_in(_words("repeatable_categories", "topics"))
IN_STOCK = CandidateFilter(
    name="in_stock",
    description="Products in stock: by their in_stock column; without one, those sold lately or never yet.",
    rule=field("in_stock", required=False).equals(True),
    keep=_sold_lately,
)
PRICE = CandidateFilter(
    name="price",
    description="Products in the chosen price range.",
    rule=field("price").between(lambda context: context.config.min_price, lambda context: context.config.max_price),
)
NOT_BOUGHT = CandidateFilter(
    name="not_bought",
    description="Products that the user has not bought yet, and those that people buy again.",
    exclude=_bought,
)
CATEGORY = CandidateFilter(
    name="category",
    description="Products in the allowed categories and in none of the denied ones.",
    rule=field("topics").is_in(_words("allow_categories", "topics"))
    & ~field("topics").is_in(_words("deny_categories", "topics")),
)
MARKET = CandidateFilter(
    name="market",
    description="Products that are sold in the chosen market.",
    rule=field("markets").is_missing() | field("markets").is_in(_words("market", "markets")),
)
FILTERS = (IN_STOCK, PRICE, NOT_BOUGHT, CATEGORY, MARKET)
