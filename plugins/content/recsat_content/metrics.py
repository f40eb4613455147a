"""What satisfaction is in this domain: one value per user, from what users went on to do with what a list showed."""

from __future__ import annotations

import polars as pl

from recsat import Judged, SatisfactionMetric
from recsat.metrics import click_through_rate, event_sum, follow_up_rate, mean_value

SECONDS_PER_HOUR = 3600.0


def repeat_rate(judged: Judged) -> pl.DataFrame:
    """Share of the listed items that the user played which they played at least twice in the held-out part.

    Defined for users who played a listed item.
    """
    plays = judged.hits.lazy().filter(pl.col("event") == "play").group_by("user_id", "item_id").agg(n=pl.len())
    return plays.group_by("user_id").agg(value=(pl.col("n") >= 2).mean().cast(pl.Float64)).sort("user_id").collect()


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
    click_through_rate(description="Clicks for each item shown, if every place had shown one of the list."),
    mean_value(
        "rating",
        name="mean_rating",
        description="Mean stars that users gave to listed items.",
        unit="stars",
        bounds=(0.0, 5.0),
    ),
)
