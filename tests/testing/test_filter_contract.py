"""The contract passes a filter that keeps it, and fails each that breaks one rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from recsat import CandidateFilter, Dataset, FilterContext
from recsat.lists.filters import SEEN
from recsat.testing import FilterContract

NOW = datetime(2024, 6, 1, tzinfo=UTC)
ITEMS = pl.DataFrame(
    {
        "item_id": [f"i{i}" for i in range(12)],
        "kind": ["film", "series"] * 6,
        "title": [f"Title {i}" for i in range(12)],
        "price": [float(i) for i in range(12)],
    }
)
EVENTS = pl.DataFrame(
    {
        "user_id": ["u", "u", "v", "w"],
        "item_id": ["i1", "i2", "i3", "i3"],
        "event": "view",
        "value": 1.0,
        "timestamp": NOW,
    }
)


def context(limit: float) -> FilterContext:
    return FilterContext(known=Dataset(items=ITEMS, events=EVENTS), config=SimpleNamespace(limit=limit), now=NOW)


def cheap_where(context: FilterContext) -> Mapping[str, Any]:
    return {"must": [{"key": "price", "range": {"lte": context.config.limit}}]}


def cheap_keep(items: pl.DataFrame, context: FilterContext) -> pl.Series:
    return (items["price"] <= context.config.limit).fill_null(value=False)


def viewed(users: pl.Series, context: FilterContext) -> pl.DataFrame:
    return context.known.events.filter(pl.col("user_id").is_in(users.implode())).select("user_id", "item_id")


CHEAP = CandidateFilter(
    name="cheap", description="Cheap.", where=cheap_where, keep=cheap_keep, fields={"price": "float"}, kinds=("film",)
)
NEW = CandidateFilter(name="new", description="Not viewed yet.", exclude=viewed)


class OnTwoLimits(FilterContract):
    def contexts(self) -> Sequence[FilterContext]:
        return [context(4.0), context(100.0)]


class TestCheap(OnTwoLimits):
    rule = CHEAP


class TestNew(OnTwoLimits):
    rule = NEW


class TestSeen(OnTwoLimits):
    """recsat's own."""

    rule = SEEN


class TestIdle(FilterContract):
    rule = CHEAP
    removes = False

    def contexts(self) -> Sequence[FilterContext]:
        return [context(100.0)]


def pairs(rows: list[tuple[str, str]]) -> Callable[[pl.Series, FilterContext], pl.DataFrame]:
    return lambda users, context: pl.DataFrame(rows, schema={"user_id": pl.String, "item_id": pl.String}, orient="row")


RULES: list[tuple[str, CandidateFilter, str, str]] = [
    ("no description", replace(CHEAP, description=""), "test_it_has_what", "description"),
    ("a name in two words", replace(CHEAP, name="very cheap"), "test_it_has_what", "name"),
    (
        "halves that differ",
        replace(CHEAP, keep=lambda items, context: items["price"] < context.config.limit),
        "test_it_only_removes",
        "where and keep disagree on 1 of 12 items, such as 'i4'",
    ),
    (
        "halves that differ where nothing is known",
        replace(CHEAP, keep=lambda items, context: cheap_keep(items, context) | items["price"].is_null()),
        "test_its_halves_agree_where",
        "whose field is null",
    ),
    (
        "rows that look at each other",
        replace(CHEAP, where=None, fields={}, keep=lambda items, context: items["price"] < items["price"].max()),
        "test_it_only_removes",
        "Use the items that it is given",
    ),
    ("nothing removed", replace(NEW, exclude=pairs([])), "test_it_only_removes", "removes nothing under any"),
    ("kinds of another shop", replace(CHEAP, kinds=("book",)), "test_its_kinds", "no item is of kinds ['book']"),
    ("pairs for strangers", replace(NEW, exclude=pairs([("u", "i1")])), "test_users_of_whom", "it answers for 'u'"),
    (
        "pairs for nobody",
        replace(
            NEW,
            exclude=lambda users, context: viewed(users if len(users) else pl.Series("user_id", ["u"]), context),
        ),
        "test_users_of_whom",
        "asked for nobody it gives 2 pairs",
    ),
]


@pytest.mark.parametrize(("rule", "method", "message"), [row[1:] for row in RULES], ids=[row[0] for row in RULES])
def test_a_filter_that_breaks_a_rule_fails_the_test_of_it(
    rule: CandidateFilter, method: str, message: str, failures: Callable[[type[Any]], dict[str, str]]
) -> None:
    messages = failures(type("TestBroken", (OnTwoLimits,), {"rule": rule}))
    texts = [text for name, text in messages.items() if name.startswith(method)]
    assert texts, f"no test {method}… failed, of {sorted(messages)}"
    assert any(message in text for text in texts), texts
