"""Batched search in item indices, against exact search over the same vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from recsat.errors import StoreError
from recsat.store import ExactIndex, ItemIndex, QdrantStore, VectorStore, only, parse_filter, search

N = 80
NAME = "recsat-test-search"
ITEMS = pl.DataFrame({"item_id": [f"i{i}" for i in range(N)], "kind": "movie"})
INDEX = ItemIndex.of("test", ITEMS)
VECTORS = np.random.default_rng(0).normal(size=(N, 6)).astype(np.float32)
CHEAP = parse_filter({"must": [{"key": "price", "range": {"lt": 40}}]})
IS_CHEAP = np.arange(N) < 40


@pytest.fixture(scope="module")
def filled(shared_store: VectorStore) -> VectorStore:
    shared_store.drop_collection(NAME)
    shared_store.ensure_collection(NAME, {"text": 6}, payload_indexes={"price": "float"})
    shared_store.upsert_table(NAME, INDEX.ids, {"text": VECTORS}, pl.DataFrame({"price": [float(i) for i in range(N)]}))
    return shared_store


def pairs(rng: np.random.Generator, n: int, most: int) -> np.ndarray:
    """A random mask (n, N): each row has from 0 to ``most`` items."""
    mask = np.zeros((n, N), dtype=bool)
    for row in range(n):
        mask[row, rng.choice(N, size=rng.integers(0, most + 1), replace=False)] = True
    return mask


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**16),
    n=st.integers(1, 9),
    limit=st.integers(1, N + 10),
    cheap=st.booleans(),
    excluding=st.booleans(),
    allowing=st.booleans(),
    block=st.sampled_from([2, 256]),
)
def test_search_equals_exact_search_over_what_is_left(
    filled: VectorStore, seed: int, n: int, limit: int, cheap: bool, excluding: bool, allowing: bool, block: int
) -> None:
    rng = np.random.default_rng(seed)
    queries = rng.normal(size=(n, 6)).astype(np.float32)
    excluded = pairs(rng, n, N if seed % 3 == 0 else 5)
    allowed = pairs(rng, n, 30)
    keep = np.ones((n, N), dtype=bool)
    if cheap:
        keep &= IS_CHEAP
    if excluding:
        keep &= ~excluded
    if allowing:
        keep &= allowed
    hits = search(
        filled,
        NAME,
        {"text": queries},
        index=INDEX,
        limit=limit,
        where=CHEAP if cheap else None,
        exclude=csr_array(excluded.astype(np.float32)) if excluding else None,
        allow=csr_array(allowed.astype(np.float32)) if allowing else None,
        block=block,
    )["text"]
    exact = ExactIndex(VECTORS).search(queries, limit=limit, keep=keep)
    np.testing.assert_array_equal(hits.items, exact.items)
    np.testing.assert_allclose(hits.scores, exact.scores, rtol=1e-4, atol=1e-5)
    assert hits.items.shape == (n, limit)
    assert (hits.items.dtype, hits.scores.dtype) == (np.int64, np.float32)


def test_only_restricts_every_query_to_some_items(filled: VectorStore) -> None:
    cold = [3, 50, 70]
    hits = search(
        filled, NAME, {"text": VECTORS[:4]}, index=INDEX, limit=5, where=only(None, [INDEX.ids[i] for i in cold])
    )["text"]
    assert [set(row) - {-1} for row in hits.items.tolist()] == [set(cold)] * 4
    both = search(
        filled, NAME, {"text": VECTORS[:1]}, index=INDEX, limit=5, where=only(CHEAP, [INDEX.ids[i] for i in cold])
    )["text"]
    assert both.items.tolist() == [[3, -1, -1, -1, -1]]


def test_a_point_outside_the_index_is_an_error_and_not_another_item(filled: VectorStore) -> None:
    with pytest.raises(StoreError, match=r"not among the 79 items.*publish this one first"):
        search(filled, NAME, {"text": VECTORS[:1]}, index=ItemIndex(INDEX.ids[1:]), limit=N)


def test_no_users_give_no_rows(filled: VectorStore) -> None:
    nobody = csr_array((0, N), dtype=np.float32)
    hits = search(filled, NAME, {"text": VECTORS[:0]}, index=INDEX, limit=3, exclude=nobody)["text"]
    assert hits.items.shape == (0, 3)


def test_several_vectors_are_one_request_for_each_block_of_users(wire: Callable[..., Any]) -> None:
    answering = wire()
    with QdrantStore(answering.client()) as store:
        store.ensure_collection(NAME, {"text": 6, "taste": 2})
        store.upsert_table(NAME, INDEX.ids, {"text": VECTORS, "taste": VECTORS[:, :2]}, pl.DataFrame())
        queries = {"text": VECTORS[:7], "taste": VECTORS[:7, 4:]}
        answering.routes.clear()
        seen = csr_array(np.eye(7, N, dtype=np.float32))
        hits = search(store, NAME, queries, index=INDEX, limit=5, exclude=seen, block=3)
    assert answering.routes.count("POST /C/points/query/batch") == 3
    keep = seen.toarray() == 0
    for vector, stored in (("text", VECTORS), ("taste", VECTORS[:, :2])):
        exact = ExactIndex(stored).search(queries[vector], limit=5, keep=keep)
        np.testing.assert_array_equal(hits[vector].items, exact.items)
