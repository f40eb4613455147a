"""Each metric on lists and outcomes of three users, worked by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from recsat import DataError, Judged
from recsat_ecommerce.metrics import METRICS

TIME = pl.Datetime("us", "UTC")
EVENTS = pl.Schema(
    [
        ("user_id", pl.String()),
        ("item_id", pl.String()),
        ("event", pl.String()),
        ("value", pl.Float64()),
        ("timestamp", TIME),
    ]
)
COMPUTE = {metric.name: metric.compute for metric in METRICS}


def _day(day: int) -> datetime:
    return datetime(2024, 1, day, tzinfo=UTC)


def _events(*rows: tuple[str, str, str, float | None, int]) -> pl.DataFrame:
    return pl.DataFrame([(*row[:4], _day(row[4])) for row in rows], schema=EVENTS, orient="row")


HISTORY = _events(
    ("ann", "mug", "purchase", 6.0, 1),
    ("bob", "pan", "view", None, 2),
    ("bob", "tea", "purchase", 4.0, 3),
)
OUTCOMES = _events(
    ("ann", "mug", "view", None, 5),
    ("ann", "mug", "purchase", 6.0, 6),  # bought before: again
    ("ann", "tea", "view", None, 6),
    ("ann", "tea", "add_to_cart", None, 6),
    ("ann", "tea", "purchase", 8.0, 6),  # the same order as the mug: 14 together
    ("ann", "tea", "rating", 4.0, 7),
    ("ann", "pan", "purchase", 30.0, 8),  # an order of its own
    ("ann", "sock", "purchase", 99.0, 8),  # not listed
    ("ann", "lamp", "view", None, 9),
    ("ann", "lamp", "hide", None, 9),
    ("ann", "sock", "remove_from_cart", None, 9),  # not listed
    ("bob", "lamp", "purchase", 45.0, 10),
    ("bob", "lamp", "purchase", 45.0, 12),  # twice since: again
    ("bob", "pan", "add_to_cart", None, 12),
    ("bob", "pan", "rating", 2.0, 13),
    ("bob", "lamp", "rating", 5.0, 13),
    ("eve", "sock", "purchase", 9.0, 14),  # not listed
)
LISTS = pl.DataFrame(
    [
        ("ann", "mug", 1, 4.0),
        ("ann", "tea", 2, 3.0),
        ("ann", "pan", 3, 2.0),
        ("ann", "lamp", 4, 1.0),
        ("bob", "lamp", 1, 4.0),
        ("bob", "pan", 2, 3.0),
        ("eve", "mug", 1, 4.0),
    ],
    schema=["user_id", "item_id", "rank", "score"],
    orient="row",
)
EXPOSURES = pl.DataFrame(
    [
        ("ann", "mug", _day(1), True),  # before the cut, when the arm learned from it
        ("ann", "mug", _day(4), False),
        ("ann", "tea", _day(5), True),
        ("ann", "sock", _day(5), True),  # not listed
        ("bob", "lamp", _day(5), False),
        ("eve", "lamp", _day(6), True),  # not on eve's list
    ],
    schema=["user_id", "item_id", "timestamp", "click"],
    orient="row",
).with_columns(position=pl.lit(1), policy=pl.lit("random"), propensity=pl.lit(0.2))


def _judged(**changes: Any) -> Judged:
    lists, outcomes = changes.get("lists", LISTS), changes.get("outcomes", OUTCOMES)
    base = Judged(
        lists=lists,
        outcomes=outcomes,
        hits=lists.join(outcomes, on=["user_id", "item_id"]),
        users=pl.Series("user_id", ["ann", "bob", "eve"]),
        history=HISTORY,
        items=pl.DataFrame({"item_id": ["mug", "tea", "pan", "lamp", "sock"], "kind": "product"}),
        exposures=EXPOSURES,
    )
    return replace(base, **{name: value for name, value in changes.items() if name not in ("lists", "outcomes")})


def _values(name: str, judged: Judged) -> dict[str, float]:
    return dict(COMPUTE[name](judged).iter_rows())


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("purchase_rate", {"ann": 3 / 4, "bob": 1 / 2, "eve": 0.0}),
        ("conversion_rate", {"ann": 1.0, "bob": 1.0, "eve": 0.0}),
        ("add_to_cart_rate", {"ann": 1 / 4, "bob": 1 / 2, "eve": 0.0}),
        ("view_conversion_rate", {"ann": 2 / 3}),  # of mug, tea and lamp, two; the others viewed nothing since
        # ann clicked tea, one of four products listed and shown with propensity 1/5: 5/4 in 5 exposures is 1/4, 5/3 for each user.
        ("rejection_rate", {"ann": 1 / 4, "bob": 0.0, "eve": 0.0}),
        ("click_through_rate", {"ann": 1 / 4 + (5 / 4 - 3 / 4) * 3 / 5, "bob": 1 / 4 - 3 / 20, "eve": 1 / 4 - 3 / 20}),
        ("revenue_per_user", {"ann": 44.0, "bob": 90.0, "eve": 0.0}),
        ("value_per_thousand", {"ann": 11_000.0, "bob": 45_000.0, "eve": 0.0}),  # of 4, 2 and 1 places
        ("average_order_value", {"ann": (14 + 30) / 2, "bob": 45.0}),
        ("repurchase_rate", {"ann": 1 / 3, "bob": 1.0}),
        ("mean_rating", {"ann": 4.0, "bob": 3.5}),
    ],
)
def test_metric_by_hand(name: str, values: dict[str, float]) -> None:
    assert _values(name, _judged()) == pytest.approx(values)


def test_every_metric_is_worked_by_hand() -> None:
    worked = test_metric_by_hand.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert {name for name, _ in worked} == set(COMPUTE)


def test_click_through_counts_all_exposures_where_nothing_is_known_before() -> None:
    assert _values("click_through_rate", _judged(history=HISTORY.clear())) == pytest.approx(
        {"ann": 5 / 12 + (5 / 2 - 4 * 5 / 12) / 2, "bob": 5 / 24, "eve": 5 / 24}
    )


def test_what_was_shown_before_the_cut_is_no_click_through() -> None:
    exposures = EXPOSURES.filter((pl.col("user_id") == "ann") & (pl.col("item_id") == "mug"))
    assert exposures["click"].to_list() == [True, False]
    assert _values("click_through_rate", _judged(exposures=exposures)) == {}


def test_click_through_is_undefined_where_nothing_was_shown_after_the_last_known_event() -> None:
    late = HISTORY.with_columns(timestamp=pl.lit(_day(31), dtype=TIME))
    assert _values("click_through_rate", _judged(history=late)) == {}


def test_exposures_without_clicks_are_refused() -> None:
    with pytest.raises(DataError, match="no column 'click'"):
        COMPUTE["click_through_rate"](_judged(exposures=EXPOSURES.drop("click")))


def test_orders_without_time_or_money_do_not_count_as_orders() -> None:
    outcomes = OUTCOMES.with_columns(
        timestamp=pl.when(pl.col("item_id") == "lamp").then(None).otherwise(pl.col("timestamp")),
        value=pl.when(pl.col("item_id") == "pan").then(None).otherwise(pl.col("value")),
    )
    assert _values("average_order_value", _judged(outcomes=outcomes)) == pytest.approx({"ann": 14.0})


def test_an_order_is_what_has_one_id_where_the_data_have_ids() -> None:
    bought = OUTCOMES.filter(pl.col("event") == "purchase")
    one = _values("average_order_value", _judged(outcomes=bought.with_columns(order_id=pl.lit("o1"))))
    each = _values(
        "average_order_value", _judged(outcomes=bought.with_columns(order_id=pl.int_range(pl.len()).cast(pl.String)))
    )
    listed = (
        bought.join(LISTS, on=["user_id", "item_id"], how="semi")
        .group_by("user_id")
        .agg(pl.col("value").sum(), n=pl.len())
    )
    for user, total, n in listed.iter_rows():
        assert one[user] == pytest.approx(total)
        assert each[user] == pytest.approx(total / n)


def test_the_rate_of_purchases_is_a_share_of_the_list_however_often_something_is_bought() -> None:
    assert _values("purchase_rate", _judged(lists=LISTS.filter(pl.col("item_id") == "lamp"))) == {
        "ann": 0.0,
        "bob": 1.0,
    }
