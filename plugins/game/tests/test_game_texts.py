"""EncodeItem and EncodeUser, word for word; a person as an item says what the same person says as a user."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from recsat_game.config import GameConfig
from recsat_game.domain import load
from recsat_game.texts import LIKED, NEWCOMER, describe_item, describe_user

TABLES = GameConfig(folder=str(Path(__file__).with_name("store")), layout="tables")


def test_games_and_items_say_what_is_known_of_them() -> None:
    items = load(TABLES).items.filter(pl.col("kind") != "friend")
    assert dict(zip(items["item_id"], describe_item(items), strict=True)) == {
        "g1": "Star Haven. space, strategy. 4X, slow. Rule a hundred suns. By Nova",
        "g2": "Drift King. racing. By Turbo. Free to play",
        "g3": "Night Crypt. horror. Do not look back",
        "g4": "Untold",
        "x1": "Ion Sail, for Star Haven. space, strategy",
        "x2": "Coin pack, for Drift King. racing",
        "x3": "Gold Rims, for Drift King. cosmetics",
        "x4": "Lantern, for Night Crypt. horror",
    }


@pytest.mark.parametrize("config", [GameConfig(sample_users=60, sample_games=30, sample_items=10), TABLES])
def test_a_person_as_an_item_has_the_text_of_the_same_person_as_a_user(config: GameConfig) -> None:
    data = load(config)
    friends = data.items.filter(pl.col("kind") == "friend")
    users = friends.select(user_id=pl.col("item_id").str.strip_prefix("user:"))
    users = users.join(data.users, on="user_id", how="left", maintain_order="left")
    nothing = data.events.join(data.items, on="item_id").clear()
    assert describe_item(friends).to_list() == describe_user(users, nothing).to_list()
    assert describe_item(friends).n_unique() >= 3


def test_user_text_names_games_by_hours_and_genres_from_what_was_liked_where_none_are_told() -> None:
    data = load(TABLES)
    history = data.events.join(data.items, on="item_id", how="left").sort("timestamp")
    users = pl.DataFrame({"user_id": ["ann", "bob", "cem", "dia", "new"]}).join(data.users, on="user_id", how="left")
    assert describe_user(users, history).to_list() == [
        "Plays space, racing. Night owl. Most played: Star Haven, Drift King.",
        "Plays racing. Most played: Drift King.",
        "Only on sundays.",
        "Most played: Untold.",
        NEWCOMER,
    ]


def test_liked_is_two_hours_of_play_money_spent_inside_or_an_invitation() -> None:
    events = pl.DataFrame(
        {
            "event": ["play", "play", "play", "spend", "invite", "purchase", "view"],
            "value": [2.0, 1.9, None, 0.99, None, 59.99, None],
        }
    )
    assert events.select(LIKED).to_series().to_list() == [True, False, False, True, True, False, False]
