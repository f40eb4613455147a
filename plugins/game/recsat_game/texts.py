"""EncodeItem and EncodeUser: a person as an item has the text that the same person has as a user."""

from __future__ import annotations

import polars as pl

from recsat import likes
from recsat.people import FRIEND
from recsat_game.catalogue import GAME, ITEM
from recsat_game.config import GameConfig

N_TOPICS = 3
N_TITLES = 5
N_TAGS = 8
LIKED_HOURS = 2
NEWCOMER = "Somebody new, whose games are not known yet."

LIKED = (
    ((pl.col("event") == "play") & (pl.col("value") >= LIKED_HOURS)) | pl.col("event").is_in(["spend", "invite"])
).fill_null(value=False)
"""What counts as liked: two hours or more in one row of play, money spent inside a game, an invitation.

Two hours is the time for which Steam takes a game back: who plays on has kept it. A purchase alone is no liking: in Steam-200k
people never started 45 % of the games that they own.
"""


def liked_by(config: GameConfig) -> pl.Expr:
    """The same under an operator's settings."""
    least = LIKED_HOURS if config.liked_from is None else config.liked_from
    return likes(config, ["spend", "invite"], "play", least)


def describe_item(items: pl.DataFrame) -> pl.Series:
    """Game: ``Star Haven. space, strategy. fleet orbit``. Item: ``Ion Sail, for Star Haven. space``. Person: their profile."""
    title = pl.col("title").str.strip_chars(" .")
    if "game_title" in items.columns:
        belongs = (pl.col("kind") == ITEM) & pl.col("game_title").is_not_null()
        title = pl.when(belongs).then(pl.concat_str(title, pl.lit(", for "), "game_title")).otherwise(title)
    topics, description = _words("topics", items), _column("description", items)
    tags = _words("tags", items, N_TAGS)
    developer = pl.format("By {}", _column("developer", items))
    parts = [part.str.strip_chars(" .").replace("", None) for part in (title, topics, tags, description, developer)]
    sold = pl.concat_list(parts).list.drop_nulls().list.join(". ")
    if "price" in items.columns:
        free = (pl.col("price") == 0) & (pl.col("kind") == GAME)
        sold = pl.when(free.fill_null(value=False)).then(pl.concat_str(sold, pl.lit(". Free to play"))).otherwise(sold)
    text = pl.when(pl.col("kind") == FRIEND).then(_profile(topics, description)).otherwise(sold)
    return items.select(text=text).to_series()


def describe_user(users: pl.DataFrame, history: pl.DataFrame) -> pl.Series:
    """``Plays space, strategy. Night owl. Most played: Star Haven, Drift King.``

    Interests and bio are the person's own words; where there are no interests, the genres of what they liked most. Games are
    named by hours played, since many sources know the hours and not the days.
    """
    is_liked = pl.col("liked") if "liked" in history.columns else LIKED
    liked = (
        history.lazy().filter(is_liked & (pl.col("kind") != FRIEND)).select("user_id", topic="topics").explode("topic")
    )
    topics = (
        liked.drop_nulls("topic")
        .group_by("user_id", "topic")
        .agg(n=pl.len())
        .sort("user_id", "n", "topic", descending=[False, True, False])
        .group_by("user_id", maintain_order=True)
        .agg(liked_topics=pl.col("topic").head(N_TOPICS).str.join(", "))
    )
    titles = (
        history.lazy()
        .filter(pl.col("event") == "play")
        .drop_nulls("title")
        .group_by("user_id", "title")
        .agg(pl.col("value").sum())
        .filter(pl.col("value") > 0)
        .sort("user_id", "value", "title", descending=[False, True, False])
        .group_by("user_id", maintain_order=True)
        .agg(titles=pl.col("title").head(N_TITLES).str.join(", "))
    )
    profiles = users.lazy().select("user_id", interests=_words("interests", users), bio=_column("bio", users))
    profile = _profile(pl.coalesce("interests", "liked_topics"), pl.col("bio"))
    played = pl.format("Most played: {}.", pl.col("titles"))
    return (
        profiles.join(topics, on="user_id", how="left", maintain_order="left")
        .join(titles, on="user_id", how="left", maintain_order="left")
        .select(profile=profile, played=played)
        .select(
            text=pl.when((pl.col("profile") == NEWCOMER) & pl.col("played").is_not_null())
            .then("played")
            .otherwise(pl.concat_str("profile", "played", separator=" ", ignore_nulls=True))
        )
        .collect()
        .to_series()
    )


def _column(name: str, table: pl.DataFrame) -> pl.Expr:
    return pl.col(name) if name in table.columns else pl.lit(None, dtype=pl.String)


def _words(name: str, table: pl.DataFrame, n: int | None = None) -> pl.Expr:
    if name not in table.columns:
        return pl.lit(None, dtype=pl.String)
    listed = pl.col(name) if n is None else pl.col(name).list.head(n)
    return listed.list.join(", ").replace("", None)


def _profile(topics: pl.Expr, bio: pl.Expr) -> pl.Expr:
    bio_text = bio.str.strip_chars(" .").replace("", None)
    text = pl.concat_str(pl.format("Plays {}.", topics), pl.format("{}.", bio_text), separator=" ", ignore_nulls=True)
    return text.replace("", NEWCOMER)
