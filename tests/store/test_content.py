"""Digests of points: what changes them, and what does not."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from recsat.errors import StoreError
from recsat.store import EdgeStore
from recsat.store.content import Content, content_of, stored_digests

ARRAYS = {"text": np.arange(6, dtype=np.float32).reshape(3, 2), "raw": np.ones((3, 1), dtype=np.float32)}
PAYLOAD = pl.DataFrame({"kind": ["a", "b", None], "when": [datetime(2024, 1, 1)] * 3})


def content(**changes: Any) -> Content:
    arguments: dict[str, Any] = {"ids": [7, 8, 9], "vectors": ARRAYS, "payload": PAYLOAD, "payload_indexes": {}}
    return content_of(**arguments | changes)


def test_a_digest_is_of_one_point_alone() -> None:
    before = content()
    other = {"text": ARRAYS["text"] + np.array([[0], [1e-6], [0]], dtype=np.float32), "raw": ARRAYS["raw"]}
    assert [a == b for a, b in zip(before.digests, content(vectors=other).digests, strict=True)] == [True, False, True]
    changed = PAYLOAD.with_columns(kind=pl.Series(["a", "b", "c"]))
    assert [a == b for a, b in zip(before.digests, content(payload=changed).digests, strict=True)] == [
        True,
        True,
        False,
    ]
    assert content(payload=pl.DataFrame()).digests != before.digests
    assert len(set(before.digests)) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"layout": "int8"},
        {"payload_indexes": {"kind": "keyword"}},
        {"ids": [7, 8, 10]},
        {"vectors": {"text": ARRAYS["text"]}},
    ],
)
def test_a_fingerprint_changes_with_all_that_a_collection_is(change: dict[str, Any]) -> None:
    assert content(**change).fingerprint != content().fingerprint


def test_a_vector_under_another_name_is_another_content() -> None:
    renamed = {"test": ARRAYS["text"], "raw": ARRAYS["raw"]}
    assert content(vectors=renamed).digests != content().digests


def test_rows_that_differ_are_those_that_are_missing_or_other(tmp_path: Any) -> None:
    points = content()
    with EdgeStore(tmp_path) as store:
        store.ensure_collection("c", points.dimensions)
        store.upsert_table("c", *points.rows([0, 2]))
        stored = stored_digests(store, "c")
        assert stored == {7: points.digests[0], 9: points.digests[2]}
        store.upsert_table("c", [9], {name: matrix[2:] for name, matrix in ARRAYS.items()}, pl.DataFrame())
        assert points.differing(stored_digests(store, "c")) == [1, 2]  # the last has no digest any more
        assert points.differing(stored) == [1]


def test_many_pages_of_digests_are_read(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recsat.store.content._PAGE", 2)
    points = content()
    with EdgeStore(tmp_path) as store:
        store.ensure_collection("c", points.dimensions)
        store.upsert_table("c", *points.rows([0, 1, 2]))
        assert stored_digests(store, "c") == dict(zip([7, 8, 9], points.digests, strict=True))


def test_no_points_are_refused() -> None:
    with pytest.raises(StoreError, match="at least one is needed"):
        content_of([], {}, pl.DataFrame(), {})
