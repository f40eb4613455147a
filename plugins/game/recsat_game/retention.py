"""Did users come back after they took up something that a list showed?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import polars as pl

from recsat import Judged
from recsat_game.config import WINDOW_DAYS

NOTHING = pl.Schema({"user_id": pl.String, "value": pl.Float64})


def returned(judged: Judged, start: timedelta, end: timedelta) -> pl.DataFrame:
    r"""1 where the user was there in :math:`[t_0 + start, t_0 + end)`, else 0; :math:`t_0` is their first hit.

    A hit is a held-out event on a listed item. A user is there at any event, before or after the cut, and whenever something
    was shown to them. Defined for users with a hit whose window ends before the data do: who cannot be watched to the end of
    the window has not left. Without times there is no value.
    """
    seen = [judged.history.select("user_id", "timestamp"), judged.outcomes.select("user_id", "timestamp")]
    if judged.exposures is not None:
        seen.append(judged.exposures.select("user_id", "timestamp"))
    there = pl.concat(seen).drop_nulls()
    until = there["timestamp"].max()
    first = judged.hits.drop_nulls("timestamp").group_by("user_id").agg(t0=pl.col("timestamp").min())
    if until is None or first.is_empty():
        return pl.DataFrame(schema=NOTHING)
    watched = first.filter(pl.col("t0") + end <= until)
    after = there.lazy().join(watched.lazy(), on="user_id").with_columns(after=pl.col("timestamp") - pl.col("t0"))
    back = after.filter((pl.col("after") >= start) & (pl.col("after") < end)).select("user_id", value=1.0).unique()
    return (
        watched.lazy()
        .select("user_id")
        .join(back, on="user_id", how="left")
        .with_columns(pl.col("value").fill_null(0.0).cast(pl.Float64))
        .sort("user_id")
        .collect()
    )


def retention_on_day(day: int) -> Callable[[Judged], pl.DataFrame]:
    """The metric function of one day: 24 hours that begin ``day`` days after the first hit."""

    def retention(judged: Judged) -> pl.DataFrame:
        return returned(judged, timedelta(days=day), timedelta(days=day + 1))

    retention.__name__ = retention.__qualname__ = f"retention_day_{day}"
    return retention


def retention_window(judged: Judged) -> pl.DataFrame:
    """1 where the user came back from the second day on, within ``retention_days`` after the first hit, else 0."""
    days = WINDOW_DAYS if judged.config is None else judged.config.retention_days
    return returned(judged, timedelta(days=1), timedelta(days=days))
