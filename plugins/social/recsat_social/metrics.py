"""What satisfaction is in this domain: one value per user, from what users went on to do with whom and what a list showed."""

from __future__ import annotations

import polars as pl

from recsat import Judged, SatisfactionMetric
from recsat.metrics import click_through_rate, event_rate, rejection_rate
from recsat.people import FRIEND, person
from recsat_social.network import are_strangers, known_network
from recsat_social.people import CONTENT

REJECTIONS = ("hide", "report", "unfollow")
"""Events by which users say that they do not want an item."""

WITH_PEOPLE = ("follow", "message")
WITH_CONTENT = ("like", "share", "play")


def _mean(value: pl.Expr, table: pl.LazyFrame) -> pl.DataFrame:
    return table.group_by("user_id").agg(value=value.mean().cast(pl.Float64)).sort("user_id").collect()


def _met(events: tuple[str, ...], judged: Judged) -> pl.LazyFrame:
    """Listed people with whom the user went on to have one of ``events``: (user_id, other_id)."""
    met = judged.hits.lazy().filter(pl.col("event").is_in(events)).select("user_id", other_id=person("item_id"))
    return met.drop_nulls().unique()


def reciprocity(judged: Judged) -> pl.DataFrame:
    """Of the listed people whom the user went on to follow, the share who follow the user, be it before or after.

    Defined for users who followed somebody on their list. In a network of mutual friendships it is 1 by definition.
    """
    if judged.ties is None:
        return pl.DataFrame(schema={"user_id": pl.String, "value": pl.Float64})
    back = judged.ties.lazy().select(user_id="other_id", other_id="user_id").unique().with_columns(back=True)
    answered = _met(("follow",), judged).join(back, on=["user_id", "other_id"], how="left")
    return _mean(pl.col("back").fill_null(value=False), answered)


def strangers_reached(judged: Judged) -> pl.DataFrame:
    """Of the listed people whom the user went on to follow or write to, the share who were strangers.

    A stranger is neither tied to the user nor has a friend in common with them, in what was known before the cut: a list
    that only closes triangles has 0. Defined for users who met somebody on their list.
    """
    met = _met(WITH_PEOPLE, judged).collect()
    is_stranger = are_strangers(known_network(judged.history), met["user_id"], met["other_id"])
    return _mean(pl.col("is_stranger"), met.lazy().with_columns(is_stranger=pl.Series(is_stranger, dtype=pl.Boolean)))


METRICS = (
    event_rate(
        *WITH_PEOPLE,
        name="friend_interaction_rate",
        description="Share of listed people whom users went on to follow or write to.",
        kind=FRIEND,
        needs=("follow",),
    ),
    event_rate(
        *WITH_CONTENT,
        name="content_interaction_rate",
        description="Share of listed content that users went on to like, share or play.",
        kind=CONTENT,
    ),
    event_rate(
        "follow",
        name="acceptance_rate",
        description="Share of listed people whom users went on to follow.",
        kind=FRIEND,
    ),
    SatisfactionMetric(
        name="reciprocity",
        description="Share of the listed people whom users followed who follow them back.",
        unit="share",
        better="higher",
        compute=reciprocity,
        needs=frozenset({"follow", "ties"}),
        bounds=(0.0, 1.0),
    ),
    SatisfactionMetric(
        name="strangers_reached",
        description="Share of the listed people whom users met who had no friend in common with them.",
        unit="share",
        better="higher",
        compute=strangers_reached,
        needs=frozenset({"follow"}),
        bounds=(0.0, 1.0),
    ),
    click_through_rate(description="Clicks for each person or post shown, if every place had shown one of the list."),
    rejection_rate(
        REJECTIONS, description="Share of listed people and posts that users went on to reject: hide, report, unfollow."
    ),
)
