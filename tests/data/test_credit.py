"""What exposures brought in, by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from recsat.data.credit import with_value

START = datetime(2024, 5, 1, tzinfo=UTC)
TIME = pl.Datetime("us", "UTC")


def table(rows: list[tuple[object, ...]], *names: str) -> pl.DataFrame:
    """The third of a row is hours since the start; None is no time."""
    columns = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", *names], orient="row")
    hours = [None if row[2] is None else START + timedelta(hours=float(str(row[2]))) for row in rows]
    return columns.with_columns(pl.Series("timestamp", hours, dtype=TIME))


EXPOSURES = table(
    [("ann", "a", 30, 2), ("ann", "a", 0, 1), ("ann", "b", 0, 1), ("bob", "a", 0, 1), ("bob", "b", None, 1)],
    "position",
)
EVENTS = table(
    [
        ("ann", "a", 0, "purchase", 3.0),  # at the very moment of the second row
        ("ann", "a", 31, "spend", 5.0),  # of both the nearer one, which comes first in the table
        ("ann", "a", 32, "view", 100.0),  # brings nothing in
        ("ann", "b", 25, "purchase", 7.0),  # a day and an hour later
        ("bob", "a", 2, "purchase", None),
        ("bob", "a", 3, "purchase", 1.5),
        ("bob", "a", 4, "purchase", 2.0),
        ("bob", "b", 4, "purchase", 9.0),  # when that was shown is not known
        ("zoe", "a", 4, "purchase", 9.0),
        ("ann", "a", None, "purchase", 9.0),
    ],
    "event",
    "value",
)


def test_amounts_are_put_down_to_the_last_exposure_of_the_pair_within_a_day() -> None:
    valued = with_value(EXPOSURES, EVENTS, ["purchase", "spend"])
    assert valued.drop("value").equals(EXPOSURES)
    assert valued["value"].to_list() == [5.0, 3.0, 0.0, 3.5, 0.0]


def test_what_exposures_say_themselves_stays_and_without_amounts_there_is_no_value() -> None:
    logged = EXPOSURES.with_columns(value=pl.lit(0.5))
    assert with_value(logged, EVENTS, ["purchase"]) is logged
    assert with_value(EXPOSURES, EVENTS, []) is EXPOSURES
    assert with_value(EXPOSURES, EVENTS.with_columns(value=pl.lit(None, pl.Float64)), ["purchase"]) is EXPOSURES
