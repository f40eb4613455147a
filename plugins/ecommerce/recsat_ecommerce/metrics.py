r"""What satisfaction is in this domain: one value per user, from what users went on to do with what a list showed.

``L`` below is a user's list, ``H`` the user's hits: the held-out events on items of the list. In replay a list was never shown,
so a rate says what share of it the user went for *anyway*; only :func:`click_through_rate` looks at what was shown.
"""

from __future__ import annotations

import polars as pl

from recsat import DataError, Judged, SatisfactionMetric

PREDICTED = "predicted_rating"
ORDER = ["user_id", "timestamp"]
"""What a user buys at one moment is one order."""


def _mean(value: pl.Expr, table: pl.LazyFrame) -> pl.DataFrame:
    return table.group_by("user_id").agg(value=value.mean().cast(pl.Float64)).sort("user_id").collect()


def _of(event: str, judged: Judged) -> pl.LazyFrame:
    return judged.hits.lazy().filter(pl.col("event") == event)


def _listed(event: str, judged: Judged) -> pl.LazyFrame:
    """Every list's places, with ``done``: whether the user went on to do ``event`` with the item."""
    done = _of(event, judged).select("user_id", "item_id", done=True).unique()
    places = judged.lists.lazy().select("user_id", "item_id")
    return places.join(done, on=["user_id", "item_id"], how="left").with_columns(pl.col("done").fill_null(value=False))


def purchase_rate(judged: Judged) -> pl.DataFrame:
    r"""Share of the listed products that the user went on to buy: :math:`|\{i \in L : \text{bought}\}| / |L|`.

    Defined for users with a list.
    """
    return _mean(pl.col("done"), _listed("purchase", judged))


def conversion_rate(judged: Judged) -> pl.DataFrame:
    """1 where the user went on to buy at least one listed product, else 0; the mean is the share of users who convert.

    Defined for users with a list.
    """
    bought = _listed("purchase", judged).group_by("user_id").agg(pl.col("done").any())
    return _mean(pl.col("done"), bought)


def add_to_cart_rate(judged: Judged) -> pl.DataFrame:
    """Share of the listed products that the user went on to put in the cart. Defined for users with a list."""
    return _mean(pl.col("done"), _listed("add_to_cart", judged))


def view_conversion_rate(judged: Judged) -> pl.DataFrame:
    """Of the listed products that the user went on to view, the share that the user bought.

    Defined for users who viewed a listed product.
    """
    viewed = _of("view", judged).select("user_id", "item_id").unique()
    return _mean(pl.col("done"), viewed.join(_listed("purchase", judged), on=["user_id", "item_id"]))


def click_through_rate(judged: Judged) -> pl.DataFrame:
    """Share of the exposures of listed products that were clicked: the replay estimate of Li et al., WSDM 2011.

    It is free of bias only where the logged policy showed products at random; elsewhere read the counterfactual estimates.
    Only exposures after the last known event count, since the arms learned from clicks before it; so a split that is not a
    cut in time gives few or none. Judged users have a liked event after the cut, so the level is above a shop's; the comparison
    of arms is what it is for. Defined for users to whom a listed product was shown then. Raises DataError where exposures
    have no ``click`` column.
    """
    if judged.exposures is None:
        return pl.DataFrame(schema={"user_id": pl.String, "value": pl.Float64})
    if "click" not in judged.exposures.columns:
        raise DataError(
            "exposures: there is no column 'click', so click-through rate cannot be measured. "
            "Add it: true where the user clicked what was shown."
        )
    known_until = judged.history["timestamp"].max()
    after = pl.lit(value=True) if known_until is None else pl.col("timestamp") > known_until
    listed = judged.lists.lazy().select("user_id", "item_id")
    shown = judged.exposures.lazy().filter(after).join(listed, on=["user_id", "item_id"], how="semi")
    return _mean(pl.col("click"), shown)


def revenue_per_user(judged: Judged) -> pl.DataFrame:
    r"""Money spent on listed products: :math:`\sum_{e \in H,\, e = \mathrm{purchase}} \mathrm{value}_e`.

    Defined for every judged user; 0 where nothing listed was bought.
    """
    spent = _of("purchase", judged).group_by("user_id").agg(value=pl.col("value").sum())
    return (
        judged.users.to_frame("user_id")
        .lazy()
        .unique()
        .join(spent, on="user_id", how="left")
        .select("user_id", value=pl.col("value").fill_null(0.0).cast(pl.Float64))
        .sort("user_id")
        .collect()
    )


def average_order_value(judged: Judged) -> pl.DataFrame:
    """Mean money spent on listed products in an order that has any; what else was in the order does not count.

    An order is what the user bought at one moment. Defined for users with such an order whose time and value are known.
    """
    orders = _of("purchase", judged).drop_nulls(["timestamp", "value"]).group_by(ORDER).agg(spent=pl.col("value").sum())
    return _mean(pl.col("spent"), orders)


def repurchase_rate(judged: Judged) -> pl.DataFrame:
    """Of the listed products that the user bought, the share that the user bought more than once.

    Purchases before the cut count too; where a filter removes what was bought before, only the held-out ones can. Several
    purchases at one moment are one. Defined for users who bought a listed product.
    """
    pair = ["user_id", "item_id"]
    known = judged.history.lazy().filter(pl.col("event") == "purchase").select(pair).unique()
    bought = _of("purchase", judged).group_by(pair).agg(n=pl.col("timestamp").n_unique())
    again = bought.join(known.with_columns(before=True), on=pair, how="left")
    return _mean((pl.col("n") > 1) | pl.col("before").fill_null(value=False), again)


def mean_rating(judged: Judged) -> pl.DataFrame:
    """Mean stars that the user gave to listed products in the held-out part. Defined for users who rated one."""
    return _mean(pl.col("value"), _of("rating", judged))


def rating_error(judged: Judged) -> pl.DataFrame:
    r"""Root mean squared error of predicted stars: :math:`\sqrt{\frac{1}{|H|}\sum_{e \in H} (\hat r_e - r_e)^2}`.

    Lists must carry ``predicted_rating``: a score orders products and is not a number of stars. Defined for users who rated a
    listed product.
    """
    if PREDICTED not in judged.lists.columns:
        return pl.DataFrame(schema={"user_id": pl.String, "value": pl.Float64})
    predicted = judged.lists.lazy().select("user_id", "item_id", PREDICTED)
    rated = _of("rating", judged).select("user_id", "item_id", "value").join(predicted, on=["user_id", "item_id"])
    squares = _mean((pl.col(PREDICTED) - pl.col("value")) ** 2, rated)
    return squares.with_columns(pl.col("value").sqrt())


METRICS = (
    SatisfactionMetric(
        name="click_through_rate",
        description="Share of the times that listed products were shown on which they were clicked.",
        unit="share",
        better="higher",
        compute=click_through_rate,
        needs=frozenset({"exposures"}),
        bounds=(0.0, 1.0),
    ),
    SatisfactionMetric(
        name="conversion_rate",
        description="Share of users who went on to buy at least one product of their list.",
        unit="share",
        better="higher",
        compute=conversion_rate,
        needs=frozenset({"purchase"}),
        bounds=(0.0, 1.0),
    ),
    SatisfactionMetric(
        name="purchase_rate",
        description="Share of listed products that users went on to buy.",
        unit="share",
        better="higher",
        compute=purchase_rate,
        needs=frozenset({"purchase"}),
        bounds=(0.0, 1.0),
    ),
    SatisfactionMetric(
        name="view_conversion_rate",
        description="Share of listed products that users viewed which they bought.",
        unit="share",
        better="higher",
        compute=view_conversion_rate,
        needs=frozenset({"view", "purchase"}),
        bounds=(0.0, 1.0),
    ),
    SatisfactionMetric(
        name="add_to_cart_rate",
        description="Share of listed products that users went on to put in the cart.",
        unit="share",
        better="higher",
        compute=add_to_cart_rate,
        needs=frozenset({"add_to_cart"}),
        bounds=(0.0, 1.0),
    ),
    SatisfactionMetric(
        name="revenue_per_user",
        description="Money that users went on to spend on listed products.",
        unit="money",
        better="higher",
        compute=revenue_per_user,
        dimension="business",
        needs=frozenset({"purchase"}),
        bounds=(0.0, None),
    ),
    SatisfactionMetric(
        name="average_order_value",
        description="Money spent on listed products in an order that has any.",
        unit="money",
        better="higher",
        compute=average_order_value,
        dimension="business",
        needs=frozenset({"purchase"}),
        bounds=(0.0, None),
    ),
    SatisfactionMetric(
        name="repurchase_rate",
        description="Share of listed products that users bought which they bought more than once.",
        unit="share",
        better="higher",
        compute=repurchase_rate,
        needs=frozenset({"purchase"}),
        bounds=(0.0, 1.0),
    ),
    SatisfactionMetric(
        name="mean_rating",
        description="Mean stars that users gave to listed products.",
        unit="stars",
        better="higher",
        compute=mean_rating,
        needs=frozenset({"rating"}),
        bounds=(0.0, 5.0),
    ),
    SatisfactionMetric(
        name="rating_error",
        description="Root mean squared error of the predicted stars of listed products.",
        unit="stars",
        better="lower",
        compute=rating_error,
        dimension="accuracy",
        needs=frozenset({"rating", PREDICTED}),
        bounds=(0.0, None),
    ),
)
