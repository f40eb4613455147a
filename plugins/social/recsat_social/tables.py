"""Your own network: ``items`` and ``events``, with ``users``, ``ties`` and ``exposures`` where they exist."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl

from recsat import Column, Dataset, read_dataset, set_aside
from recsat.people import name_people, person, refuse_person_ids
from recsat_social.config import SocialConfig
from recsat_social.people import everybody, follow_events, ties_of, with_people

WITH_PEOPLE = ("follow", "message", "unfollow")
ITEMS = {
    "item_id": Column(),
    "title": Column(required=False),
    "topics": Column(kind="list", default=()),
    "description": Column(required=False),
}
USERS = {
    "user_id": Column(),
    "name": Column(required=False),
    "interests": Column(kind="list", required=False),
    "bio": Column(required=False),
    "opted_out": Column(kind="boolean", required=False),
    "blocked": Column(kind="list", required=False),
}
TIES = {"user_id": Column(), "other_id": Column(), "timestamp": Column(kind="time", required=False)}


def read_tables(config: SocialConfig) -> Dataset:
    """CSV, Parquet or JSON lines of the folder in the schema of the README.

    Each tie is a follow event too, so that friendships can be held out and predicted; ``is_mutual`` makes it two, one each way.
    Following oneself is a fault of its row. Raises DataError where ids of users or content
    begin with ``user:``.
    """
    assert config.folder is not None, "the config model sees to it"
    folder, form = Path(config.folder), config.timestamp_format
    data = read_dataset(folder, items=ITEMS, users=USERS, ties=TIES, time_format=form, tables=config.tables, signed=())
    refuse_person_ids(data.items, "item_id")
    refuse_person_ids(data.users, "user_id")
    events = _with_ties(name_people(data.events, WITH_PEOPLE), data.ties, mutual=config.is_mutual)
    data = _sound(replace(data, events=events))
    exposures = [] if data.exposures is None else [data.exposures]
    met = [table.select(person("item_id")).to_series() for table in (data.events, *exposures)]
    people = everybody(data.users, data.events["user_id"], *met, *(table["user_id"] for table in exposures))
    return replace(data, items=with_people(data.items, people), users=people, ties=ties_of(data.events))


def _sound(data: Dataset) -> Dataset:
    return set_aside(
        data,
        "events",
        person("item_id") == pl.col("user_id"),
        column="item_id",
        reason="is the user's own self",
        fix="Take the row out.",
    )


def _with_ties(events: pl.DataFrame, ties: pl.DataFrame | None, *, mutual: bool) -> pl.DataFrame:
    """Ties that are no follow event yet become one; mutual ones each way."""
    follows = events.filter(pl.col("event") == "follow")
    pairs = follows.with_columns(other_id=person("item_id"))
    columns = ["user_id", "other_id", "timestamp", "_file", "_row"]
    if ties is not None:
        pairs = pl.concat([pairs.select(columns), ties.select(columns)])
    pairs = pairs.select(columns)
    if mutual:
        pairs = pl.concat(
            [
                pairs,
                pairs.select(user_id="other_id", other_id="user_id", timestamp="timestamp", _file="_file", _row="_row"),
            ]
        )
    more = pairs.unique(["user_id", "other_id"], keep="first", maintain_order=True)
    more = follow_events(more).join(follows, on=["user_id", "item_id"], how="anti", maintain_order="left")
    return pl.concat([events, more], how="diagonal")
