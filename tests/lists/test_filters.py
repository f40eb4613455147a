"""Filters: what they remove, in which order it counts, and what is pushed down."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from recsat.contract.dataset import Dataset
from recsat.contract.domain import CandidateFilter, FilterContext
from recsat.contract.interactions import Catalogue
from recsat.contract.rules import field
from recsat.errors import DataError, PluginError
from recsat.lists.filters import REJECTED, SEEN, FilterPlan, plan_filters

ITEMS = pl.DataFrame(
    {"item_id": ["a", "b", "c", "d"], "kind": ["game", "game", "item", "item"], "price": [5.0, 50.0, 1.0, 99.0]}
)
EVENTS = pl.DataFrame({"user_id": ["u", "u", "v"], "item_id": ["a", "a", "d"]})
CONTEXT = FilterContext(known=Dataset(items=ITEMS, events=EVENTS), config=None, now=datetime(2024, 1, 1, tzinfo=UTC))
CHEAP = CandidateFilter(
    name="cheap",
    description="below 10",
    where=lambda context: {"must": [{"key": "price", "range": {"lt": 10}}]},
    keep=lambda items, context: items["price"] < 10,
    fields={"price": "float"},
)


def plan(**filters: CandidateFilter) -> FilterPlan:
    return plan_filters(filters, Catalogue(ITEMS), ["u", "v"], CONTEXT)


def test_seen_items_are_excluded_for_their_user_alone() -> None:
    assert plan(seen=SEEN).mask(slice(0, 2)).tolist() == [[False, True, True, True], [True, True, True, False]]


def rejected(*rows: tuple[str, str, str, int | None]) -> list[tuple[str, str]]:
    """Pairs that the filter removes for u and v of events (user, item, event, day)."""
    days = [None if row[3] is None else datetime(2024, 1, row[3], tzinfo=UTC) for row in rows]
    events = pl.DataFrame([row[:3] for row in rows], schema=["user_id", "item_id", "event"], orient="row").with_columns(
        timestamp=pl.Series(days, dtype=pl.Datetime("us", "UTC"))
    )
    context = replace(CONTEXT, known=Dataset(items=ITEMS, events=events), rejections=("hide", "report"))
    assert REJECTED.exclude is not None
    return sorted(REJECTED.exclude(pl.Series("user_id", ["u", "v"]), context).rows())


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("u", "a", "hide", 1), ("v", "b", "report", 1), ("v", "a", "view", 1), ("w", "c", "hide", 1)], [("u", "a"), ("v", "b")]),
        ([("u", "a", "hide", 1), ("u", "a", "play", 2)], []),
        ([("u", "a", "play", 1), ("u", "a", "hide", 2)], [("u", "a")]),
        ([("u", "a", "hide", 1), ("u", "a", "play", 2), ("u", "a", "hide", 3)], [("u", "a")]),
        ([("u", "a", "hide", None), ("u", "a", "play", None)], [("u", "a")]),
        ([("u", "a", "hide", 1), ("u", "a", "play", 1)], [("u", "a")]),
    ],
)  # fmt: skip
def test_what_a_user_rejected_is_out_until_they_take_it_up_again(
    rows: list[tuple[str, str, str, int | None]], expected: list[tuple[str, str]]
) -> None:
    assert rejected(*rows) == expected


def test_a_candidate_counts_for_the_first_filter_that_removes_it() -> None:
    assert plan(seen=SEEN, cheap=CHEAP).removed == {"seen": 2, "cheap": 3}
    assert plan(cheap=CHEAP, seen=SEEN).removed == {"cheap": 4, "seen": 1}
    assert plan(cheap=CHEAP, seen=SEEN).n_candidates == 8


def test_a_filter_of_one_kind_leaves_other_kinds_alone_also_when_pushed_down() -> None:
    games = CandidateFilter(name="g", description="", kinds=("game",), where=CHEAP.where, keep=CHEAP.keep)
    filter_plan = plan(g=games)
    assert filter_plan.items.tolist() == [True, False, True, True]
    assert filter_plan.where == [
        {
            "should": [
                {"must": [{"key": "price", "range": {"lt": 10}}]},
                {"must_not": [{"key": "kind", "match": {"any": ["game"]}}]},
            ]
        }
    ]


def test_a_rule_is_masked_and_pushed_down_from_one_expression() -> None:
    filter_plan = plan(g=CandidateFilter(name="g", description="", kinds=("game",), rule=field("price") < 10))
    assert filter_plan.items.tolist() == [True, False, True, True]
    assert (
        filter_plan.where == plan(g=CandidateFilter(name="g", description="", kinds=("game",), where=CHEAP.where)).where
    )
    assert not filter_plan.by_id


def test_what_keep_removes_beside_a_rule_is_told_to_retrieval_by_id() -> None:
    both = CandidateFilter(
        name="both", description="", rule=field("price") < 10, keep=lambda items, context: items["item_id"] != "a"
    )
    filter_plan = plan(both=both)
    assert filter_plan.items.tolist() == [False, False, True, False]
    assert filter_plan.by_id


def test_a_rule_on_a_column_that_items_lack_is_refused_by_its_name_in_the_settings() -> None:
    rule = CandidateFilter(name="old", description="", rule=field("age") < 10)
    with pytest.raises(DataError, match=r"filter old needs column 'age'.*take shop\.old out of rank\.filters"):
        plan_filters({"shop.old": rule}, Catalogue(ITEMS), ["u"], CONTEXT)


def test_an_allow_list_of_one_kind_lets_other_kinds_pass() -> None:
    owned = CandidateFilter(
        name="owned",
        description="",
        kinds=("item",),
        allow=lambda users, context: pl.DataFrame({"user_id": ["u"], "item_id": ["c"]}),
    )
    filter_plan = plan(owned=owned)
    assert filter_plan.mask(slice(0, 2)).tolist() == [[True, True, True, False], [True, True, False, False]]
    assert filter_plan.removed == {"owned": 3}


def test_a_universe_bounds_the_candidates_before_any_filter() -> None:
    universe = np.array([True, False, False, True])
    filter_plan = plan_filters({"seen": SEEN}, Catalogue(ITEMS), ["u", "v"], CONTEXT, universe)
    assert filter_plan.n_candidates == 4
    assert filter_plan.mask(slice(1, 2)).tolist() == [[True, False, False, False]]


def test_pairs_of_unknown_users_or_items_are_left_aside() -> None:
    odd = CandidateFilter(
        name="odd",
        description="",
        exclude=lambda users, context: pl.DataFrame({"user_id": ["x", "u"], "item_id": ["a", "zzz"]}),
    )
    assert plan(odd=odd).removed == {"odd": 0}


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (CandidateFilter(name="k", description="", keep=lambda i, c: [True] * 4), "filter bad: keep returned a list"),  # type: ignore[arg-type, return-value]
        (
            CandidateFilter(name="k", description="", keep=lambda i, c: pl.Series([True])),
            "Series of 1; return a Boolean Series of 4",
        ),
        (
            CandidateFilter(name="k", description="", exclude=lambda u, c: pl.DataFrame({"user": []})),
            "columns user_id and item_id",
        ),
    ],
)
def test_a_filter_that_returns_something_else_is_named(rule: CandidateFilter, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        plan(bad=rule)
