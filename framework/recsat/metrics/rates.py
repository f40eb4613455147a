"""Shares of a list, of users and of what was shown."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TypeAlias

import polars as pl

from recsat.contract.domain import Dimension, Judged, SatisfactionMetric
from recsat.data.moments import latest
from recsat.errors import DataError
from recsat.metrics.tables import NO_VALUES, PAIR, hits_of, mean_by_user, needs_of, or_zero, places_with

SHARE = (0.0, 1.0)
MOST_UNSERVED = 0.02
"""Part of the clicks that may be of users without a list before there is no click rate."""
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

    return _share(name, description, compute, needs_of(events, needs), dimension, _with_places(kind))


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

    over = "all served users" if of_everybody else _with_places(kind)
    return _share(name, description, compute, needs_of(events, needs), dimension, over)


def rejection_rate(events: Collection[str], *, description: str, name: str = "rejection_rate") -> SatisfactionMetric:
    r"""Share of the listed items that the user went on to reject: :math:`|\{i \in L : i \in H\}| / |L|`, H those with one of ``events``.

    Lower is better. Defined for users with a list; left out where no event of the data, before or after the cut, is one of ``events``. What a filter
    took out of the lists because it was rejected before cannot be rejected again.
    """

    def compute(judged: Judged) -> pl.DataFrame:
        return mean_by_user(pl.col("done"), places_with(judged, events))

    def obstacle(judged: Judged) -> str | None:
        there = pl.concat([judged.history["event"], judged.outcomes["event"]]).is_in(list(events)).any()
        names = ", ".join(events)
        return None if there else f"The data have none of the events {names}."

    rate = _share(name, description, compute, frozenset(), "behaviour", _with_places(None))
    return replace(rate, better="lower", obstacle=obstacle)


def follow_up_rate(first: Collection[str], then: str, *, name: str, description: str) -> SatisfactionMetric:
    """Of the listed items with which the user went on to have one of the events ``first``, the share with ``then`` too.

    Which of the two came first does not matter. Defined for users with such an item.
    """

    def compute(judged: Judged) -> pl.DataFrame:
        pairs = hits_of(judged, first).select(PAIR).unique()
        return mean_by_user(pl.col("done"), pairs.join(places_with(judged, [then]), on=PAIR))

    over = f"the served users who went on to {' or '.join(first)} a listed item: an arm's own lists decide who they are"
    return _share(name, description, compute, frozenset({*first, then}), "behaviour", over)


def click_through_rate(*, description: str, name: str = "click_through_rate") -> SatisfactionMetric:
    r"""Clicks per exposure if every place had shown one of the list's items, each as often: inverse propensity scoring.

    .. math:: \hat R = \frac1N \sum_{j=1}^{N} \frac{\mathbf 1[i_j \in L_{u_j}]}{|L_{u_j}|\, p_j}\, c_j

    over all N exposures after the last known event (all of them where nothing is known), to whomever: item :math:`i_j` shown to
    :math:`u_j` with propensity :math:`p_j`, clicked or not. :math:`|L|` counts the list's items of the shown item's kind; an
    exposure of a kind that the list lacks counts as not clicked. Users who clicked nothing count 0 whatever their list would be, so
    they need none; who clicked and was served no list counts 0 as well, which can only lower the rate, by about their part of the
    clicks. Where that is above 2 % there is no click rate, since it would be one of those who liked something: conditional on its
    outcome. Horvitz and Thompson, JASA 1952; Strehl et al., NeurIPS 2010. Free
    of bias where the log could have shown every listed item, and propensities are true.

    Values are those whose mean over users is :math:`\hat R` and whose spread is that of a ratio (the delta method):
    :math:`\hat R + (s_u - \hat R n_u) / \bar n`, with :math:`s_u` the sum over the user's :math:`n_u` exposures. Raises DataError
    where exposures have no ``click`` column.
    """
    return SatisfactionMetric(
        name=name,
        description=description,
        unit="clicks per exposure",
        better="higher",
        compute=_click_rate,
        needs=frozenset({"exposures"}),
        bounds=(0.0, None),
        over=(
            "everything shown after the cut to anybody, who liked something or not, weighted by the propensity of the log: what "
            "would be clicked if each place showed one of the list's items"
        ),
        of_exposed=True,
        obstacle=_no_click_rate,
    )


def _click_rate(judged: Judged) -> pl.DataFrame:
    if judged.exposures is None or _no_click_rate(judged) is not None:
        return pl.DataFrame(schema=NO_VALUES)
    kinds = judged.items.lazy().select("item_id", "kind")
    places = judged.lists.lazy().select(PAIR).join(kinds, on="item_id")
    shares = places.with_columns(share=1 / pl.len().over("user_id", "kind")).select(*PAIR, "share")
    worth = pl.col("click").cast(pl.Float64) * pl.col("share").fill_null(0.0) / pl.col("propensity")
    users = (
        _after_the_cut(judged)
        .lazy()
        .join(shares, on=PAIR, how="left")
        .group_by("user_id")
        .agg(sum=worth.sum(), n=pl.len().cast(pl.Float64))
        .with_columns(rate=pl.col("sum").sum() / pl.col("n").sum())
    )
    value = pl.col("rate") + (pl.col("sum") - pl.col("rate") * pl.col("n")) / pl.col("n").mean()
    return users.select("user_id", value=value).sort("user_id").collect()


def _no_click_rate(judged: Judged) -> str | None:
    if judged.exposures is None:
        return None
    exposures = _after_the_cut(judged)
    if "propensity" not in exposures.columns or exposures["propensity"].null_count():
        return "It is not known of everything shown after the cut with which probability it was (propensity)."
    clicks = exposures.filter("click")["user_id"]
    if clicks.is_empty():
        return f"Of the {exposures.height:,} exposures after the last known event none was clicked."
    n_unserved = int((~clicks.is_in(judged.users.implode())).sum())
    if n_unserved > MOST_UNSERVED * len(clicks):
        return (
            f"{n_unserved:,} of the {len(clicks):,} clicks after the cut are of users who liked nothing then and were served no list: "
            "a rate over the others would be conditional on its outcome."
        )
    return None


def _after_the_cut(judged: Judged) -> pl.DataFrame:
    """Everything shown after the last known event, to whomever."""
    assert judged.exposures is not None
    if "click" not in judged.exposures.columns:
        raise DataError(
            "exposures: there is no column 'click', so click-through rate cannot be measured. "
            "Add it: true where the user clicked what was shown."
        )
    known_until = latest(judged.history["timestamp"])  # one bad date would leave nothing after it
    after = pl.lit(value=True) if known_until is None else pl.col("timestamp") > known_until
    return judged.exposures.filter(after)


def _with_places(kind: str | None) -> str:
    return f"the served users whose list has any item{'' if kind is None else f' of kind {kind}'}"


def _share(
    name: str, description: str, compute: Compute, needs: frozenset[str], dimension: Dimension, over: str
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
        over=over,
    )
