"""The embedded store with int8 copies: what it finds, and that it keeps them over a restart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsat.errors import StoreError
from recsat.store import EdgeStore, ItemIndex
from recsat.store.exact import ExactIndex, recall
from recsat.store.search import search


def test_int8_copies_are_searched_and_the_hits_scored_exactly(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((1500, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = list(range(1, 1501))
    with EdgeStore(tmp_path / "store", indexing_threshold_kb=50, int8_oversampling=3.0) as store:
        store.ensure_collection("things", {"text": 64})
        store.upsert_table("things", ids, {"text": vectors}, pl.DataFrame({"kind": ["x"] * 1500}))
        store.build("things")
    quantised = list((tmp_path / "store").rglob("quantized*"))
    assert any(file.stat().st_size for file in quantised), "the engine wrote int8 copies"
    with EdgeStore(tmp_path / "store", indexing_threshold_kb=50, int8_oversampling=3.0) as store:
        found = search(store, "things", {"text": vectors[:100]}, index=ItemIndex(ids), limit=20, ef=128)["text"]
    exact = ExactIndex(vectors).search(vectors[:100], limit=20)
    assert recall(found, exact) > 0.95
    np.testing.assert_allclose(found.scores[:, 0], 1.0, atol=1e-5)  # itself, scored from the full vector


def test_less_than_no_oversampling_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"int8_oversampling is 0\.5; give at least 1"):
        EdgeStore(tmp_path, int8_oversampling=0.5)
