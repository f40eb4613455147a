"""The two halves of a filter written by hand are held to each other on items that the sample does not have."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from recsat import CandidateFilter, Dataset, FilterContext, field
from recsat.testing.check_filters import check_filter

NOW = datetime(2024, 1, 1, tzinfo=UTC)
SINCE = NOW - timedelta(days=30)
# Nothing is released in the future, nothing lacks a value, nothing lies on a bound: the sample cannot tell the halves apart.
ITEMS = pl.DataFrame(
    {
        "item_id": ["a", "b", "c", "d"],
        "kind": ["film", "film", "film", "song"],
        "released": pl.Series([NOW - timedelta(days=d) for d in (5, 40, 90, 7)], dtype=pl.Datetime("us", "UTC")),
        "price": [5.0, 20.0, 8.0, 40.0],
        "regions": [["FR"], ["US"], ["FR", "US"], ["DE"]],
        "adult": [True, False, False, True],
    }
)
EVENTS = pl.DataFrame({"user_id": ["u"], "item_id": ["a"]})
CONTEXT = FilterContext(known=Dataset(items=ITEMS, events=EVENTS), config=None, now=NOW)
FRESH = pl.col("released").is_between(SINCE, NOW).fill_null(value=False)
CHEAP = (pl.col("price") <= 10).fill_null(value=False)
HERE = pl.col("regions").list.contains("FR").fill_null(value=False)
ANYWHERE = pl.col("regions").list.len().fill_null(0) == 0
GROWN_UP = ~pl.col("adult").fill_null(value=True)


def at_least(key: str, **bounds: Any) -> dict[str, Any]:
    return {"must": [{"key": key, "range": bounds}]}


def filter_of(where: Mapping[str, Any], keep: pl.Expr, column: str, kind: Any) -> CandidateFilter:
    return CandidateFilter(
        name="odd",
        description="Odd.",
        where=lambda context: where,
        keep=lambda items, context: items.select(keep).to_series(),
        fields={column: kind},
    )


LICENSED = {"should": [{"is_empty": {"key": "regions"}}, {"key": "regions", "match": {"value": "FR"}}]}
SOUND = {
    "released": filter_of(
        at_least("released", gte=SINCE.isoformat(), lte=NOW.isoformat()), FRESH, "released", "datetime"
    ),
    "price": filter_of(at_least("price", lte=10), CHEAP, "price", "float"),
    "regions": filter_of(LICENSED, ANYWHERE | HERE, "regions", "keyword"),
    "adult": filter_of({"must": [{"key": "adult", "match": {"value": False}}]}, GROWN_UP, "adult", "bool"),
}


@pytest.mark.parametrize("name", SOUND)
def test_halves_that_say_the_same_pass(name: str) -> None:
    assert check_filter(SOUND[name], [CONTEXT])


@pytest.mark.parametrize(
    "mutant",
    [
        pytest.param(
            filter_of(at_least("released", gte=SINCE.isoformat()), FRESH, "released", "datetime"), id="future"
        ),
        pytest.param(
            filter_of(at_least("released", gt=SINCE.isoformat(), lte=NOW.isoformat()), FRESH, "released", "datetime"),
            id="the first moment",
        ),
        pytest.param(
            filter_of(at_least("released", gte=SINCE.isoformat(), lt=NOW.isoformat()), FRESH, "released", "datetime"),
            id="this moment",
        ),
        pytest.param(filter_of(at_least("price", lt=10), CHEAP, "price", "float"), id="the bound itself"),
        pytest.param(filter_of(at_least("price", gte=0, lte=10), CHEAP, "price", "float"), id="below nothing"),
        pytest.param(
            filter_of({"must_not": [{"key": "price", "range": {"gt": 10}}]}, CHEAP, "price", "float"), id="no price"
        ),
        pytest.param(
            filter_of({"must": LICENSED["should"][1:]}, ANYWHERE | HERE, "regions", "keyword"), id="no regions"
        ),
        pytest.param(
            filter_of(
                LICENSED,
                pl.col("regions").is_null() | HERE,
                "regions",
                "keyword",
            ),
            id="an empty list",
        ),
        pytest.param(
            filter_of({"must_not": [{"key": "adult", "match": {"value": True}}]}, GROWN_UP, "adult", "bool"),
            id="not known",
        ),
    ],
)
def test_halves_that_differ_on_items_which_the_sample_lacks_do_not(mutant: CandidateFilter) -> None:
    with pytest.raises(AssertionError, match=r"where and keep disagree on .* such as 'generated-"):
        check_filter(mutant, [CONTEXT])


def test_what_keep_removes_beside_a_rule_need_not_be_pushed_down() -> None:
    both = CandidateFilter(
        name="both", description="Both.", rule=field("price") <= 30, keep=lambda items, context: items["item_id"] != "a"
    )
    assert check_filter(both, [CONTEXT])
