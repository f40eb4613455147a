"""Candidates of a store: where its graphs miss what exact search finds, and where filters are applied afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array

from recsat.lists.candidates import StoreRetriever, WideRetriever
from recsat.lists.filters import FilterPlan
from recsat.store import Checks, ItemIndex, publish
from recsat.store.edge import EdgeStore

N, DIMENSION, N_USERS = 3_000, 96, 20


def unit(n: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, DIMENSION)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_a_graph_that_misses_its_recall_is_passed_by_and_nothing_is_missed(tmp_path: Path) -> None:
    vectors, queries = unit(N, 0), unit(N_USERS, 1)
    nothing = csr_array((N_USERS, N), dtype=bool)
    plan = FilterPlan(np.ones(N, dtype=bool), nothing, None, [], False, {}, N_USERS * N)
    scores = queries @ vectors.T
    best = -np.sort(-scores, axis=1)[:, :50]
    with EdgeStore(tmp_path, hnsw_m=4, hnsw_ef_construct=8, indexing_threshold_kb=10) as store:
        published = publish(store, "d", list(range(N)), {"text": vectors}, pl.DataFrame(), checks=Checks(ef=8))
        assert published.recall is not None
        assert published.recall < 0.95
        candidates = []
        for exact in (False, published.exact):
            retriever = StoreRetriever(store, published.collection, ItemIndex(list(range(N))), 8, exact)
            candidates += retriever.candidates({"text": queries}, 50, plan, slice(0, N_USERS))
    of_graph, of_search = (np.take_along_axis(scores, items, axis=1) for items in candidates)
    assert (of_graph < best - 1e-3).any()
    np.testing.assert_allclose(of_search, best, atol=1e-6)


@pytest.mark.parametrize(
    ("share", "asks_the_store"),
    [(0.5, False), (0.02, True)],  # of 50 permitted the 20 nearest would be looked for among 2,000
)
def test_what_filters_forbid_is_left_out_afterwards_or_where_that_would_be_most_by_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float, asks_the_store: bool
) -> None:
    vectors, queries = unit(N, 0), unit(N_USERS, 1)
    rng = np.random.default_rng(2)
    seen = csr_array(rng.random((N_USERS, N)) < 0.01)
    items = rng.random(N) < share
    plan = FilterPlan(items, seen, None, [], True, {}, N_USERS * N)
    scores = np.where(items & ~seen.toarray(), queries @ vectors.T, -np.inf)
    calls: list[int] = []
    filtered = StoreRetriever.candidates

    def counted(self: StoreRetriever, *arguments: Any) -> list[Any]:
        calls.append(1)
        return filtered(self, *arguments)

    monkeypatch.setattr(StoreRetriever, "candidates", counted)
    with EdgeStore(tmp_path) as store:
        published = publish(store, "d", list(range(N)), {"text": vectors}, pl.DataFrame(), checks=Checks(ef=8))
        store_retriever = StoreRetriever(store, published.collection, ItemIndex(list(range(N))), 8)
        [ranking] = WideRetriever(store_retriever).candidates({"text": queries}, 20, plan, slice(0, N_USERS))
    np.testing.assert_array_equal(ranking, np.argsort(-scores, axis=1, kind="stable")[:, :20])
    assert bool(calls) == asks_the_store


def test_a_user_of_whom_filters_leave_less_than_was_hoped_for_gets_the_store_s_answer(tmp_path: Path) -> None:
    vectors = unit(N, 0)
    query = vectors[:1]
    near = np.argsort(-(query @ vectors.T)[0])
    items = np.ones(N, dtype=bool)
    items[near[:200]] = False  # all that is near
    plan = FilterPlan(items, csr_array((1, N), dtype=bool), None, [], True, {}, N)
    with EdgeStore(tmp_path) as store:
        published = publish(store, "d", list(range(N)), {"text": vectors}, pl.DataFrame(), checks=Checks(ef=8))
        store_retriever = StoreRetriever(store, published.collection, ItemIndex(list(range(N))), 8)
        [ranking] = WideRetriever(store_retriever).candidates({"text": query}, 20, plan, slice(0, 1))
    np.testing.assert_array_equal(ranking[0], near[200:220])
