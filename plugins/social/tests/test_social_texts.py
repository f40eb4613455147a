"""EncodeItem and EncodeUser, word for word; a person as an item says what the same person says as a user."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from recsat_social.config import SocialConfig
from recsat_social.domain import load
from recsat_social.texts import LIKED, NEWCOMER, describe_item, describe_user

TABLES = SocialConfig(folder=str(Path(__file__).with_name("network")), layout="tables")


def test_content_says_title_topics_and_description() -> None:
    items = load(TABLES).items.filter(pl.col("kind") == "content")
    assert describe_item(items).to_list() == [
        "Ridge walk. hiking. Two days above the clouds",
        "Garlic soup. cooking",
        "Derby night. football, music. The fans sang",
        "Silent film. film",
        "Untagged",
    ]


@pytest.mark.parametrize("config", [SocialConfig(sample_users=60, sample_posts=40), TABLES])
def test_a_person_as_an_item_has_the_text_of_the_same_person_as_a_user(config: SocialConfig) -> None:
    data = load(config)
    friends = data.items.filter(pl.col("kind") == "friend")
    users = friends.select(user_id=pl.col("item_id").str.strip_prefix("user:"))
    users = users.join(data.users, on="user_id", how="left", maintain_order="left")
    nothing = data.events.join(data.items, on="item_id").clear()
    assert describe_item(friends).to_list() == describe_user(users, nothing).to_list()
    assert describe_item(friends).n_unique() > 3


def test_people_are_described_by_what_they_say_and_not_by_name_or_events() -> None:
    items = load(TABLES).items.filter(pl.col("kind") == "friend")
    texts = dict(zip(items["item_id"], describe_item(items), strict=True))
    assert texts["user:ann"] == "Into hiking, film. Always outdoors."
    assert texts["user:cem"] == "Loves a derby."
    assert texts["user:fay"] == NEWCOMER


def test_user_text_adds_what_was_liked_newest_first_and_takes_topics_from_it_where_none_are_told() -> None:
    data = load(TABLES)
    history = data.events.join(data.items, on="item_id", how="left").sort("timestamp")
    users = pl.DataFrame({"user_id": ["ann", "cem", "fay", "new"]}).join(data.users, on="user_id", how="left")
    assert describe_user(users, history).to_list() == [
        "Into hiking, film. Always outdoors. Recently: Silent film, Ridge walk.",
        "Into football, music. Loves a derby. Recently: Derby night.",
        "Into hiking. Recently: Ridge walk.",
        NEWCOMER,
    ]


def test_liked_content_without_topics_is_still_told() -> None:
    data = load(TABLES)
    liked = pl.DataFrame({"user_id": ["x"], "item_id": ["p5"], "event": ["like"], "value": [None]})
    liked = liked.cast({"value": pl.Float64}).join(data.items, on="item_id", how="left")
    assert describe_user(pl.DataFrame({"user_id": ["x"]}), liked).to_list() == ["Recently: Untagged."]


def test_liked_is_to_follow_like_share_or_play_often() -> None:
    events = pl.DataFrame(
        {
            "event": ["follow", "message", "like", "share", "play", "play", "play"],
            "value": [None, None, None, None, 5.0, 4.0, None],
        }
    )
    assert events.select(LIKED).to_series().to_list() == [True, False, True, True, True, False, False]
