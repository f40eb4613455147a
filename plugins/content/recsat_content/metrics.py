r"""What satisfaction is in this domain: one value per user, from what users went on to do with what a list showed.

``H`` below is a user's hits: the held-out events on items of the list.
"""

from __future__ import annotations

import polars as pl

from recsat import DataError, Judged, SatisfactionMetric

SECONDS_PER_HOUR = 3600.0
PREDICTED = "predicted_rating"


def _per_user(value: pl.Expr, table: pl.LazyFrame) -> pl.DataFrame:
    return table.group_by("user_id", maintain_order=True).agg(value=value.cast(pl.Float64)).collect()


def watch_time(judged: Judged) -> pl.DataFrame:
    r"""Hours played of listed items: :math:`\sum_{e \in H,\, e = \mathrm{play}} \mathrm{seconds}_e / 3600`.

    Defined for users who played something in the held-out part; 0 where none of it was listed.
    """
    played = pl.col("event") == "play"
    hours = judged.hits.lazy().filter(played).group_by("user_id").agg(value=pl.col("value").sum() / SECONDS_PER_HOUR)
    return (
        judged.outcomes.lazy()
        .filter(played)
        .select("user_id")
        .unique(maintain_order=True)
        .join(hours, on="user_id", how="left", maintain_order="left")
        .select("user_id", value=pl.col("value").fill_null(0.0).cast(pl.Float64))
        .collect()
    )


def repeat_rate(judged: Judged) -> pl.DataFrame:
    """Share of the listed items that the user played which they played at least twice in the held-out part.

    Defined for users who played a listed item.
    """
    plays = judged.hits.lazy().filter(pl.col("event") == "play").group_by("user_id", "item_id").agg(n=pl.len())
    return _per_user((pl.col("n") >= 2).mean(), plays.sort("user_id", "item_id"))


def completion_rate(judged: Judged) -> pl.DataFrame:
    """Share of the listed items that the user started which they finished.

    An item is started by a ``play`` or a ``complete`` event and finished by ``complete``. Defined for users who started
    a listed item.
    """
    started = (
        judged.hits.lazy()
        .filter(pl.col("event").is_in(["play", "complete"]))
        .group_by("user_id", "item_id")
        .agg(finished=(pl.col("event") == "complete").any())
    )
    return _per_user(pl.col("finished").mean(), started.sort("user_id", "item_id"))


def click_through_rate(judged: Judged) -> pl.DataFrame:
    """Share of the exposures of listed items that were clicked: the replay estimate of Li et al., WSDM 2011.

    It is free of bias only where the logged policy showed items at random; elsewhere read the counterfactual estimates.
    Defined for users to whom a listed item was shown. Raises DataError where exposures have no ``click`` column.
    """
    if judged.exposures is None:
        return pl.DataFrame(schema={"user_id": pl.String, "value": pl.Float64})
    if "click" not in judged.exposures.columns:
        raise DataError(
            "exposures: there is no column 'click', so click-through rate cannot be measured. "
            "Add it: true where the user clicked what was shown."
        )
    listed = judged.lists.lazy().select("user_id", "item_id")
    shown = judged.exposures.lazy().join(listed, on=["user_id", "item_id"], how="semi")
    return _per_user(pl.col("click").mean(), shown.sort("user_id"))


def mean_rating(judged: Judged) -> pl.DataFrame:
    """Mean stars that the user gave to listed items in the held-out part. Defined for users who rated one."""
    return _per_user(pl.col("value").mean(), judged.hits.lazy().filter(pl.col("event") == "rating").sort("user_id"))


def rating_error(judged: Judged) -> pl.DataFrame:
    r"""Root mean squared error of predicted stars: :math:`\sqrt{\frac{1}{|H|}\sum_{e \in H} (\hat r_e - r_e)^2}`.

    Lists must carry ``predicted_rating``: a score orders items and is not a number of stars. Defined for users who rated
    a listed item.
    """
    if PREDICTED not in judged.lists.columns:
        return pl.DataFrame(schema={"user_id": pl.String, "value": pl.Float64})
    predicted = judged.lists.lazy().select("user_id", "item_id", PREDICTED)
    rated = judged.outcomes.lazy().filter(pl.col("event") == "rating").join(predicted, on=["user_id", "item_id"])
    return _per_user(((pl.col(PREDICTED) - pl.col("value")) ** 2).mean().sqrt(), rated.sort("user_id"))


METRICS = (
    SatisfactionMetric(
        name="watch_time",
        description="Hours that users went on to watch, listen to or read what the list showed.",
        unit="hours",
        better="higher",
        compute=watch_time,
        needs=frozenset({"play"}),
        bounds=(0.0, None),
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
    SatisfactionMetric(
        name="completion_rate",
        description="Share of listed items that users started which they finished.",
        unit="share",
        better="higher",
        compute=completion_rate,
        needs=frozenset({"play", "complete"}),
        bounds=(0.0, 1.0),
    ),
    SatisfactionMetric(
        name="click_through_rate",
        description="Share of the times that listed items were shown on which they were clicked.",
        unit="share",
        better="higher",
        compute=click_through_rate,
        needs=frozenset({"exposures"}),
        bounds=(0.0, 1.0),
    ),
    SatisfactionMetric(
        name="mean_rating",
        description="Mean stars that users gave to listed items.",
        unit="stars",
        better="higher",
        compute=mean_rating,
        needs=frozenset({"rating"}),
        bounds=(0.0, 5.0),
    ),
    SatisfactionMetric(
        name="rating_error",
        description="Root mean squared error of the predicted stars of listed items.",
        unit="stars",
        better="lower",
        compute=rating_error,
        dimension="accuracy",
        needs=frozenset({"rating", PREDICTED}),
        bounds=(0.0, None),
    ),
)
