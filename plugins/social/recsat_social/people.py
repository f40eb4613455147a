"""People are items too: user ``7`` is the item ``user:7`` of kind ``friend``, and its text is that user's own."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

PREFIX = "user:"
FRIEND = "friend"
CONTENT = "content"
NO_WORDS = pl.lit([], dtype=pl.List(pl.String))
PROFILE: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "name": pl.String,
    "interests": pl.List(pl.String),
    "bio": pl.String,
    "opted_out": pl.Boolean,
    "blocked": pl.List(pl.String),
}
"""What a user table may say of a person, beside ``user_id``."""


def friend_id(user: str) -> pl.Expr:
    """The item id of the person whose user id is in the column ``user``."""
    return pl.concat_str(pl.lit(PREFIX), pl.col(user))


def person(item: str) -> pl.Expr:
    """The user id of the friend whose item id is in the column ``item``; null for content."""
    return pl.when(pl.col(item).str.starts_with(PREFIX)).then(pl.col(item).str.strip_prefix(PREFIX))


def everybody(users: pl.DataFrame, *ids: pl.Series) -> pl.DataFrame:
    """``users`` with a row for everybody among ``ids``, and every column of :data:`PROFILE`.

    A person without a row in ``users`` has not agreed to be shown where the table says who opted out: ``opted_out`` is null
    then, which the privacy filter removes. Where no user table says anything about it, nobody has opted out.
    """
    seen = pl.concat([series.cast(pl.String).rename("user_id") for series in ids]) if ids else users["user_id"].clear()
    more = seen.to_frame().unique().drop_nulls().join(users, on="user_id", how="anti").sort("user_id")
    told = users if "opted_out" in users.columns else users.with_columns(opted_out=pl.lit(value=False))
    if "opted_out" not in users.columns:
        more = more.with_columns(opted_out=pl.lit(value=False))
    both = pl.concat([told, more], how="diagonal")
    missing = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in PROFILE.items() if name not in both.columns]
    lists = [pl.col(name).fill_null(NO_WORDS) for name in ("interests", "blocked")]
    return both.with_columns(missing).with_columns(lists)


def with_people(content: pl.DataFrame, users: pl.DataFrame) -> pl.DataFrame:
    """The catalogue: ``content`` and every one of ``users`` (of :func:`everybody`) as an item of kind friend."""
    origin = [name for name in ("_file", "_row") if name in users.columns]
    friends = users.select(
        friend_id("user_id").alias("item_id"),
        pl.lit(FRIEND).alias("kind"),
        pl.coalesce("name", "user_id").alias("title"),
        pl.col("interests").alias("topics"),
        pl.col("bio").alias("description"),
        "opted_out",
        "blocked",
        *origin,
    )
    return pl.concat([content.with_columns(kind=pl.lit(CONTENT)), friends], how="diagonal")


def follow_events(ties: pl.DataFrame) -> pl.DataFrame:
    """Directed ``ties`` (user_id, other_id, timestamp) as follow events, which can be held out and predicted."""
    return ties.select(
        "user_id",
        friend_id("other_id").alias("item_id"),
        pl.lit("follow").alias("event"),
        pl.lit(None, dtype=pl.Float64).alias("value"),
        "timestamp",
        *(name for name in ("_file", "_row") if name in ties.columns),
    )


def ties_of(events: pl.DataFrame) -> pl.DataFrame:
    """(user_id, other_id, timestamp): who follows whom in ``events``, since when; nobody follows themselves."""
    return (
        events.lazy()
        .filter(pl.col("event") == "follow")
        .select("user_id", person("item_id").alias("other_id"), "timestamp")
        .drop_nulls("other_id")
        .filter(pl.col("user_id") != pl.col("other_id"))
        .group_by("user_id", "other_id")
        .agg(pl.col("timestamp").min())
        .sort("user_id", "other_id")
        .collect()
    )
