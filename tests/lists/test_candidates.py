"""Candidates of a store whose graphs miss what exact search finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from recsat.lists.candidates import StoreRetriever
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
