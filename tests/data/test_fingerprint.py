"""The fingerprint is of the content: order does not matter, everything else does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest

from recsat.contract.dataset import Dataset
from recsat.data.fingerprint import fingerprint

BASE = Dataset(
    items=pl.DataFrame({"item_id": ["a", "b", "c"], "genres": [["x", "y"], [], None], "price": [1.0, None, 2.5]}),
    events=pl.DataFrame(
        {
            "user_id": ["u", "u", "v"],
            "item_id": ["a", "b", "a"],
            "value": [0.0, 1.0, None],
            "timestamp": pl.Series([datetime(2024, 1, 1, tzinfo=UTC)] * 3, dtype=pl.Datetime("us", "UTC")),
        }
    ),
)


def test_does_not_depend_on_the_order_of_rows_and_columns() -> None:
    shuffled = replace(
        BASE, items=BASE.items.reverse().select(sorted(BASE.items.columns)), events=BASE.events.sample(3, shuffle=True)
    )
    assert fingerprint(shuffled) == fingerprint(BASE)


def test_stays_the_same_over_time_and_machines() -> None:
    assert fingerprint(BASE) == "819c495cb9c09eaa67e1924da21f3ef5ce7ce4d4901a5c46dc5a391750aabce7"


@pytest.mark.parametrize(
    "other",
    [
        replace(BASE, items=BASE.items.with_columns(price=pl.lit(1.0))),
        replace(BASE, items=BASE.items.rename({"price": "cost"})),
        replace(BASE, items=BASE.items.with_columns(price=pl.col("price").cast(pl.String))),
        replace(BASE, items=BASE.items.with_columns(genres=pl.Series([["x"], ["y"], None]))),
        replace(BASE, items=BASE.items.with_columns(genres=pl.Series([["y", "x"], [], None]))),
        replace(BASE, items=BASE.items.with_columns(genres=pl.Series([["x", "y"], None, None]))),
        replace(BASE, items=BASE.items.with_columns(item_id=pl.Series(["ab", "", "c"]))),
        replace(BASE, events=pl.concat([BASE.events, BASE.events.head(1)])),
        replace(BASE, events=BASE.events.with_columns(value=pl.col("value").fill_null(0.0))),
        replace(BASE, events=BASE.events.with_columns(timestamp=pl.col("timestamp") + pl.duration(microseconds=1))),
        replace(BASE, ties=pl.DataFrame({"user_id": ["u"], "other_id": ["v"]})),
        replace(BASE, simulated=True),
    ],
)
def test_changes_with_the_content(other: Dataset) -> None:
    assert fingerprint(other) != fingerprint(BASE)


def test_rows_keep_their_cells_together() -> None:
    swapped = replace(BASE, events=BASE.events.with_columns(value=pl.Series([1.0, 0.0, None])))
    assert fingerprint(swapped) != fingerprint(BASE)


def test_the_two_zeros_are_one() -> None:
    negative = replace(BASE, events=BASE.events.with_columns(value=pl.Series([-0.0, 1.0, None])))
    assert fingerprint(negative) == fingerprint(BASE)
