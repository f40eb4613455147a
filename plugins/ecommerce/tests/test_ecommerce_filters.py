"""Each filter on a shop of six products, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from recsat import ConfigError, DataError, FilterContext
from recsat.testing.check_filters import kept_items, plan_of
from recsat_ecommerce.config import EcommerceConfig
from recsat_ecommerce.domain import ECOMMERCE, load
from recsat_ecommerce.filters import FILTERS

SHOP = Path(__file__).with_name("shop")
RULES = {rule.name: rule for rule in FILTERS}
NEW_YEAR = datetime(2024, 1, 1, tzinfo=UTC)


def _context(drop: tuple[str, ...] = (), now: datetime = NEW_YEAR, **settings: Any) -> FilterContext:
    config = EcommerceConfig(folder=str(SHOP), layout="tables", **settings)
    data = load(config)
    return FilterContext(known=replace(data, items=data.items.drop(drop)), config=config, now=now)


def _kept_items(name: str, context: FilterContext) -> set[str]:
    return set(kept_items(ECOMMERCE, name, context))


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("in_stock", {}, {"mug", "tea", "sock", "lamp"}),  # the pan is out, and of the book nothing is known
        ("price", {}, {"mug", "tea", "pan", "sock", "book", "lamp"}),
        ("price", {"max_price": 9.0}, {"mug", "tea", "sock"}),  # bounds are inclusive, unknown prices are out
        ("price", {"min_price": 9.0}, {"pan", "sock", "lamp"}),
        ("price", {"min_price": 5, "max_price": 10}, {"mug", "sock"}),
        ("category", {}, {"mug", "tea", "pan", "sock", "book", "lamp"}),
        ("category", {"allow_categories": ["Kitchen", "Home"]}, {"mug", "tea", "pan", "lamp"}),
        ("category", {"deny_categories": ["Kitchen"]}, {"sock", "book", "lamp"}),
        ("category", {"allow_categories": ["Kitchen"], "deny_categories": ["Food"]}, {"mug", "pan"}),
        ("market", {}, {"mug", "tea", "pan", "sock", "book", "lamp"}),
        ("market", {"market": "GB"}, {"mug", "tea", "pan", "book", "lamp"}),  # tea and book name none: sold everywhere
        ("market", {"market": "FR"}, {"tea", "book", "lamp"}),
    ],
)
def test_what_a_filter_keeps(name: str, settings: dict[str, Any], expected: set[str]) -> None:
    assert _kept_items(name, _context(**settings)) == expected


def test_nothing_is_pushed_down_where_nothing_is_asked() -> None:
    context = _context()
    for name in ("price", "category", "market"):
        assert plan_of(ECOMMERCE, name, context).where == []


def test_without_a_stock_column_recent_sales_stand_for_stock() -> None:
    # Last sold: mug 1st, tea 20th, pan 2nd, book 10th, sock 5th, lamp 23rd of December.
    context = _context(drop=("in_stock",), in_stock_days=24)
    assert _kept_items("in_stock", context) == {"tea", "book", "lamp"}
    assert plan_of(ECOMMERCE, "in_stock", context).where == []


def test_what_was_never_sold_counts_as_new_in_the_shop() -> None:
    context = _context(drop=("in_stock",), in_stock_days=1)
    unsold = replace(context.known, events=context.known.events.filter(pl.col("item_id") != "mug"))
    assert _kept_items("in_stock", replace(context, known=unsold)) == {"mug"}


def _excluded(context: FilterContext, *users: str) -> set[tuple[str, ...]]:
    exclude = RULES["not_bought"].exclude
    assert exclude is not None
    return set(exclude(pl.Series(users, dtype=pl.String), context).select("user_id", "item_id").iter_rows())


def test_what_was_bought_is_not_shown_again_unless_people_buy_it_again() -> None:
    assert _excluded(_context(), "ann", "bob") == {("ann", "mug"), ("bob", "pan"), ("bob", "book")}  # tea is repeatable
    every = _context(drop=("repeatable",))
    assert _excluded(every, "ann") == {("ann", "mug"), ("ann", "tea")}
    assert _excluded(every) == set()
    assert _excluded(every, "nobody") == set()


def test_categories_can_be_declared_repeatable() -> None:
    context = _context(drop=("repeatable",), repeatable_categories=["Kitchen"])
    assert _excluded(context, "ann", "bob", "eve") == {("bob", "book"), ("eve", "sock"), ("eve", "lamp")}


def test_what_was_bought_long_ago_is_shown_again() -> None:
    context = _context(drop=("repeatable",), rebuy_after_days=14)  # since the 18th of December
    assert _excluded(context, "ann", "bob", "eve") == {("ann", "tea"), ("eve", "lamp")}


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("category", {"allow_categories": ["Kitchn"]}),
        ("category", {"deny_categories": ["Kitchn"]}),
        ("market", {"market": "Kitchn"}),
    ],
)
def test_a_word_that_no_product_has_is_refused(name: str, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="no product has 'Kitchn'"):
        _kept_items(name, _context(**settings))


def test_a_repeatable_category_that_no_product_has_is_refused() -> None:
    with pytest.raises(ConfigError, match="repeatable_categories: no product has 'Kitchn'"):
        _excluded(_context(repeatable_categories=["Kitchn"]), "ann")


@pytest.mark.parametrize(
    ("name", "column", "settings"), [("price", "price", {"max_price": 3}), ("market", "markets", {"market": "GB"})]
)
def test_a_filter_without_its_column_says_what_to_do(name: str, column: str, settings: dict[str, Any]) -> None:
    context = _context(drop=(column,), **settings)
    with pytest.raises(DataError, match=f"needs column '{column}'.*take ecommerce.{name} out of rank.filters"):
        _kept_items(name, context)
