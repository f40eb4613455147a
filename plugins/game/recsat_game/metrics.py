r"""What satisfaction is in this domain: one value per user, from what users went on to do with what a list showed.

In replay a list was never shown, so a rate says what share of it the user went for *anyway*; only
:func:`click_through_rate` looks at what was shown.
"""

from __future__ import annotations

import polars as pl

from recsat import DataError, Judged, SatisfactionMetric
from recsat_game.catalogue import GAME, ITEM
from recsat_game.retention import NOTHING, retention_on_day, retention_window

PAIR = ["user_id", "item_id"]
DAYS = (1, 7, 30)


def _hits(event: str, kind: str, judged: Judged) -> pl.LazyFrame:
    of_kind = judged.items.lazy().filter(pl.col("kind") == kind).select("item_id")
    return judged.hits.lazy().filter(pl.col("event") == event).join(of_kind, on="item_id", how="semi")


def _for_everybody(users: pl.LazyFrame, found: pl.LazyFrame) -> pl.DataFrame:
    """(user_id, value) of ``users``, 0 where ``found`` has no row."""
    joined = users.select("user_id").unique().join(found, on="user_id", how="left")
    return joined.with_columns(pl.col("value").fill_null(0.0).cast(pl.Float64)).sort("user_id").collect()


def item_spend(judged: Judged) -> pl.DataFrame:
    r"""Money spent on listed in-game items: :math:`\sum_{e \in H,\, e = \mathrm{spend}} \mathrm{value}_e`.

    Defined for every judged user; 0 where nothing listed was bought. The mean is the average revenue per user.
    """
    spent = _hits("spend", ITEM, judged).group_by("user_id").agg(value=pl.col("value").sum())
    return _for_everybody(judged.users.to_frame("user_id").lazy(), spent)


def payer_rate(judged: Judged) -> pl.DataFrame:
    """1 where the user spent money on a listed in-game item, else 0; the mean is the share of users who pay.

    Defined for every judged user.
    """
    paid = _hits("spend", ITEM, judged).filter(pl.col("value") > 0).select("user_id", value=1.0).unique()
    return _for_everybody(judged.users.to_frame("user_id").lazy(), paid)


def play_time(judged: Judged) -> pl.DataFrame:
    """Hours played of listed games. Defined for users who played something in the held-out part; 0 where none of it was listed."""
    hours = _hits("play", GAME, judged).group_by("user_id").agg(value=pl.col("value").sum())
    return _for_everybody(judged.outcomes.lazy().filter(pl.col("event") == "play"), hours)


def conversion_rate(judged: Judged) -> pl.DataFrame:
    """1 where the user went on to buy at least one listed game, else 0; the mean is the share of users who convert.

    A free game is bought when it enters the library. Defined for users whose list has games.
    """
    games = judged.items.lazy().filter(pl.col("kind") == GAME).select("item_id")
    bought = _hits("purchase", GAME, judged).select("user_id", value=1.0).unique()
    return _for_everybody(judged.lists.lazy().join(games, on="item_id", how="semi"), bought)


def click_through_rate(judged: Judged) -> pl.DataFrame:
    """Share of the exposures of listed games, items and people that were clicked: the replay estimate of Li et al., WSDM 2011.

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
    return shown.group_by("user_id").agg(value=pl.col("click").mean().cast(pl.Float64)).sort("user_id").collect()


METRICS = (
    SatisfactionMetric(
        name="play_time",
        description="Hours that users went on to play the games on their list.",
        unit="hours",
        better="higher",
        compute=play_time,
        needs=frozenset({"play"}),
        bounds=(0.0, None),
    ),
    *(
        SatisfactionMetric(
            name=f"retention_day_{day}",
            description=f"Share of users who were back on day {day} after they took up something on their list.",
            unit="share",
            better="higher",
            compute=retention_on_day(day),
            bounds=(0.0, 1.0),
        )
        for day in DAYS
    ),
    SatisfactionMetric(
        name="retention_window",
        description="Share of users who came back, from the second day on, within the days set as retention_days.",
        unit="share",
        better="higher",
        compute=retention_window,
        bounds=(0.0, 1.0),
    ),
    SatisfactionMetric(
        name="click_through_rate",
        description="Share of the times that listed games, items and people were shown on which they were clicked.",
        unit="share",
        better="higher",
        compute=click_through_rate,
        needs=frozenset({"exposures"}),
        bounds=(0.0, 1.0),
    ),
    SatisfactionMetric(
        name="conversion_rate",
        description="Share of users who went on to buy at least one game on their list.",
        unit="share",
        better="higher",
        compute=conversion_rate,
        needs=frozenset({"purchase"}),
        bounds=(0.0, 1.0),
    ),
    SatisfactionMetric(
        name="item_spend",
        description="Money that users went on to spend on the in-game items on their list.",
        unit="money",
        better="higher",
        compute=item_spend,
        dimension="business",
        needs=frozenset({"spend"}),
        bounds=(0.0, None),
    ),
    SatisfactionMetric(
        name="payer_rate",
        description="Share of users who spent money on an in-game item on their list.",
        unit="share",
        better="higher",
        compute=payer_rate,
        dimension="business",
        needs=frozenset({"spend"}),
        bounds=(0.0, 1.0),
    ),
)
