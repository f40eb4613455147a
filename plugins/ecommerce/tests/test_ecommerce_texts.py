"""EncodeItem and EncodeUser on tables worked by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from recsat_ecommerce.config import EcommerceConfig
from recsat_ecommerce.domain import ECOMMERCE, load

SHOP = Path(__file__).with_name("shop")


def test_item_texts_say_all_that_is_known_and_no_more() -> None:
    items = load(EcommerceConfig(folder=str(SHOP), layout="tables")).items
    assert ECOMMERCE.describe_item(items).to_list() == [
        "Red mug. Hearth. Kitchen. A stoneware mug",
        "Green tea. Leaf. Food, Kitchen. Fifty bags of green tea",
        "Frying pan. Kitchen",
        "Wool socks. Hearth. Clothes",
        "Baking book",
        "Desk lamp. Lumen. Home. A lamp with an arm",
    ]


def test_products_without_text_are_called_by_number_and_features() -> None:
    items = load(EcommerceConfig(layout="open-bandit")).items
    assert ECOMMERCE.describe_item(items.head(1)).to_list() == [
        "Item 0. feature 1 527a325f, feature 2 5e92ce84, feature 3 84fd569b"
    ]


def _history(*rows: tuple[str, str, str, list[str]]) -> pl.DataFrame:
    return pl.DataFrame(
        [(user, event, title, topics, datetime(2024, 1, day, tzinfo=UTC)) for day, (user, event, title, topics) in enumerate(rows, 1)],
        schema={"user_id": pl.String, "event": pl.String, "title": pl.String, "topics": pl.List(pl.String), "timestamp": pl.Datetime("us", "UTC")},
        orient="row",
    )  # fmt: skip


def test_user_texts_name_topics_by_weight_and_purchases_newest_first() -> None:
    history = _history(
        ("a", "purchase", "Mug", ["Kitchen"]),
        ("a", "view", "Lamp", ["Home"]),
        ("a", "purchase", "Tea", ["Food", "Kitchen"]),
        ("a", "purchase", "Mug", ["Kitchen"]),
        ("b", "view", "Lamp", ["Home"]),
        ("c", "click", "Item 3", ["feature 1 ab"]),
    )
    users = pl.DataFrame({"user_id": ["c", "b", "a", "d"], "market": [None, None, "Germany", "France"]})
    assert ECOMMERCE.describe_user(users, history).to_list() == [
        "Shops for feature 1 ab. Recently: Item 3.",
        "Somebody new, whose taste is not known yet.",
        "Shops for Kitchen, Food. Recently: Mug, Tea. From Germany.",
        "From France.",
    ]


def test_user_texts_need_no_market() -> None:
    users = pl.DataFrame({"user_id": ["a"]})
    history = _history(("a", "purchase", "Mug", []))
    assert ECOMMERCE.describe_user(users, history).to_list() == ["Recently: Mug."]
