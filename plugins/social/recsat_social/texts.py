"""EncodeItem and EncodeUser: a person as an item has the text that the same person has as a user."""

from __future__ import annotations

import polars as pl

from recsat import likes
from recsat.people import FRIEND
from recsat_social.config import SocialConfig
from recsat_social.people import CONTENT

N_TOPICS = 3
N_TITLES = 5
MIN_PLAYS = 5
NEWCOMER = "Somebody new, who has not said what they are into."

LIKED = (
    pl.col("event").is_in(["follow", "like", "share"]) | ((pl.col("event") == "play") & (pl.col("value") >= MIN_PLAYS))
).fill_null(value=False)
"""What counts as liked: whom one follows, what one likes or shares, and what one row says was played five times or more. A
message alone does not: it may be a complaint."""


def liked_by(config: SocialConfig) -> pl.Expr:
    """The same under an operator's settings."""
    least = MIN_PLAYS if config.liked_from is None else config.liked_from
    return likes(config, ["follow", "like", "share"], "play", least)


def describe_item(items: pl.DataFrame) -> pl.Series:
    """Content: ``Summit trail. hiking. rope boots ridge``. A person: :func:`describe_user` of somebody without a history."""
    topics = _words("topics", items)
    description = pl.col("description") if "description" in items.columns else pl.lit(None, dtype=pl.String)
    parts = [part.str.strip_chars(" .").replace("", None) for part in (pl.col("title"), topics, description)]
    content = pl.concat_list(parts).list.drop_nulls().list.join(". ")
    text = pl.when(pl.col("kind") == FRIEND).then(_profile(topics, description)).otherwise(content)
    return items.select(text=text).to_series()


def describe_user(users: pl.DataFrame, history: pl.DataFrame) -> pl.Series:
    """``Into hiking, food. Always outdoors. Recently: Summit trail 7.``

    Interests and bio are the person's own words; where there are no interests, the topics that they liked most. What was
    liked last comes first. Names are left out: they say nothing of taste.
    """
    is_liked = pl.col("liked") if "liked" in history.columns else LIKED
    liked = (
        history.lazy()
        .filter(is_liked & (pl.col("kind") == CONTENT))
        .select("user_id", "title", "topics")
        .with_row_index("at")
    )
    topics = (
        liked.select("user_id", topic="topics")
        .explode("topic")
        .drop_nulls("topic")
        .group_by("user_id", "topic")
        .agg(n=pl.len())
        .sort("user_id", "n", "topic", descending=[False, True, False])
        .group_by("user_id", maintain_order=True)
        .agg(liked_topics=pl.col("topic").head(N_TOPICS).str.join(", "))
    )
    titles = (
        liked.drop_nulls("title")
        .sort("at", descending=True)
        .group_by("user_id", maintain_order=True)
        .agg(titles=pl.col("title").unique(maintain_order=True).head(N_TITLES).str.join(", "))
    )
    bio = pl.col("bio") if "bio" in users.columns else pl.lit(None, dtype=pl.String)
    profiles = users.lazy().select("user_id", interests=_words("interests", users), bio=bio)
    profile = _profile(pl.coalesce("interests", "liked_topics"), pl.col("bio"))
    recently = pl.format("Recently: {}.", pl.col("titles"))
    return (
        profiles.join(topics, on="user_id", how="left", maintain_order="left")
        .join(titles, on="user_id", how="left", maintain_order="left")
        .select(profile=profile, recently=recently)
        .select(
            text=pl.when((pl.col("profile") == NEWCOMER) & pl.col("recently").is_not_null())
            .then("recently")
            .otherwise(pl.concat_str("profile", "recently", separator=" ", ignore_nulls=True))
        )
        .collect()
        .to_series()
    )


def _words(column: str, table: pl.DataFrame) -> pl.Expr:
    if column not in table.columns:
        return pl.lit(None, dtype=pl.String)
    return pl.col(column).list.join(", ").replace("", None)


def _profile(topics: pl.Expr, bio: pl.Expr) -> pl.Expr:
    bio_text = bio.str.strip_chars(" .").replace("", None)
    text = pl.concat_str(pl.format("Into {}.", topics), pl.format("{}.", bio_text), separator=" ", ignore_nulls=True)
    return text.replace("", NEWCOMER)
