"""Each metric that domains share, on lists and outcomes of three users, worked by hand.

Lists: ann gets a, b, c; bob gets a, d; eve gets d. Items a, b and c are films, d is a song. The cut is at day 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from recsat import DataError, Judged, SatisfactionMetric
from recsat.metrics import (
    click_through_rate,
    conversion_rate,
    event_rate,
    event_sum,
    follow_up_rate,
    mean_value,
    rejection_rate,
    retention,
    value_per_thousand,
)

CUT = datetime(2024, 1, 10, tzinfo=UTC)
TIME = pl.Datetime("us", "UTC")
EVENTS = pl.Schema(
    {"user_id": pl.String(), "item_id": pl.String(), "event": pl.String(), "value": pl.Float64(), "timestamp": TIME}
)


def events(*rows: tuple[str, str, str, float | None, float]) -> pl.DataFrame:
    return pl.DataFrame([(*row[:4], CUT + timedelta(days=row[4])) for row in rows], schema=EVENTS, orient="row")


def exposures(*rows: tuple[str, str, float, bool]) -> pl.DataFrame:
    timed = [(user, item, CUT + timedelta(days=day), click) for user, item, day, click in rows]
    schema = {"user_id": pl.String, "item_id": pl.String, "timestamp": TIME, "click": pl.Boolean}
    return pl.DataFrame(timed, schema=schema, orient="row").with_columns(propensity=pl.lit(0.5))


LISTS = pl.DataFrame(
    [("ann", "a"), ("ann", "b"), ("ann", "c"), ("bob", "a"), ("bob", "d"), ("eve", "d")],
    schema=["user_id", "item_id"],
    orient="row",
)
HISTORY = events(("ann", "x", "view", None, -3), ("bob", "x", "buy", 2.0, -1))
OUTCOMES = events(
    ("ann", "a", "view", None, 1.0),
    ("ann", "a", "buy", 10.0, 1.5),
    ("ann", "a", "buy", 5.0, 2.5),
    ("ann", "b", "view", None, 3.0),
    ("ann", "b", "rate", 2.0, 4.0),
    ("ann", "c", "rate", 4.0, 4.0),
    ("ann", "x", "buy", 100.0, 9.0),  # not listed
    ("bob", "d", "buy", 0.0, 2.0),
    ("bob", "x", "view", None, 10.0),
    ("eve", "x", "buy", 7.0, 5.0),  # not listed
)


def judged(**changes: Any) -> Judged:
    base = Judged(
        lists=LISTS,
        outcomes=OUTCOMES,
        hits=LISTS.join(OUTCOMES, on=["user_id", "item_id"]),
        users=pl.Series("user_id", ["ann", "bob", "eve", "new"]),
        history=HISTORY,
        items=pl.DataFrame({"item_id": ["a", "b", "c", "d", "x"], "kind": ["film"] * 3 + ["song"] + ["film"]}),
    )
    return replace(base, **changes)


def values(metric: SatisfactionMetric, case: Judged | None = None) -> dict[str, float]:
    table = metric.compute(judged() if case is None else case)
    assert table.schema == {"user_id": pl.String, "value": pl.Float64}
    return dict(table.iter_rows())


NAMED: Mapping[str, str] = {"name": "m", "description": "M."}


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (event_rate("view", **NAMED), {"ann": 2 / 3, "bob": 0.0, "eve": 0.0}),
        (event_rate("view", "rate", **NAMED), {"ann": 1.0, "bob": 0.0, "eve": 0.0}),
        (event_rate("buy", kind="song", **NAMED), {"bob": 1.0, "eve": 0.0}),
        (event_rate("buy", kind="film", **NAMED), {"ann": 1 / 3, "bob": 0.0}),
        (conversion_rate("buy", description="M."), {"ann": 1.0, "bob": 1.0, "eve": 0.0}),
        (conversion_rate("buy", description="M.", kind="film"), {"ann": 1.0, "bob": 0.0}),
        (conversion_rate("buy", description="M.", above=0.0), {"ann": 1.0, "bob": 0.0, "eve": 0.0}),
        (
            conversion_rate("buy", description="M.", kind="song", of_everybody=True),
            {"ann": 0.0, "bob": 1.0, "eve": 0.0, "new": 0.0},
        ),
        (follow_up_rate(["view"], "buy", **NAMED), {"ann": 0.5}),
        (follow_up_rate(["view", "buy"], "buy", **NAMED), {"ann": 0.5, "bob": 1.0}),
        (event_sum("buy", unit="money", **NAMED), {"ann": 15.0, "bob": 0.0, "eve": 0.0, "new": 0.0}),
        (event_sum("buy", unit="money", of_everybody=False, **NAMED), {"ann": 15.0, "bob": 0.0, "eve": 0.0}),
        (event_sum("buy", unit="tens", per=10, **NAMED), {"ann": 1.5, "bob": 0.0, "eve": 0.0, "new": 0.0}),
        (event_sum("buy", unit="money", kind="song", **NAMED), {"ann": 0.0, "bob": 0.0, "eve": 0.0, "new": 0.0}),
        (mean_value("rate", unit="stars", **NAMED), {"ann": 3.0}),
        # ann: 15 of 3 places; "new" has no list.
        (value_per_thousand("buy", unit="money", **NAMED), {"ann": 5000.0, "bob": 0.0, "eve": 0.0}),
        (value_per_thousand("buy", "rate", unit="money", **NAMED), {"ann": 7000.0, "bob": 0.0, "eve": 0.0}),
        # First hits: ann on day 1, bob on day 2. Day 1 after: ann bought on 2.5; bob was away in [3, 4).
        (retention(1, 1, **NAMED), {"ann": 1.0, "bob": 0.0}),
        # [8, 9) after: ann's x on day 9; bob's window, [10, 11), ends after the data do.
        (retention(8, 8, **NAMED), {"ann": 1.0}),
        (retention(1, 2, **NAMED), {"ann": 1.0, "bob": 0.0}),
    ],
)
def test_values_are_those_worked_by_hand(metric: SatisfactionMetric, expected: dict[str, float]) -> None:
    assert values(metric) == pytest.approx(expected)


REJECTION = rejection_rate(("hide", "report"), description="M.")


def test_a_rejection_rate_is_the_share_of_the_list_that_was_rejected_and_less_is_better() -> None:
    later = pl.concat(
        [
            OUTCOMES,
            events(("ann", "a", "hide", None, 5), ("ann", "a", "report", None, 6), ("bob", "x", "hide", None, 5)),
        ]
    )
    assert values(
        REJECTION, judged(outcomes=later, hits=LISTS.join(later, on=["user_id", "item_id"]))
    ) == pytest.approx({"ann": 1 / 3, "bob": 0.0, "eve": 0.0})
    assert (REJECTION.better, REJECTION.dimension) == ("lower", "behaviour")


def test_without_rejections_in_the_data_there_is_no_rejection_rate_and_one_before_the_cut_is_enough() -> None:
    assert REJECTION.obstacle is not None
    assert REJECTION.obstacle(judged()) == "The data have none of the events hide, report."
    assert REJECTION.obstacle(judged(history=pl.concat([HISTORY, events(("bob", "x", "hide", None, -2))]))) is None


def test_the_last_day_of_retention_may_be_a_setting() -> None:
    metric = retention(1, lambda config: 1 if config is None else config.days, **NAMED)
    assert values(metric) == values(retention(1, 1, **NAMED))
    config = SimpleNamespace(days=7)
    assert values(metric, judged(config=config)) == values(retention(1, 7, **NAMED)) == {"ann": 1.0, "bob": 0.0}


def test_who_was_shown_something_was_there() -> None:
    came_back = judged(exposures=exposures(("bob", "x", 3.5, False)))
    assert values(retention(1, 1, **NAMED), came_back) == {"ann": 1.0, "bob": 1.0}


CLICKS = click_through_rate(description="M.")
EVERYWHERE = [("ann", "a", 2, True), ("ann", "b", 2, False), ("bob", "x", 2, False), ("zoe", "a", 2, False)]
"""After the cut; zoe is served no list."""


def rate(*rows: tuple[str, str, float, bool], **changes: Any) -> float:
    measured = values(CLICKS, judged(exposures=exposures(*rows), **changes))
    return sum(measured.values()) / len(measured)


def test_a_click_rate_is_over_everybody_to_whom_anything_was_shown() -> None:
    """ann's list has three films, so a was one place in three and had been shown with propensity 1/2: 2/3 of a click in 4 exposures."""
    measured = values(CLICKS, judged(exposures=exposures(*EVERYWHERE)))
    assert measured == pytest.approx({"ann": 1 / 6 + 1 / 4, "bob": 1 / 6 - 1 / 8, "zoe": 1 / 6 - 1 / 8})
    assert rate(*EVERYWHERE) == pytest.approx(1 / 6)
    assert rate(*EVERYWHERE, ("zoe", "b", 2, False)) == pytest.approx(2 / 15)
    assert CLICKS.of_exposed


def test_a_list_counts_its_items_of_the_kind_that_was_shown() -> None:
    """bob's list has one film and one song, so each is all of its kind."""
    assert rate(("bob", "d", 2, True), ("bob", "x", 2, False)) == pytest.approx(1.0)
    assert rate(("ann", "d", 2, True), ("bob", "d", 2, False)) == 0.0  # ann's list has no song


def test_an_exposure_before_the_cut_is_none() -> None:
    assert rate(("ann", "a", -2, True), ("ann", "a", 2, False), ("ann", "x", 2, True)) == 0.0
    assert rate(("ann", "a", -2, False), ("ann", "a", 2, True)) == pytest.approx(2 / 3)
    assert (
        values(CLICKS, judged(exposures=exposures(("ann", "a", -1, True)))) == {}
    )  # the moment of the last known event


def test_one_date_in_the_future_does_not_move_the_cut() -> None:
    """Everything shown would lie before it, and nothing would have been shown at all."""
    days = [("ann", "x", "view", None, -day) for day in range(1, 40)]
    history = events(*days, ("bob", "x", "view", None, 3650))
    rows = (("ann", "a", -2, True), ("ann", "a", 2, False), ("ann", "x", 2, True))
    assert rate(*rows, history=history) == rate(*rows, history=events(*days)) == 0.0


def test_where_nothing_is_known_before_all_exposures_count() -> None:
    assert rate(("ann", "a", -9, True), ("ann", "b", 1, False), history=HISTORY.clear()) == pytest.approx(1 / 3)


@pytest.mark.parametrize(("n_served", "is_rate"), [(48, False), (49, True)])
def test_there_is_no_click_rate_where_more_than_one_click_in_fifty_is_of_the_unserved(
    n_served: int, *, is_rate: bool
) -> None:
    rows = [("ann", "a", 2, True)] * n_served + [("zoe", "a", 2, True)]
    case = judged(exposures=exposures(*rows))
    assert CLICKS.obstacle is not None
    obstacle = CLICKS.obstacle(case)
    assert (obstacle is None) == is_rate == bool(values(CLICKS, case))
    assert is_rate or (obstacle or "").startswith(
        "1 of the 49 clicks after the cut are of users who liked nothing then"
    )
    before_the_cut = judged(exposures=exposures(*EVERYWHERE, ("zoe", "b", -2, True)))
    assert CLICKS.obstacle(before_the_cut) is None


def test_there_is_no_click_rate_where_nothing_was_clicked() -> None:
    case = judged(exposures=exposures(("ann", "a", 1, False), ("bob", "b", 2, False), ("ann", "a", -2, True)))
    assert CLICKS.obstacle is not None
    assert CLICKS.obstacle(case) == "Of the 2 exposures after the last known event none was clicked."
    assert values(CLICKS, case) == {}


def test_there_is_no_click_rate_without_propensities() -> None:
    logged = exposures(*EVERYWHERE)
    assert CLICKS.obstacle is not None
    for unknown in (
        logged.drop("propensity"),
        logged.with_columns(propensity=pl.when(pl.col("user_id") != "bob").then("propensity")),
    ):
        assert "(propensity)" in (CLICKS.obstacle(judged(exposures=unknown)) or "")
        assert values(CLICKS, judged(exposures=unknown)) == {}


def test_clicks_are_undefined_without_exposures_and_refused_without_their_column() -> None:
    assert values(CLICKS, judged()) == {}
    with pytest.raises(DataError, match="no column 'click'"):
        CLICKS.compute(judged(exposures=exposures(("ann", "a", 1, True)).drop("click")))


@pytest.mark.parametrize(
    ("metric", "needs"),
    [
        (event_rate("view", **NAMED), {"view"}),
        (event_rate("view", "rate", **NAMED), set()),
        (event_rate("view", "rate", needs=["rate"], **NAMED), {"rate"}),
        (value_per_thousand("buy", unit="money", **NAMED), {"buy"}),
        (value_per_thousand("buy", "rate", unit="money", needs=["buy"], **NAMED), {"buy"}),
        (follow_up_rate(["view"], "buy", **NAMED), {"view", "buy"}),
        (CLICKS, {"exposures"}),
    ],
)
def test_a_metric_needs_the_events_without_which_it_is_nothing(metric: SatisfactionMetric, needs: set[str]) -> None:
    assert metric.needs == needs


def test_one_date_far_after_the_others_has_nobody_watched_until_then() -> None:
    slip = events(("zoe", "x", "view", None, 4000.0))
    many = events(*(("zoe", "x", "view", None, -day / 10) for day in range(30)))
    plain, late = judged(history=pl.concat([HISTORY, many])), judged(history=pl.concat([HISTORY, many, slip]))
    metric = retention(30, 40, **NAMED)
    assert values(metric, late) == values(metric, plain) == {}
