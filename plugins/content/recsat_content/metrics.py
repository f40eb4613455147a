"""What satisfaction is in this domain: one value per user, from what users went on to do with what a list showed."""

from __future__ import annotations

import polars as pl

from recsat import Judged, SatisfactionMetric
from recsat.metrics import click_through_rate, event_sum, follow_up_rate, mean_value, rejection_rate

REJECTIONS = ("skip", "hide", "report")
"""Events by which users say that they do not want an item."""

SECONDS_PER_HOUR = 3600.0
WATCHED = "watched_percent"


def repeat_rate(judged: Judged) -> pl.DataFrame:
    """Share of the listed items that the user played which they played at least twice in the held-out part.

    Defined for users who played a listed item.
    """
    plays = judged.hits.lazy().filter(pl.col("event") == "play").group_by("user_id", "item_id").agg(n=pl.len())
    return plays.group_by("user_id").agg(value=(pl.col("n") >= 2).mean().cast(pl.Float64)).sort("user_id").collect()


def watched_percent(judged: Judged) -> pl.DataFrame:
    """Mean ``watched_percent`` of the user's events with listed items, each item by the most that was watched of it at once."""
    if WATCHED not in judged.hits.columns:
        return pl.DataFrame(schema={"user_id": pl.String, "value": pl.Float64})
    most = judged.hits.lazy().drop_nulls(WATCHED).group_by("user_id", "item_id").agg(pl.col(WATCHED).max())
    return most.group_by("user_id").agg(value=pl.col(WATCHED).mean()).sort("user_id").collect()


def _not_watched(judged: Judged) -> str | None:
    has_it = any(WATCHED in table.columns for table in (judged.outcomes, judged.history))
    return None if has_it else f"Events have no column {WATCHED}."


METRICS = (
    event_sum(
        "play",
        name="watch_time",
        description="Hours that users went on to watch, listen to or read what the list showed.",
        unit="hours",
        per=SECONDS_PER_HOUR,
        of_everybody=False,
    ),
    SatisfactionMetric(
        name="repeat_rate",
        description="Share of listed items that users played which they came back to.",
        unit="share",
        better="higher",
        compute=repeat_rate,
        needs=frozenset({"play"}),
        bounds=(0.0, 1.0),
    ),
    follow_up_rate(
        ("play", "complete"),
        "complete",
        name="completion_rate",
        description="Share of listed items that users started which they finished.",
    ),
    SatisfactionMetric(
        name="watched_percent",
        description="How much users watched, heard or read of the listed items that they began.",
        unit="%",
        better="higher",
        compute=watched_percent,
        bounds=(0.0, 100.0),
        over="the served users who began a listed item, and those items alone: an arm's own lists decide which they are",
        obstacle=_not_watched,
    ),
    click_through_rate(description="Clicks for each item shown, if every place had shown one of the list."),
    mean_value(
        "rating",
        name="mean_rating",
        description="Mean stars that users gave to listed items.",
        unit="stars",
        bounds=(0.0, 5.0),
    ),
    rejection_rate(REJECTIONS, description="Share of listed titles that users went on to reject: skip, hide, report."),
)
