"""Shares of a list, of users and of what was shown."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeAlias

import polars as pl

from recsat.contract.domain import Dimension, Judged, SatisfactionMetric
from recsat.errors import DataError
from recsat.metrics.tables import NO_VALUES, PAIR, hits_of, mean_by_user, or_zero, places_with

SHARE = (0.0, 1.0)
Compute: TypeAlias = Callable[[Judged], pl.DataFrame]


def event_rate(
    *events: str,
    name: str,
    description: str,
    kind: str | None = None,
    needs: Collection[str] | None = None,
    dimension: Dimension = "behaviour",
) -> SatisfactionMetric:
    r"""Share of the listed items with which the user went on to have one of ``events``: :math:`|\{i \in L : i \in H\}| / |L|`.

    Defined for users whose list has items of ``kind``. ``needs`` is the event where there is one, and nothing where several will do.
    """

    def compute(judged: Judged) -> pl.DataFrame:
        return mean_by_user(pl.col("done"), places_with(judged, events, kind))

    return _share(name, description, compute, _needs(events, needs), dimension)


def conversion_rate(
    *events: str,
    description: str,
    name: str = "conversion_rate",
    kind: str | None = None,
    above: float | None = None,
    of_everybody: bool = False,
    needs: Collection[str] | None = None,
    dimension: Dimension = "behaviour",
) -> SatisfactionMetric:
    """1 where the user went on to have one of ``events`` with at least one listed item, else 0: the mean is a share of users.

    With ``above``, only events of a value above it count. Defined for users whose list has items of ``kind``, or for every
    judged user.
    """

    def compute(judged: Judged) -> pl.DataFrame:
        enough = pl.lit(value=True) if above is None else pl.col("value") > above
        converts = hits_of(judged, events, kind).filter(enough).select("user_id", value=1.0).unique()
        everybody = judged.users.to_frame("user_id").lazy()
        return or_zero(everybody if of_everybody else places_with(judged, events, kind), converts)

    return _share(name, description, compute, _needs(events, needs), dimension)


def follow_up_rate(first: Collection[str], then: str, *, name: str, description: str) -> SatisfactionMetric:
    """Of the listed items with which the user went on to have one of the events ``first``, the share with ``then`` too.

    Which of the two came first does not matter. Defined for users with such an item.
    """

    def compute(judged: Judged) -> pl.DataFrame:
        pairs = hits_of(judged, first).select(PAIR).unique()
        return mean_by_user(pl.col("done"), pairs.join(places_with(judged, [then]), on=PAIR))

    return _share(name, description, compute, frozenset({*first, then}), "behaviour")


def click_through_rate(*, description: str, name: str = "click_through_rate") -> SatisfactionMetric:
    """Share of the exposures of listed items that were clicked: the replay estimate of Li et al., WSDM 2011.

    It is free of bias only where the logged policy showed items at random; elsewhere read the counterfactual estimates. Only
    exposures after the last known event count, since the arms learned from clicks before it; so a split that is not a cut in
    time gives few or none, and where nothing is known at all every exposure counts. Judged users have a liked event after the
    cut, so the level is above what a business sees; the comparison of arms is what it is for. Defined for users to whom a
    listed item was shown then. Raises DataError where exposures have no ``click`` column.
    """

    def compute(judged: Judged) -> pl.DataFrame:
        if judged.exposures is None:
            return pl.DataFrame(schema=NO_VALUES)
        if "click" not in judged.exposures.columns:
            raise DataError(
                "exposures: there is no column 'click', so click-through rate cannot be measured. "
                "Add it: true where the user clicked what was shown."
            )
        known_until = judged.history["timestamp"].max()
        after = pl.lit(value=True) if known_until is None else pl.col("timestamp") > known_until
        places = judged.lists.lazy().select(PAIR)
        return mean_by_user(pl.col("click"), judged.exposures.lazy().filter(after).join(places, on=PAIR, how="semi"))

    return _share(name, description, compute, frozenset({"exposures"}), "behaviour")


def _needs(events: tuple[str, ...], needs: Collection[str] | None) -> frozenset[str]:
    if needs is not None:
        return frozenset(needs)
    return frozenset(events) if len(events) == 1 else frozenset()


def _share(
    name: str, description: str, compute: Compute, needs: frozenset[str], dimension: Dimension
) -> SatisfactionMetric:
    return SatisfactionMetric(
        name=name,
        description=description,
        unit="share",
        better="higher",
        compute=compute,
        dimension=dimension,
        needs=needs,
        bounds=SHARE,
    )
