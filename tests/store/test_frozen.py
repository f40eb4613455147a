"""The mean that an index is centred by."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from recsat.store import EdgeStore, Mark, frozen_mean, mean_text, promote, publish


def published(store: EdgeStore, mean: np.ndarray[Any, Any], **more: Any) -> str:
    arrays = {"text": np.float32(mean[:1].sum()) + np.ones((3, 2), dtype=np.float32)}
    return publish(
        store, "films", [1, 2, 3], arrays, pl.DataFrame(), **{"encoder": "minilm", "mean": mean_text(mean)} | more
    ).collection


def test_it_is_that_of_what_is_served_else_of_what_was_used_last_bit_for_bit(tmp_path: Any) -> None:
    means = [np.random.default_rng(seed).normal(size=5).astype(np.float32) / 3 for seed in range(4)]
    with EdgeStore(tmp_path) as store:
        assert frozen_mean(store, "films", "minilm") is None
        first = published(store, means[0])
        np.testing.assert_array_equal(frozen_mean(store, "films", "minilm"), means[0])
        published(store, means[1])
        published(store, means[2], encoder="another")
        published(store, means[3], scratch=True)
        np.testing.assert_array_equal(frozen_mean(store, "films", "minilm"), means[1])
        np.testing.assert_array_equal(frozen_mean(store, "films", "another"), means[2])
        assert frozen_mean(store, "shop", "minilm") is None
        promote(store, "films", first)
        published(store, np.zeros(5, dtype=np.float32))
        np.testing.assert_array_equal(frozen_mean(store, "films", "minilm"), means[0])


def test_a_collection_that_is_not_complete_freezes_nothing(tmp_path: Any) -> None:
    with EdgeStore(tmp_path) as store:
        collection = published(store, np.ones(5, dtype=np.float32))
        mark = Mark.of(store, collection)
        assert mark is not None
        store.set_metadata(collection, replace(mark, ready=False).metadata())
        assert frozen_mean(store, "films", "minilm") is None
