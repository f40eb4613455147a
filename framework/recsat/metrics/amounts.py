"""Sums, means and errors of the values that events have."""

from __future__ import annotations

import polars as pl

from recsat.contract.domain import Dimension, Judged, SatisfactionMetric
from recsat.metrics.tables import NO_VALUES, PAIR, hits_of, mean_by_user, or_zero

PREDICTED = "predicted_rating"
"""The column that lists carry where an arm predicts ratings."""


def event_sum(
    event: str,
    *,
    name: str,
    description: str,
    unit: str,
    kind: str | None = None,
    per: float = 1.0,
    of_everybody: bool = True,
    dimension: Dimension = "behaviour",
) -> SatisfactionMetric:
    r"""What listed items brought in: :math:`\sum_{e \in H,\, e = \mathrm{event}} \mathrm{value}_e / \mathrm{per}`.

    ``per`` is what makes the values' unit ``unit``, 3600 for hours from seconds. Defined for every judged user, 0 where nothing
    listed counts; or, not ``of_everybody``, for those who had the event in the held-out part, with whatever item.
    """

    def compute(judged: Judged) -> pl.DataFrame:
        total = hits_of(judged, [event], kind).group_by("user_id").agg(value=pl.col("value").sum() / per)
        everybody = judged.users.to_frame("user_id").lazy()
        return or_zero(everybody if of_everybody else judged.outcomes.lazy().filter(pl.col("event") == event), total)

    return SatisfactionMetric(
        name=name,
        description=description,
        unit=unit,
        better="higher",
        compute=compute,
        dimension=dimension,
        needs=frozenset({event}),
        bounds=(0.0, None),
        over="all served users; who got nothing from the list counts 0"
        if of_everybody
        else f"the served users who had a {event} after the cut; who got nothing from the list counts 0",
    )


def mean_value(
    event: str,
    *,
    name: str,
    description: str,
    unit: str,
    bounds: tuple[float | None, float | None] = (None, None),
    dimension: Dimension = "behaviour",
) -> SatisfactionMetric:
    """Mean value of the user's ``event`` hits, such as the stars given to listed items. Defined for users who have one."""

    def compute(judged: Judged) -> pl.DataFrame:
        return mean_by_user(pl.col("value"), hits_of(judged, [event]))

    return SatisfactionMetric(
        name=name,
        description=description,
        unit=unit,
        better="higher",
        compute=compute,
        dimension=dimension,
        needs=frozenset({event}),
        bounds=bounds,
        over=f"the served users with a {event} of a listed item, and those items alone: an arm's own lists decide which they are",
    )


def prediction_error(
    event: str, *, name: str, description: str, unit: str, predicted: str = PREDICTED
) -> SatisfactionMetric:
    r"""Root mean squared error of predicted values: :math:`\sqrt{\frac{1}{|H|}\sum_{e \in H} (\hat r_e - r_e)^2}`.

    Lists must carry the column ``predicted``: a score orders items and is not a number of stars. Defined for users with an
    ``event`` on a listed item.
    """

    def compute(judged: Judged) -> pl.DataFrame:
        if predicted not in judged.lists.columns:
            return pl.DataFrame(schema=NO_VALUES)
        predictions = judged.lists.lazy().select(*PAIR, predicted)
        rated = hits_of(judged, [event]).select(*PAIR, "value").join(predictions, on=PAIR)
        squares = mean_by_user((pl.col(predicted) - pl.col("value")) ** 2, rated)
        return squares.with_columns(pl.col("value").sqrt())

    return SatisfactionMetric(
        name=name,
        description=description,
        unit=unit,
        better="lower",
        compute=compute,
        dimension="accuracy",
        needs=frozenset({event, predicted}),
        bounds=(0.0, None),
        over=f"the served users with a {event} of a listed item, and those items alone: an arm's own lists decide which they are",
    )
