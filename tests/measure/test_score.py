"""Lists become integers once; measures beside histories read the same ones over all items."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from recsat.errors import UnknownItem
from recsat.measure.evidence import Evidence
from recsat.measure.score import EvaluationCache

PAIRS = pl.DataFrame({"user_id": ["u", "u"], "item_id": ["b", "a"]})
EVIDENCE = Evidence(
    split="cold",
    users=pl.Series("user_id", ["u"]),
    relevant=PAIRS,
    known_likes=PAIRS,
    history=PAIRS,
    outcomes=PAIRS,
    items=pl.DataFrame({"item_id": ["x", "a", "b"]}),
    candidates=pl.Series("item_id", ["b", "a"]),
)
LISTS = PAIRS.tail(1).with_columns(rank=1)


def test_lists_of_candidates_are_found_again_among_all_items() -> None:
    cache = EvaluationCache(EVIDENCE, 10)
    assert cache.listed(LISTS).matrix.toarray().tolist() == [[0, 1]]
    assert cache.over_items(cache.listed(LISTS)).matrix.toarray().tolist() == [[0, 1, 0]]


def test_a_listed_candidate_that_is_in_no_table_of_items_is_named() -> None:
    cache = EvaluationCache(replace(EVIDENCE, items=pl.DataFrame({"item_id": ["x", "b"]})), 10)
    with pytest.raises(UnknownItem, match="candidate 'a' is not in the table of items"):
        cache.over_items(cache.listed(LISTS))
