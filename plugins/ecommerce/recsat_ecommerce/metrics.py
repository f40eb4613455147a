"""What satisfaction is in this domain: one value per user, from what users went on to do with what a list showed."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from recsat import Judged, SatisfactionMetric
from recsat.metrics import (
    click_through_rate,
    conversion_rate,
    event_rate,
    event_sum,
    follow_up_rate,
    mean_value,
    rejection_rate,
    value_per_thousand,
)

REJECTIONS = ("remove_from_cart", "hide", "report")
"""Events by which users say that they do not want an item."""

ORDER = ["user_id", "timestamp"]
"""What a user buys at one moment is one order."""


def _mean(value: pl.Expr, table: pl.LazyFrame) -> pl.DataFrame:
    return table.group_by("user_id").agg(value=value.mean().cast(pl.Float64)).sort("user_id").collect()


def average_order_value(judged: Judged) -> pl.DataFrame:
    """Mean money spent on listed products in an order that has any; what else was in the order does not count.

    An order is what has one ``order_id`` of the user's, or without one what the user bought at one moment. Defined for users with such an
    order whose value is known.
    """
    bought = judged.hits.lazy().filter(pl.col("event") == "purchase").drop_nulls("value")
    if "order_id" in judged.hits.columns:
        moment = pl.col("timestamp").cast(pl.String)
        bought = bought.with_columns(_order=pl.coalesce(pl.col("order_id"), moment)).drop_nulls("_order")
        return _mean(pl.col("spent"), bought.group_by("user_id", "_order").agg(spent=pl.col("value").sum()))
    return _mean(pl.col("spent"), bought.drop_nulls("timestamp").group_by(ORDER).agg(spent=pl.col("value").sum()))


def repurchase_rate(judged: Judged) -> pl.DataFrame:
    """Of the listed products that the user bought, the share that the user bought more than once.

    Purchases before the cut count too; where a filter removes what was bought before, only the held-out ones can. Several
    purchases at one moment are one. Defined for users who bought a listed product.
    """
    pair, is_purchase = ["user_id", "item_id"], pl.col("event") == "purchase"
    known = judged.history.lazy().filter(is_purchase).select(*pair, before=True).unique()
    bought = judged.hits.lazy().filter(is_purchase).group_by(pair).agg(n=pl.col("timestamp").n_unique())
    again = (pl.col("n") > 1) | pl.col("before").fill_null(value=False)
    return _mean(again, bought.join(known, on=pair, how="left"))


METRICS = (
    click_through_rate(description="Clicks for each product shown, if every place had shown one of the list."),
    replace(
        conversion_rate(
            "purchase", description="Share of users who went on to buy at least one product of their list."
        ),
        primary=True,
    ),
    event_rate("purchase", name="purchase_rate", description="Share of listed products that users went on to buy."),
    follow_up_rate(
        ("view",),
        "purchase",
        name="view_conversion_rate",
        description="Share of listed products that users viewed which they bought.",
    ),
    event_rate(
        "add_to_cart",
        name="add_to_cart_rate",
        description="Share of listed products that users went on to put in the cart.",
    ),
    event_sum(
        "purchase",
        name="revenue_per_user",
        description="Money that users went on to spend on listed products.",
        unit="money",
        dimension="business",
    ),
    value_per_thousand(
        "purchase",
        name="value_per_thousand",
        description="Money that users went on to spend on listed products, for every thousand recommendations.",
        unit="money",
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
    mean_value(
        "rating",
        name="mean_rating",
        description="Mean stars that users gave to listed products.",
        unit="stars",
        bounds=(0.0, 5.0),
    ),
    rejection_rate(
        REJECTIONS, description="Share of listed products that users went on to reject: remove from cart, hide, report."
    ),
)
