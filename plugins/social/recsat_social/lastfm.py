"""HetRec 2011 Last.fm: artists as content, plays as events, friends as ties, tags as what describes both.

Only plays and friendships are events, which a split may hold out. Tags are not: they describe artists (what all users call
them) and people (the tags that they use most). Neither plays nor friendships have a time.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recsat import Column, Dataset, read_table
from recsat_social.people import everybody, follow_events, ties_of, with_people

NAME = "hetrec2011-lastfm-2k"
N_ARTIST_TAGS = 5
N_USER_TAGS = 8
SOURCE = (
    "HetRec 2011 Last.fm (2k) by the Information Retrieval group, Universidad Autónoma de Madrid (I. Cantador, P. Brusilovsky "
    "and T. Kuflik, RecSys 2011), from Last.fm; for non-commercial use."
)
ARTISTS = {"item_id": Column(source="id"), "title": Column(source="name")}
TAGS = {"tag_id": Column(source="tagID"), "tag": Column(source="tagValue")}
PLAYS = {
    "user_id": Column(source="userID"),
    "item_id": Column(source="artistID"),
    "value": Column(kind="number", source="weight", least=0),
}
FRIENDS = {"user_id": Column(source="userID"), "other_id": Column(source="friendID")}
TAGGED = {
    "user_id": Column(source="userID"),
    "item_id": Column(source="artistID"),
    "tag_id": Column(source="tagID"),
}
NO_TIME = pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias("timestamp")


def read_lastfm(folder: Path) -> Dataset:
    """``artists``, ``user_artists``, ``user_friends``, ``user_taggedartists`` and ``tags`` of ``folder``, as CSV in UTF-8."""
    artists, *faults = read_table((folder, "artists"), ARTISTS)
    plays, play_faults = read_table((folder, "user_artists"), PLAYS)
    friends, friend_faults = read_table((folder, "user_friends"), FRIENDS)
    tags, tag_faults = read_table((folder, "tags"), TAGS)
    tagged, tagged_faults = read_table((folder, "user_taggedartists"), TAGGED)
    named = tagged.join(tags.select("tag_id", "tag"), on="tag_id")
    topics = _most_used(named, "item_id", N_ARTIST_TAGS).rename({"tags": "topics"})
    interests = _most_used(named, "user_id", N_USER_TAGS).rename({"tags": "interests"})
    users = everybody(interests, plays["user_id"], friends["user_id"], friends["other_id"])
    content = artists.join(topics, on="item_id", how="left", maintain_order="left").with_columns(
        pl.col("topics").fill_null(pl.lit([], dtype=pl.List(pl.String)))
    )
    played = plays.with_columns(NO_TIME, event=pl.lit("play"))
    follows = follow_events(friends.with_columns(NO_TIME))
    events = pl.concat([played.select(follows.columns), follows])
    return Dataset(
        items=with_people(content, users),
        users=users,
        events=events,
        ties=ties_of(events),
        quarantine=pl.concat([*faults, play_faults, friend_faults, tag_faults, tagged_faults]),
        source=SOURCE,
    )


def _most_used(tagged: pl.DataFrame, key: str, n: int) -> pl.DataFrame:
    """(key, tags): the ``n`` tags that most rows of ``key`` have, most used first, ties by spelling."""
    return (
        tagged.lazy()
        .group_by(key, "tag")
        .agg(n=pl.len())
        .sort(key, "n", "tag", descending=[False, True, False])
        .group_by(key, maintain_order=True)
        .agg(tags=pl.col("tag").head(n))
        .collect()
    )
