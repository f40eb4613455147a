"""Sums and means of the values that events have."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from recsat.contract.domain import Dimension, Judged, SatisfactionMetric
from recsat.metrics.tables import hits_of, mean_by_user, needs_of, or_zero

THOUSAND = 1000


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


def value_per_thousand(
    *events: str,
    name: str,
    description: str,
    unit: str,
    needs: Collection[str] | None = None,
    dimension: Dimension = "business",
) -> SatisfactionMetric:
    r"""What a thousand recommendations brought in: :math:`1000 \sum_{e \in H} \mathrm{value}_e / |L|`, over H that are one of ``events``.

    Every place of the list counts below the line, of whatever kind, also those that a fallback filled. Defined for users with a list, 0
    where nothing listed counts; a mean over users is that over places where lists are equally long. ``needs`` as in
    :func:`~recsat.metrics.event_rate`.
    """

    def compute(judged: Judged) -> pl.DataFrame:
        places = judged.lists.lazy().group_by("user_id").agg(n=pl.len())
        total = hits_of(judged, events).group_by("user_id").agg(total=pl.col("value").sum())
        values = places.join(total, on="user_id", how="inner").select(
            "user_id", value=THOUSAND * pl.col("total") / pl.col("n")
        )
        return or_zero(places, values)

    return SatisfactionMetric(
        name=name,
        description=description,
        unit=unit,
        better="higher",
        compute=compute,
        dimension=dimension,
        needs=needs_of(events, needs),
        bounds=(0.0, None),
        over=(
            "all served users with a list, each list alike however long, 0 where nothing listed brought anything in: as if what users went "
            "on to spend on listed items were owed to the list"
        ),
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
