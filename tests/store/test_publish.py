"""Blue/green publishing, on every engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from recsat.errors import StoreError
from recsat.store import Published, VectorStore, point_ids, publish, reconcile

N = 50


def arguments(seed: int = 0, n: int = N) -> dict[str, Any]:
    items = pl.DataFrame({"item_id": [str(i) for i in range(n)], "kind": "movie"})
    vectors: NDArray[np.float32] = np.random.default_rng(seed).normal(size=(n, 8)).astype(np.float32)
    return {
        "ids": point_ids("test", items),
        "vectors": {"raw": vectors, "text": vectors - vectors.mean(axis=0)},
        "payload": pl.DataFrame({"price": [float(i) for i in range(n)]}),
        "payload_indexes": {"price": "float"},
    }


def test_the_first_publication_fills_builds_and_serves(store: VectorStore, name: str) -> None:
    steps: list[int] = []
    done = publish(store, name, **arguments(), batch=20, advance=steps.append)
    assert done == Published(name, done.collection, n_points=N, n_new=N, n_reused=0, recall=1.0)
    assert steps == [20, 20, 10]
    assert store.aliases()[name] == done.collection
    assert store.count(name) == N
    assert store.shape(name).payload_indexes == {"price": "float"}


def test_the_same_publication_again_does_nothing(store: VectorStore, name: str) -> None:
    first = publish(store, name, **arguments())
    steps: list[int] = []
    again = publish(store, name, **arguments(), advance=steps.append)
    assert again == Published(name, first.collection, n_points=N, n_new=0, n_reused=N, recall=None)
    assert steps == []


@pytest.mark.parametrize("change", ["vector", "payload", "index", "ids"])
def test_any_change_makes_a_new_collection_and_drops_the_old(store: VectorStore, name: str, change: str) -> None:
    first = publish(store, name, **arguments())
    changed = arguments()
    match change:
        case "vector":
            changed["vectors"]["text"][7, 3] += 0.5
        case "payload":
            changed["payload"] = changed["payload"].with_columns(price=pl.col("price") + 1)
        case "index":
            changed["payload_indexes"] = {}
        case "ids":
            changed["ids"] = [*changed["ids"][1:], changed["ids"][0]]
    second = publish(store, name, **changed)
    assert second.collection != first.collection
    assert store.aliases()[name] == second.collection
    assert [c for c in store.collections() if c.startswith(name)] == [second.collection]


def test_a_half_built_collection_is_dropped_and_built_again(store: VectorStore, name: str) -> None:
    collection = publish(store, name, **arguments()).collection
    store.drop_collection(collection)
    half = arguments()
    store.ensure_collection(collection, {"raw": 8, "text": 8})  # as a publication killed between two batches leaves it
    store.upsert_table(collection, half["ids"][:20], {k: v[:20] for k, v in half["vectors"].items()}, pl.DataFrame())
    done = publish(store, name, **arguments())
    assert (done.collection, done.n_new, store.count(name)) == (collection, N, N)
    assert store.shape(name).payload_indexes == {"price": "float"}


def test_a_served_collection_that_lost_points_is_built_again(store: VectorStore, name: str) -> None:
    collection = publish(store, name, **arguments()).collection
    store.delete(collection, arguments()["ids"][:5])
    done = publish(store, name, **arguments())
    assert (done.n_new, store.count(name)) == (N, N)


def test_reconciling_leaves_other_aliases_and_collections_alone(store: VectorStore, name: str) -> None:
    served = publish(store, name, **arguments()).collection
    longer = publish(store, f"{name}-text", **arguments()).collection
    store.ensure_collection(f"{name}-{'0' * 16}", {"text": 4})
    store.ensure_collection(f"{name}-mine", {"text": 4})
    assert reconcile(store, name) == [f"{name}-{'0' * 16}"]
    assert {c for c in store.collections() if c.startswith(name)} == {served, longer, f"{name}-mine"}


def test_ids_that_occur_twice_are_caught_by_the_count_and_the_old_collection_serves_on(
    store: VectorStore, name: str
) -> None:
    first = publish(store, name, **arguments())
    twice = arguments(seed=1)
    twice["ids"][4] = twice["ids"][3]
    with pytest.raises(StoreError, match=rf"{N} points were sent, {N - 1} are stored.*twice"):
        publish(store, name, **twice)
    assert store.aliases()[name] == first.collection
    assert store.count(name) == N


def test_a_recall_below_the_bar_leaves_the_alias_where_it_was(store: VectorStore, name: str) -> None:
    first = publish(store, name, **arguments())
    with pytest.raises(StoreError, match=r"recall@\d+ against exact search is 1\.000, below 1\.01.*not moved"):
        publish(store, name, **arguments(seed=1), minimum_recall=1.01)  # no search can reach it
    assert store.aliases()[name] == first.collection
    publish(store, name, **arguments(seed=1))


def test_vectors_that_are_not_finite_never_reach_the_alias(store: VectorStore, name: str) -> None:
    bad = arguments()
    bad["vectors"]["text"][2, 1] = np.nan
    with pytest.raises(StoreError, match="row 2"):
        publish(store, name, **bad)
    assert name not in store.aliases()
