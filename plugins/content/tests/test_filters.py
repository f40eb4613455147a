"""What each filter keeps of the six items of tests/tables, worked by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from recsat import DataError, FilterContext
from recsat.testing.check_filters import kept_items
from recsat_content.config import ContentConfig
from recsat_content.domain import CONTENT, load

TABLES = Path(__file__).with_name("tables")
NOW = datetime(2024, 1, 1, tzinfo=UTC)
EVERYTHING = ["m1", "m2", "m3", "t1", "t2", "a1"]


def context(**settings: Any) -> FilterContext:
    config = ContentConfig(folder=str(TABLES), layout="tables", **settings)
    return FilterContext(known=load(config), config=config, now=NOW)


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("language", {}, EVERYTHING),
        ("language", {"languages": ["en"]}, ["m1", "t1", "a1"]),
        ("language", {"languages": ["fr", "de"]}, ["m2", "t2"]),
        ("age_rating", {}, EVERYTHING),
        ("age_rating", {"max_age_rating": 12}, ["m1", "t1", "t2", "a1"]),
        ("age_rating", {"max_age_rating": 0}, ["t1", "t2", "a1"]),
        ("region", {}, EVERYTHING),
        ("region", {"region": "FR"}, ["m1", "m2", "t1", "t2", "a1"]),
        ("region", {"region": "US"}, ["m2", "t2"]),
        # At the turn of the year m3 has run out a second ago, a1 runs out at this moment, t1 has not begun.
        ("licence", {}, ["m1", "m2", "t2"]),
        ("licence", {"licence_at": "2023-12-31T23:59:58Z"}, ["m1", "m2", "m3", "t2", "a1"]),
        ("licence", {"licence_at": "2024-02-01T00:00:00Z"}, ["m1", "m2", "t1", "t2"]),
        ("freshness", {}, EVERYTHING),
        ("freshness", {"max_age_days": 12}, ["m1", "t1"]),
        ("freshness", {"max_age_days": 31}, ["m1", "t1", "a1"]),
    ],
)
def test_keeps_what_the_settings_ask_for(name: str, settings: dict[str, Any], expected: list[str]) -> None:
    assert kept_items(CONTENT, name, context(**settings)) == expected


@pytest.mark.parametrize(
    ("name", "settings", "column"),
    [
        ("language", {"languages": ["en"]}, "language"),
        ("age_rating", {"max_age_rating": 6}, "age_rating"),
        ("region", {"region": "FR"}, "regions"),
        ("licence", {}, "available_from"),
    ],
)
def test_says_which_column_the_items_lack(name: str, settings: dict[str, Any], column: str) -> None:
    config = ContentConfig(**settings)
    context = FilterContext(known=load(config), config=config, now=NOW)
    with pytest.raises(
        DataError, match=f"filter {name} needs column '{column}'.*take content.{name} out of rank.filters"
    ):
        kept_items(CONTENT, name, context)
