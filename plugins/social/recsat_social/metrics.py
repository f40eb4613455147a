r"""What satisfaction is in this domain: one value per user, from what users went on to do with whom and what a list showed.

In replay a list was never shown, so a rate says what share of it the user went for *anyway*; only
:func:`click_through_rate` looks at what was shown.
"""

from __future__ import annotations

import polars as pl

from recsat import DataError, Judged, SatisfactionMetric
from recsat_social.network import are_strangers, known_network
from recsat_social.people import CONTENT, FRIEND, person

WITH_PEOPLE = ("follow", "message")
WITH_CONTENT = ("like", "share", "play")
PAIR = ["user_id", "item_id"]
NOTHING = pl.Schema({"user_id": pl.String, "value": pl.Float64})


def _mean(value: pl.Expr, table: pl.LazyFrame) -> pl.DataFrame:
    return table.group_by("user_id").agg(value=value.mean().cast(pl.Float64)).sort("user_id").collect()


def _done(kind: str, events: tuple[str, ...], judged: Judged) -> pl.LazyFrame:
    """Listed items of ``kind`` with which the user went on to have one of ``events``: (user_id, item_id)."""
    of_kind = judged.items.lazy().filter(pl.col("kind") == kind).select("item_id")
    done = judged.hits.lazy().filter(pl.col("event").is_in(events)).select(PAIR).unique()
    return done.join(of_kind, on="item_id", how="semi")


def _rate(kind: str, events: tuple[str, ...], judged: Judged) -> pl.DataFrame:
    """Share of the listed items of ``kind`` with which the user went on to have one of ``events``."""
    of_kind = judged.items.lazy().filter(pl.col("kind") == kind).select("item_id")
    places = judged.lists.lazy().select(PAIR).join(of_kind, on="item_id", how="semi")
    done = _done(kind, events, judged).with_columns(done=pl.lit(value=True))
    return _mean(pl.col("done").fill_null(value=False), places.join(done, on=PAIR, how="left"))


def friend_interaction_rate(judged: Judged) -> pl.DataFrame:
    r"""Share of the listed people whom the user went on to follow or write to: :math:`|\{v \in L : \text{met}\}| / |L_\text{friend}|`.

    Defined for users whose list has people.
    """
    return _rate(FRIEND, WITH_PEOPLE, judged)


def content_interaction_rate(judged: Judged) -> pl.DataFrame:
    """Share of the listed content that the user went on to like, share or play. Defined for users whose list has content."""
    return _rate(CONTENT, WITH_CONTENT, judged)


def acceptance_rate(judged: Judged) -> pl.DataFrame:
    """Share of the listed people whom the user went on to follow. Defined for users whose list has people."""
    return _rate(FRIEND, ("follow",), judged)


def reciprocity(judged: Judged) -> pl.DataFrame:
    """Of the listed people whom the user went on to follow, the share who follow the user, be it before or after.

    Defined for users who followed somebody on their list. In a network of mutual friendships it is 1 by definition.
    """
    if judged.ties is None:
        return pl.DataFrame(schema=NOTHING)
    followed = _done(FRIEND, ("follow",), judged).with_columns(other_id=person("item_id"))
    back = judged.ties.lazy().select(user_id="other_id", other_id="user_id").unique().with_columns(back=True)
    answered = followed.join(back, on=["user_id", "other_id"], how="left")
    return _mean(pl.col("back").fill_null(value=False), answered)


def strangers_reached(judged: Judged) -> pl.DataFrame:
    """Of the listed people whom the user went on to follow or write to, the share who were strangers.

    A stranger is neither tied to the user nor has a friend in common with them, in what was known before the cut: a list
    that only closes triangles has 0. Defined for users who met somebody on their list.
    """
    met = _done(FRIEND, WITH_PEOPLE, judged).with_columns(other_id=person("item_id")).collect()
    strange = are_strangers(known_network(judged.history), met["user_id"], met["other_id"])
    return _mean(pl.col("strange"), met.lazy().with_columns(strange=pl.Series(strange, dtype=pl.Boolean)))


def click_through_rate(judged: Judged) -> pl.DataFrame:
    """Share of the exposures of listed people and content that were clicked: the replay estimate of Li et al., WSDM 2011.

    It is free of bias only where the logged policy showed items at random; elsewhere read the counterfactual estimates.
    Only exposures after the last known event count, since the arms learned from clicks before it; so a split that is not a
    cut in time gives few or none. Defined for users to whom a listed item was shown then. Raises DataError where exposures
    have no ``click`` column.
    """
    if judged.exposures is None:
        return pl.DataFrame(schema=NOTHING)
    if "click" not in judged.exposures.columns:
        raise DataError(
            "exposures: there is no column 'click', so click-through rate cannot be measured. "
            "Add it: true where the user clicked what was shown."
        )
    known_until = judged.history["timestamp"].max()
    after = pl.lit(value=True) if known_until is None else pl.col("timestamp") > known_until
    shown = judged.exposures.lazy().filter(after).join(judged.lists.lazy().select(PAIR), on=PAIR, how="semi")
    return _mean(pl.col("click"), shown)


METRICS = (
    SatisfactionMetric(
        name="friend_interaction_rate",
        description="Share of listed people whom users went on to follow or write to.",
        unit="share",
        better="higher",
        compute=friend_interaction_rate,
        needs=frozenset({"follow"}),
        bounds=(0.0, 1.0),
    ),
    SatisfactionMetric(
        name="content_interaction_rate",
        description="Share of listed content that users went on to like, share or play.",
        unit="share",
        better="higher",
        compute=content_interaction_rate,
        bounds=(0.0, 1.0),
    ),
    SatisfactionMetric(
        name="acceptance_rate",
        description="Share of listed people whom users went on to follow.",
        unit="share",
        better="higher",
        compute=acceptance_rate,
        needs=frozenset({"follow"}),
        bounds=(0.0, 1.0),
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
    SatisfactionMetric(
        name="click_through_rate",
        description="Share of the times that listed people and content were shown on which they were clicked.",
        unit="share",
        better="higher",
        compute=click_through_rate,
        needs=frozenset({"exposures"}),
        bounds=(0.0, 1.0),
    ),
)
