"""What may be shown to whom, worked by hand on the tables of ``store/``."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from recsat import DataError, FilterContext
from recsat.testing.check_filters import kept_items
from recsat_game.config import GameConfig
from recsat_game.domain import GAMES, load
from recsat_game.filters import FILTERS

STORE = Path(__file__).with_name("store")
BY_NAME = {rule.name: rule for rule in FILTERS}
USERS = ["ann", "bob", "cem", "dia", "new"]


def context(**settings: Any) -> FilterContext:
    config = GameConfig(folder=str(STORE), layout="tables", **settings)
    return FilterContext(known=load(config), config=config, now=datetime(2024, 2, 1, tzinfo=UTC))


def pairs(name: str, filter_context: FilterContext) -> dict[str, list[str]]:
    part = BY_NAME[name].exclude or BY_NAME[name].allow
    assert part is not None
    rows = part(pl.Series("user_id", USERS), filter_context)
    return {user: sorted(rows.filter(pl.col("user_id") == user)["item_id"]) for user in USERS}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("not_self", {user: [f"user:{user}"] for user in ("ann", "bob", "cem", "dia")} | {"new": []}),
        # Bought or played games, and items that are not used up; a view is no possession.
        ("owned", {"ann": ["g1", "g2", "x1"], "bob": ["g2"], "cem": ["g3"], "dia": ["g4"], "new": []}),
        ("not_invited", {"ann": ["user:bob"], "bob": ["user:dia"], "cem": [], "dia": [], "new": []}),
        ("compatible", {"ann": ["x1", "x2", "x3"], "bob": ["x2", "x3"], "cem": ["x4"], "dia": [], "new": []}),
    ],
)
def test_pairs_are_those_worked_by_hand(name: str, expected: dict[str, list[str]]) -> None:
    assert pairs(name, context()) == expected


def test_nobody_meeting_themselves_is_the_rule_that_always_runs() -> None:
    assert [rule.name for rule in FILTERS if rule.always] == ["not_self"]


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("platform", {}, ["g1", "g2", "g3", "g4", "x1", "x2", "x3", "x4"]),
        # Items run where their game runs, unless they say otherwise; g4 does not say.
        ("platform", {"platform": "linux"}, ["g1", "x1"]),
        ("platform", {"platform": "console"}, ["g2", "x2", "x3"]),
        ("age_rating", {}, ["g1", "g2", "g3", "g4", "x1", "x2", "x3", "x4"]),
        ("age_rating", {"max_age_rating": 12}, ["g1", "g2", "x1", "x2", "x3"]),
        ("age_rating", {"max_age_rating": 3}, ["g2", "x2", "x3"]),
        ("free_to_play", {}, ["g1", "g2", "g3", "g4", "x1", "x2", "x3", "x4"]),
        ("free_to_play", {"free_to_play_only": True}, ["g2", "x1", "x2", "x3", "x4"]),
    ],
)
def test_keeps_what_the_settings_ask_for(name: str, settings: dict[str, Any], expected: list[str]) -> None:
    filter_context = context(**settings)
    item_ids = kept_items(GAMES, name, filter_context)
    friends = filter_context.known.items.filter(pl.col("kind") == "friend")["item_id"].to_list()
    assert sorted(item for item in item_ids if item not in friends) == expected
    assert sum(item in friends for item in item_ids) == 4, "people are of no platform, age or price"


@pytest.mark.parametrize(
    ("name", "settings", "column"),
    [
        ("platform", {"platform": "linux"}, "platforms"),
        ("age_rating", {"max_age_rating": 12}, "age_rating"),
        ("free_to_play", {"free_to_play_only": True}, "price"),
    ],
)
def test_says_which_column_the_items_lack(name: str, settings: dict[str, Any], column: str) -> None:
    filter_context = context(**settings)
    lacking = replace(
        filter_context, known=replace(filter_context.known, items=filter_context.known.items.drop(column))
    )
    with pytest.raises(DataError, match=f"filter {name} needs column '{column}'"):
        kept_items(GAMES, name, lacking)
