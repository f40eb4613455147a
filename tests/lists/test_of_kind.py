"""A plan of one kind alone is that of a request for the kind."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from recsat.contract.dataset import Dataset
from recsat.contract.domain import CandidateFilter, FilterContext
from recsat.contract.interactions import Catalogue
from recsat.contract.rules import field
from recsat.lists.filters import SEEN, plan_filters
from recsat.lists.of_kind import of_kind
from recsat.lists.requests import request_filters

ITEMS = pl.DataFrame({"item_id": list("abcd"), "kind": ["game", "game", "item", "item"], "price": [5.0, 50.0, 1.0, 99.0]})  # fmt: skip
EVENTS = pl.DataFrame({"user_id": ["u", "u", "v"], "item_id": ["a", "c", "d"]})
CONTEXT = FilterContext(known=Dataset(items=ITEMS, events=EVENTS), config=None, now=datetime(2024, 1, 1, tzinfo=UTC))
FILTERS = {"seen": SEEN, "cheap": CandidateFilter(name="cheap", description="below 60", rule=field("price") < 60)}


def test_a_plan_of_one_kind_leaves_what_a_request_for_it_leaves_in_the_search_too() -> None:
    catalogue = Catalogue(ITEMS)
    whole = plan_filters(FILTERS, catalogue, ["u", "v"], CONTEXT)
    requested = plan_filters({**FILTERS, **request_filters(catalogue, kinds=["item"])}, catalogue, ["u", "v"], CONTEXT)
    plan = of_kind(whole, catalogue, "item")
    assert plan.mask(slice(0, 2)).tolist() == [[False] * 4, [False, False, True, False]]
    assert plan.mask(slice(0, 2)).tolist() == requested.mask(slice(0, 2)).tolist()
    assert plan.where == requested.where
    assert (plan.removed, plan.n_candidates) == (whole.removed, whole.n_candidates)
    assert whole.items.tolist() == [True, True, True, False]
