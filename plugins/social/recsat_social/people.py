"""The people of the network: who opted out, whom they blocked, and whom they follow; recsat.people makes items of them."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

import recsat.people
from recsat.people import person, person_item

CONTENT = "content"
PRIVACY: Mapping[str, pl.DataType] = {"opted_out": pl.Boolean(), "blocked": pl.List(pl.String())}
"""What a user table may say of a person, beside their profile."""


def everybody(users: pl.DataFrame, *ids: pl.Series) -> pl.DataFrame:
    """``users`` with a row for everybody among ``ids``, and every column of a profile and of :data:`PRIVACY`.

    A person without a row in ``users`` has not agreed to be shown where the table says who opted out: ``opted_out`` is null
    then, which the privacy filter removes. Where no user table says anything about it, nobody has opted out.
    """
    table = recsat.people.everybody(users, *ids, profile=PRIVACY)
    return table if "opted_out" in users.columns else table.with_columns(opted_out=pl.lit(value=False))


def with_people(content: pl.DataFrame, users: pl.DataFrame) -> pl.DataFrame:
    """The catalogue: ``content`` and every one of ``users`` (of :func:`everybody`) as an item of kind friend."""
    return recsat.people.with_people(content.with_columns(kind=pl.lit(CONTENT)), users, also=PRIVACY)


def follow_events(ties: pl.DataFrame) -> pl.DataFrame:
    """Directed ``ties`` (user_id, other_id, timestamp) as follow events, which can be held out and predicted."""
    return ties.select(
        "user_id",
        person_item("other_id").alias("item_id"),
        pl.lit("follow").alias("event"),
        pl.lit(None, dtype=pl.Float64).alias("value"),
        "timestamp",
        *(name for name in ("_file", "_row") if name in ties.columns),
    )


def ties_of(events: pl.DataFrame) -> pl.DataFrame:
    """(user_id, other_id, timestamp): who follows whom in ``events``, since when; nobody follows themselves.

    A tie ends with an ``unfollow`` after which no follow came; of equal or unknown times none did.
    """
    pair, when, is_follow = ["user_id", "other_id"], pl.col("timestamp"), pl.col("event") == "follow"
    is_after = (when > pl.when(~is_follow).then(when).max().over(pair)).fill_null(value=False)
    return (
        events.lazy()
        .filter(pl.col("event").is_in(["follow", "unfollow"]))
        .select("user_id", person("item_id").alias("other_id"), "event", "timestamp")
        .drop_nulls("other_id")
        .filter(pl.col("user_id") != pl.col("other_id"))
        .with_columns(is_after=is_after | is_follow.all().over(pair))
        .filter(is_follow & pl.col("is_after"))
        .group_by("user_id", "other_id")
        .agg(pl.col("timestamp").min())
        .sort("user_id", "other_id")
        .collect()
    )
