"""Did users come back after they took up something that a list showed?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import polars as pl

from recsat.contract.domain import Judged, SatisfactionMetric
from recsat.data.moments import latest
from recsat.metrics.tables import NO_VALUES, or_zero


def retention(
    first_day: int, last_day: int | Callable[[Any], int], *, name: str, description: str
) -> SatisfactionMetric:
    r"""1 where the user was there in :math:`[t_0 + \mathrm{first}, t_0 + \mathrm{last} + 1)` days, else 0.

    :math:`t_0` is the user's first hit, a held-out event on a listed item; day 0 begins with it, and a day is 24 hours.
    ``retention(7, 7)`` is the retention of day 7. ``last_day`` may be a function of the domain's config, which is None outside
    a run. A user is there at any event, before or after the cut, and whenever something was shown to them. Defined for users
    with a hit whose window ends before the data do: who cannot be watched to the end of the window has not left. Without times
    there is no value.
    """

    def compute(judged: Judged) -> pl.DataFrame:
        last = last_day(judged.config) if callable(last_day) else last_day
        return _present(judged, timedelta(days=first_day), timedelta(days=last + 1))

    return SatisfactionMetric(
        name=name,
        description=description,
        unit="share",
        better="higher",
        compute=compute,
        bounds=(0.0, 1.0),
        over=(
            "the served users who took up a listed item and can be watched to the end of the days: an arm's own lists decide who they are"
        ),
    )


def _present(judged: Judged, start: timedelta, end: timedelta) -> pl.DataFrame:
    tables = [judged.history, judged.outcomes, *([] if judged.exposures is None else [judged.exposures])]
    moments = pl.concat([table.select("user_id", "timestamp") for table in tables]).drop_nulls()
    until = latest(moments["timestamp"])  # one bad date would have everybody watched for years
    first = judged.hits.drop_nulls("timestamp").group_by("user_id").agg(t0=pl.col("timestamp").min())
    if until is None or first.is_empty():
        return pl.DataFrame(schema=NO_VALUES)
    watched = first.lazy().filter(pl.col("t0") + end <= until)
    since = pl.col("timestamp") - pl.col("t0")
    back = moments.lazy().join(watched, on="user_id").filter((since >= start) & (since < end))
    return or_zero(watched, back.select("user_id", value=1.0).unique())
