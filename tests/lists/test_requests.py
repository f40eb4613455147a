"""What one request asks for."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from recsat.contract.dataset import Dataset
from recsat.contract.domain import FilterContext
from recsat.contract.interactions import Catalogue
from recsat.errors import UnknownItem
from recsat.lists.filters import plan_filters
from recsat.lists.requests import request_filters

CATALOGUE = Catalogue(pl.DataFrame({"item_id": ["a", "b", "c"], "kind": ["game", "item", "item"]}))
CONTEXT = FilterContext(
    known=Dataset(items=CATALOGUE.items, events=pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String})),
    config=None,
    now=datetime(2024, 1, 1, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("rules", "left", "by_id"),
    [
        ({}, ["a", "b", "c"], False),
        ({"include": ["a", "c"]}, ["a", "c"], True),
        ({"exclude": ["a"]}, ["b", "c"], True),
        ({"kinds": ["item"]}, ["b", "c"], False),
        ({"include": ["a", "b"], "exclude": ["b"]}, ["a"], True),
        ({"include": ["a"], "kinds": ["item"]}, [], True),
    ],
)
def test_only_what_is_asked_for_is_left(rules: dict[str, list[str]], left: list[str], by_id: bool) -> None:
    plan = plan_filters(request_filters(CATALOGUE, **rules), CATALOGUE, ["u"], CONTEXT)
    assert CATALOGUE.items.filter(pl.Series(plan.items))["item_id"].to_list() == left
    assert plan.by_id == by_id


def test_unknown_ids_and_kinds_are_named() -> None:
    with pytest.raises(UnknownItem, match="item 'z' is not in the catalogue"):
        request_filters(CATALOGUE, exclude=["z"])
    with pytest.raises(UnknownItem, match=r"of kind 'film'\. It has: game, item"):
        request_filters(CATALOGUE, kinds=["film"])
