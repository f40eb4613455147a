"""Metrics against tables worked by hand.

Lists: ann gets m1, t1, m2; bob gets m1, a1; cem gets t2. What they went on to do is in OUTCOMES.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from recsat import DataError, Judged
from recsat_content import metrics

LISTS = pl.DataFrame(
    [
        ("ann", "m1", 1, 0.9),
        ("ann", "t1", 2, 0.8),
        ("ann", "m2", 3, 0.7),
        ("bob", "m1", 1, 0.9),
        ("bob", "a1", 2, 0.5),
        ("cem", "t2", 1, 0.9),
    ],
    schema=["user_id", "item_id", "rank", "score"],
    orient="row",
)
OUTCOMES = pl.DataFrame(
    [
        ("ann", "m1", "play", 5400.0),
        ("ann", "m1", "complete", None),
        ("ann", "m1", "rating", 5.0),
        ("ann", "t1", "play", 180.0),
        ("ann", "t1", "play", 1620.0),
        ("ann", "m2", "rating", 2.0),
        ("ann", "x9", "play", 9000.0),
        ("ann", "m2", "skip", None),
        ("bob", "x9", "hide", None),
        ("bob", "m1", "view", None),
        ("bob", "x9", "play", 60.0),
        ("bob", "a1", "complete", None),
        ("cem", "x9", "rating", 1.0),
    ],
    schema={"user_id": pl.String, "item_id": pl.String, "event": pl.String, "value": pl.Float64},
    orient="row",
)
WATCHED = {
    ("ann", "m1", "play"): 80.0,
    ("ann", "m1", "complete"): 60.0,
    ("ann", "t1", "play"): 30.0,
    ("bob", "m1", "view"): 10.0,
}
OUTCOMES = OUTCOMES.with_columns(
    watched_percent=pl.Series([WATCHED.get(row[:3]) for row in OUTCOMES.iter_rows()], dtype=pl.Float64)
)
DAY = datetime(2024, 1, 1, tzinfo=UTC)
TIME = pl.Datetime("us", "UTC")
EXPOSURES = pl.DataFrame(
    [
        ("ann", "m1", True),
        ("ann", "t1", False),
        ("ann", "t1", False),
        ("ann", "x9", True),
        ("bob", "a1", True),
        ("cem", "m1", True),
    ],
    schema=["user_id", "item_id", "click"],
    orient="row",
).with_columns(timestamp=pl.lit(DAY, dtype=TIME), propensity=pl.lit(0.5))


def judged(
    lists: pl.DataFrame = LISTS,
    outcomes: pl.DataFrame = OUTCOMES,
    exposures: pl.DataFrame | None = EXPOSURES,
    known_until: datetime | None = None,
) -> Judged:
    return Judged(
        lists=lists,
        outcomes=outcomes,
        hits=lists.join(outcomes, on=["user_id", "item_id"]),
        users=pl.Series("user_id", ["ann", "bob", "cem"]),
        history=outcomes.head(0 if known_until is None else 1).with_columns(timestamp=pl.lit(known_until, dtype=TIME)),
        items=pl.DataFrame({"item_id": ["m1", "m2", "t1", "t2", "a1", "x9"], "kind": "film"}),
        exposures=exposures,
    )


def by_user(values: pl.DataFrame) -> dict[str, float]:
    return dict(values.select("user_id", "value").iter_rows())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # ann: (5400 + 180 + 1620) s = 2 h of what was listed; bob played, but nothing that was listed; cem played nothing.
        ("watch_time", {"ann": 2.0, "bob": 0.0}),
        # ann played m1 once and t1 twice; bob played no listed item.
        ("repeat_rate", {"ann": 0.5}),
        # ann started m1 and t1 and finished m1; bob finished a1, which counts as started.
        ("completion_rate", {"ann": 0.5, "bob": 1.0}),
        # Propensities are 1/2. ann clicked one of three listed items: 2/3; bob one of two: 1; x9 and cem's m1 were not listed. 5/3 in
        # 6 exposures is 5/18, 2 for each user: ann 5/18 + (2/3 - 4 * 5/18) / 2, bob 5/18 + (1 - 5/18) / 2, cem 5/18 - 5/18/2.
        ("click_through_rate", {"ann": 1 / 18, "bob": 23 / 36, "cem": 5 / 36}),
        # ann: m1 80 % as the most of two, t1 30 %; bob's m1 10 %.
        ("watched_percent", {"ann": 55.0, "bob": 10.0}),
        # ann skipped one of three; bob hid what was not listed.
        ("rejection_rate", {"ann": 1 / 3, "bob": 0.0, "cem": 0.0}),
        # ann: m1 5 and m2 2 stars.
        ("mean_rating", {"ann": 3.5}),
    ],
)
def test_agrees_with_the_table_worked_by_hand(name: str, expected: Mapping[str, float]) -> None:
    metric = {metric.name: metric for metric in metrics.METRICS}[name]
    assert by_user(metric.compute(judged())) == pytest.approx(expected)


def test_every_metric_of_the_plugin_is_worked_by_hand() -> None:
    marks = test_agrees_with_the_table_worked_by_hand.pytestmark  # type: ignore[attr-defined]
    assert {case[0] for case in marks[0].args[1]} == {metric.name for metric in metrics.METRICS}


COMPUTE = {metric.name: metric.compute for metric in metrics.METRICS}


def test_without_its_column_nothing_is_said_of_what_was_watched() -> None:
    metric = next(metric for metric in metrics.METRICS if metric.name == "watched_percent")
    assert metric.obstacle is not None
    assert metric.obstacle(judged()) is None
    bare = judged(outcomes=OUTCOMES.drop("watched_percent"))
    assert metric.obstacle(bare) == "Events have no column watched_percent."
    assert metric.compute(bare).is_empty()


def test_click_through_rate_needs_exposures() -> None:
    metric = next(metric for metric in metrics.METRICS if metric.name == "click_through_rate")
    assert metric.needs == {"exposures"}
    assert metric.compute(judged(exposures=None)).is_empty()


def test_what_was_shown_before_the_cut_is_no_click_through() -> None:
    # ann clicked m1 before the cut, when the arms learned from it, and did not after it.
    exposures = pl.DataFrame(
        [("ann", "m1", DAY, True), ("ann", "m1", DAY + timedelta(days=2), False)],
        schema={"user_id": pl.String, "item_id": pl.String, "timestamp": TIME, "click": pl.Boolean},
        orient="row",
    ).with_columns(propensity=pl.lit(0.5))
    case = judged(exposures=exposures, known_until=DAY + timedelta(days=1))
    assert by_user(COMPUTE["click_through_rate"](case)) == {}


def test_exposures_without_clicks_are_an_error_that_names_the_column() -> None:
    with pytest.raises(DataError, match="no column 'click'"):
        COMPUTE["click_through_rate"](judged(exposures=EXPOSURES.drop("click")))
