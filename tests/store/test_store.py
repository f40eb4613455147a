"""What every engine behind the port must do alike."""

from __future__ import annotations

import math
import threading
from datetime import date, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from qdrant_client import models

from recsat.errors import StoreError
from recsat.store import VectorStore
from recsat.store.port import MAX_BATCH

Vectors = NDArray[np.float32]


def vectors(n: int, d: int = 4, seed: int = 0) -> Vectors:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def ids(n: int) -> list[str]:
    """UUIDs as text: recsat's own points are numbers, but the port takes both."""
    return [str(uuid5(NAMESPACE_URL, f"movie:{i}")) for i in range(n)]


def fill(store: VectorStore, name: str, n: int = 10, d: int = 4) -> Vectors:
    matrix = vectors(n, d)
    store.ensure_collection(name, {"text": d}, payload_indexes={"n": "integer"})
    store.upsert_table(name, ids(n), {"text": matrix}, pl.DataFrame({"n": range(n)}), batch=3)
    return matrix


def point(i: int, vector: Any, **payload: Any) -> models.PointStruct:
    return models.PointStruct(id=ids(i + 1)[i], vector=vector, payload=payload)


# Collections


def test_a_collection_is_made_once_and_keeps_its_shape(store: VectorStore, name: str) -> None:
    assert store.ensure_collection(name, {"text": 4, "taste": 3}, payload_indexes={"n": "integer"}) is True
    assert store.ensure_collection(name, {"text": 4, "taste": 3}) is False
    shape = store.shape(name)
    assert (shape.vectors, shape.distance, shape.payload_indexes) == (
        {"text": 4, "taste": 3},
        models.Distance.DOT,
        {"n": "integer"},
    )
    assert name in store.collections()


def test_a_collection_of_another_dimension_is_refused(store: VectorStore, name: str) -> None:
    store.ensure_collection(name, {"text": 4})
    with pytest.raises(StoreError, match=r"has vectors \{'text': 4\}.*\{'text': 5\}.*Drop it"):
        store.ensure_collection(name, {"text": 5})


def test_missing_payload_indexes_are_added_and_a_changed_type_is_refused(store: VectorStore, name: str) -> None:
    store.ensure_collection(name, {"text": 4}, payload_indexes={"n": "integer"})
    store.ensure_collection(name, {"text": 4}, payload_indexes={"n": "integer", "price": "float"})
    assert store.shape(name).payload_indexes == {"n": "integer", "price": "float"}
    with pytest.raises(StoreError, match="indexed as integer, but keyword"):
        store.ensure_collection(name, {"text": 4}, payload_indexes={"n": "keyword"})


@pytest.mark.parametrize("bad", ["", "../up", "a/b", ".hidden", "x" * 201])
def test_a_name_that_is_no_folder_name_is_refused(store: VectorStore, bad: str) -> None:
    with pytest.raises(StoreError, match="not a usable name"):
        store.ensure_collection(bad, {"text": 4})


@pytest.mark.parametrize("shape", [{}, {"text": 0}, {"text": 65_537}, {"": 4}])
def test_an_impossible_shape_is_refused(store: VectorStore, name: str, shape: dict[str, int]) -> None:
    with pytest.raises(StoreError, match=r"no vectors|is not possible"):
        store.ensure_collection(name, shape)


def test_an_unknown_collection_is_named_in_the_error(store: VectorStore) -> None:
    for call in (
        lambda: store.count("nowhere"),
        lambda: store.shape("nowhere"),
        lambda: store.nearest("nowhere", {"text": vectors(1)}, 1),
        lambda: store.upsert("nowhere", [point(0, {"text": [1.0, 0, 0, 0]})]),
    ):
        with pytest.raises(StoreError, match="nowhere"):
            call()


def test_a_dropped_collection_takes_its_aliases_along(store: VectorStore, name: str) -> None:
    fill(store, name)
    store.swap_alias(f"{name}-live", name)
    assert store.drop_collection(name) is True
    assert store.drop_collection(name) is False
    assert name not in store.collections()
    assert f"{name}-live" not in store.aliases()


# Points


def test_points_come_back_as_they_went_in(store: VectorStore, name: str) -> None:
    store.ensure_collection(name, {"text": 2, "taste": 1})
    store.upsert(
        name, [point(0, {"text": [1.0, 2.0], "taste": [3.0]}, title="Heat", tags=["a", "b"], active=True, none=None)]
    )
    store.upsert(name, [models.PointStruct(id=2**63 + 1, vector={"text": [0.0, 1.0], "taste": [0.5]}, payload={})])
    first, second = store.retrieve(name, [ids(1)[0], 2**63 + 1], with_vectors=True)
    assert first.id == ids(1)[0]
    assert first.payload == {"title": "Heat", "tags": ["a", "b"], "active": True, "none": None}
    assert first.vector == {"text": [1.0, 2.0], "taste": [3.0]}
    assert (second.id, second.payload) == (2**63 + 1, {})


def test_retrieve_keeps_the_order_and_leaves_out_the_unknown(store: VectorStore, name: str) -> None:
    fill(store, name)
    point_ids = [ids(10)[7], str(uuid4()), UUID(ids(10)[2])]
    records = store.retrieve(name, point_ids)
    assert [r.payload for r in records] == [{"n": 7}, {"n": 2}]
    assert records[0].vector is None
    assert store.retrieve(name, []) == []


def test_upserting_again_replaces(store: VectorStore, name: str) -> None:
    fill(store, name)
    store.upsert(name, [point(3, {"text": [9.0, 9, 9, 9]}, n=33)])
    assert store.count(name) == 10
    assert store.retrieve(name, [ids(10)[3]])[0].payload == {"n": 33}


def test_delete_by_id_and_by_filter(store: VectorStore, name: str) -> None:
    fill(store, name)
    store.delete(name, ids(10)[:2])
    store.delete(name, [])
    store.delete(name, models.Filter(must=[models.FieldCondition(key="n", range=models.Range(gte=8))]))
    page = store.scroll(name, limit=100)
    assert sorted(r.payload["n"] for r in page.records if r.payload) == [2, 3, 4, 5, 6, 7]


def test_scrolling_visits_every_point_once(store: VectorStore, name: str) -> None:
    fill(store, name, 10)
    seen, offset = [], None
    while True:
        page = store.scroll(name, limit=3, offset=offset)
        assert len(page.records) <= 3
        seen += [r.id for r in page.records]
        offset = page.next_offset
        if offset is None:
            break
    assert sorted(map(str, seen)) == sorted(ids(10))
    assert len(seen) == 10


def test_a_payload_table_becomes_json(store: VectorStore, name: str) -> None:
    payload = pl.DataFrame(
        {
            "when": [datetime(2024, 5, 1, 12, 30)],
            "zoned": pl.Series([datetime(2024, 5, 1, 12)]).dt.replace_time_zone("Europe/Berlin"),
            "day": [date(2024, 5, 1)],
            "genres": [["Crime", "Drama"]],
            "kind": pl.Series(["movie"], dtype=pl.Categorical),
            "price": [1.5],
            "missing": pl.Series([None], dtype=pl.Float64),
            "active": [False],
        }
    )
    store.ensure_collection(name, {"text": 4})
    store.upsert_table(name, ids(1), {"text": vectors(1)}, payload)
    assert store.retrieve(name, ids(1))[0].payload == {
        "when": "2024-05-01T12:30:00.000000Z",
        "zoned": "2024-05-01T10:00:00.000000Z",
        "day": "2024-05-01T00:00:00Z",
        "genres": ["Crime", "Drama"],
        "kind": "movie",
        "price": 1.5,
        "missing": None,
        "active": False,
    }


def test_a_table_upsert_tells_its_progress_and_needs_no_payload(store: VectorStore, name: str) -> None:
    store.ensure_collection(name, {"text": 4})
    steps: list[int] = []
    store.upsert_table(name, ids(7), {"text": vectors(7)}, pl.DataFrame(), batch=3, advance=steps.append)
    assert steps == [3, 3, 1]
    assert store.count(name) == 7


# What the port refuses


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_vectors_that_are_not_finite_are_refused_and_nothing_is_stored(
    store: VectorStore, name: str, value: float
) -> None:
    store.ensure_collection(name, {"text": 4})
    matrix = vectors(5)
    matrix[3, 2] = value
    with pytest.raises(StoreError, match=rf"row 3, point {ids(5)[3]}.*place 2 is not finite"):
        store.upsert_table(name, ids(5), {"text": matrix}, pl.DataFrame())
    with pytest.raises(StoreError, match="not finite"):
        store.upsert(name, [point(0, {"text": [0.0, value, 0.0, 0.0]})])
    with pytest.raises(StoreError, match="not finite"):
        store.nearest(name, {"text": matrix}, 3)
    assert store.count(name) == 0


def test_vectors_of_another_dimension_are_refused(store: VectorStore, name: str) -> None:
    store.ensure_collection(name, {"text": 4})
    for call in (
        lambda: store.upsert_table(name, ids(2), {"text": vectors(2, 5)}, pl.DataFrame()),
        lambda: store.upsert(name, [point(0, {"text": [1.0] * 5})]),
        lambda: store.nearest(name, {"text": vectors(1, 5)}, 1),
    ):
        with pytest.raises(StoreError, match="dimension 4"):
            call()


def test_a_missing_or_unknown_vector_is_refused(store: VectorStore, name: str) -> None:
    store.ensure_collection(name, {"text": 4, "taste": 4})
    with pytest.raises(StoreError, match=r"\['taste', 'text'\]"):
        store.upsert_table(name, ids(2), {"text": vectors(2)}, pl.DataFrame())
    with pytest.raises(StoreError, match="Name every vector"):
        store.upsert(name, [point(0, {"text": [1.0] * 4})])
    with pytest.raises(StoreError, match="Name every vector"):
        store.upsert(name, [point(0, [1.0] * 4)])
    with pytest.raises(StoreError, match="no vector 'tast'"):
        store.nearest(name, {"tast": vectors(1)}, 1)


@pytest.mark.parametrize("bad", [-1, 2**64, "movie-7", True, 1.5, None])
def test_ids_that_a_server_refuses_are_refused_everywhere(store: VectorStore, name: str, bad: Any) -> None:
    store.ensure_collection(name, {"text": 4})
    with pytest.raises(StoreError, match=r"is not a point id.*UUID"):
        store.upsert_table(name, [bad], {"text": vectors(1)}, pl.DataFrame())
    with pytest.raises(StoreError, match="is not a point id"):
        store.retrieve(name, [bad])


def test_empty_and_oversized_batches_are_refused(store: VectorStore, name: str) -> None:
    store.ensure_collection(name, {"text": 1})
    with pytest.raises(StoreError, match="0 points"):
        store.upsert(name, [])
    with pytest.raises(StoreError, match="no points"):
        store.upsert_table(name, [], {"text": vectors(0, 1)}, pl.DataFrame())
    with pytest.raises(StoreError, match=rf"{MAX_BATCH + 1} points"):
        store.upsert(name, [models.PointStruct(id=1, vector={"text": [1.0]})] * (MAX_BATCH + 1))


def test_tables_of_unequal_length_are_refused(store: VectorStore, name: str) -> None:
    store.ensure_collection(name, {"text": 4})
    with pytest.raises(StoreError, match="3 ids, but 2 vectors"):
        store.upsert_table(name, ids(3), {"text": vectors(2)}, pl.DataFrame())
    with pytest.raises(StoreError, match="3 ids, but 2 payload rows"):
        store.upsert_table(name, ids(3), {"text": vectors(3)}, pl.DataFrame({"n": [1, 2]}))


@pytest.mark.parametrize(
    ("column", "message"),
    [(pl.Series("x", [1.0, math.nan]), "row 1: nan"), (pl.Series("x", [b"a", b"b"]), "Binary has no JSON form")],
)
def test_a_payload_without_a_json_form_is_refused(
    store: VectorStore, name: str, column: pl.Series, message: str
) -> None:
    store.ensure_collection(name, {"text": 4})
    with pytest.raises(StoreError, match=message):
        store.upsert_table(name, ids(2), {"text": vectors(2)}, pl.DataFrame([column]))


def test_a_closed_store_says_so(store: VectorStore, name: str) -> None:
    fill(store, name)
    store.drop_collection(name)
    store.close()
    store.close()
    for call in (
        lambda: store.count(name),
        store.collections,
        store.aliases,
        lambda: store.ensure_collection(name, {"a": 1}),
    ):
        with pytest.raises(StoreError, match="closed"):
            call()


# Search


def test_nearest_equals_brute_force(store: VectorStore, name: str) -> None:
    matrix = fill(store, name, 60, 8)
    queries = vectors(7, 8, seed=1)
    nearest = store.nearest(name, {"text": queries}, 10)["text"]
    exact = queries @ matrix.T
    np.testing.assert_allclose(nearest.scores, -np.sort(-exact, axis=1)[:, :10], rtol=1e-5)
    by_key = {UUID(p).int & (2**64 - 1): i for i, p in enumerate(ids(60))}
    places = [[by_key[int(k)] for k in row] for row in nearest.keys]
    assert places == np.argsort(-exact, axis=1)[:, :10].tolist()


def test_nearest_pads_when_fewer_are_left(store: VectorStore, name: str) -> None:
    fill(store, name, 10)
    few = models.Filter(must=[models.FieldCondition(key="n", range=models.Range(lt=2))])
    nearest = store.nearest(name, {"text": vectors(2)}, 5, where=[few, None])["text"]
    assert np.isfinite(nearest.scores).sum(axis=1).tolist() == [2, 5]
    assert nearest.keys[0, 2:].tolist() == [0, 0, 0]


@pytest.mark.parametrize("filtered", [False, True])
def test_several_vectors_at_once_give_what_separate_calls_give(store: VectorStore, name: str, filtered: bool) -> None:
    shape = {"text": 8, "taste": 3}
    store.ensure_collection(name, shape, payload_indexes={"n": "integer"})
    table = {vector: vectors(60, d, seed=d) for vector, d in shape.items()}
    store.upsert_table(name, ids(60), table, pl.DataFrame({"n": range(60)}))
    queries = {vector: vectors(5, shape[vector], seed=9) for vector in ("taste", "text")}
    below = [models.Filter(must=[models.FieldCondition(key="n", range=models.Range(lt=n))]) for n in (3, 20, 40, 60)]
    where = [*below, None] if filtered else None
    together = store.nearest(name, queries, 12, where=where)
    assert list(together) == ["taste", "text"]
    for vector, rows in queries.items():
        alone = store.nearest(name, {vector: rows}, 12, where=where)[vector]
        assert alone.keys.any(axis=1).all()
        np.testing.assert_array_equal(together[vector].keys, alone.keys)
        np.testing.assert_allclose(together[vector].scores, alone.scores, rtol=1e-5)


def test_queries_for_no_vector_or_of_unequal_number_are_refused(store: VectorStore, name: str) -> None:
    store.ensure_collection(name, {"text": 4, "taste": 4})
    with pytest.raises(StoreError, match=r"queries for no vector; the collection has \['taste', 'text'\]"):
        store.nearest(name, {}, 5)
    with pytest.raises(StoreError, match=r"as many queries for every vector.*'text': 2, 'taste': 3"):
        store.nearest(name, {"text": vectors(2), "taste": vectors(3)}, 5)


def test_no_queries_give_no_rows(store: VectorStore, name: str) -> None:
    fill(store, name)
    assert store.nearest(name, {"text": vectors(0)}, 5)["text"].keys.shape == (0, 5)


def test_one_filter_for_each_query_or_one_for_all(store: VectorStore, name: str) -> None:
    fill(store, name)
    with pytest.raises(StoreError, match="2 queries, but 1 filters"):
        store.nearest(name, {"text": vectors(2)}, 5, where=[None])


# Aliases


def test_everything_works_through_an_alias(store: VectorStore, name: str) -> None:
    matrix = fill(store, name)
    alias = f"{name}-live"
    store.swap_alias(alias, name)
    assert store.aliases()[alias] == name
    assert store.count(alias) == 10
    assert store.ensure_collection(alias, {"text": 4}, payload_indexes={"price": "float"}) is False
    assert store.shape(alias) == store.shape(name)
    assert store.shape(name).payload_indexes == {"n": "integer", "price": "float"}
    assert store.nearest(alias, {"text": matrix[:1]}, 1)["text"].scores.shape == (1, 1)
    store.upsert(alias, [point(10, {"text": [1.0, 0, 0, 0]})])
    assert store.count(name) == 11
    assert alias not in store.collections()


def test_an_alias_cannot_hide_a_collection_or_point_nowhere(store: VectorStore, name: str) -> None:
    fill(store, name)
    with pytest.raises(StoreError, match="a collection has this name"):
        store.swap_alias(name, name)
    with pytest.raises(StoreError, match="there is no collection 'nowhere'"):
        store.swap_alias(f"{name}-live", "nowhere")


def test_readers_see_the_old_or_the_new_collection_while_the_alias_moves(store: VectorStore, name: str) -> None:
    sizes = {f"{name}-a": 5, f"{name}-b": 9}
    for collection, n in sizes.items():
        store.ensure_collection(collection, {"text": 4})
        store.upsert_table(collection, ids(n), {"text": vectors(n)}, pl.DataFrame())
    alias = f"{name}-live"
    store.swap_alias(alias, f"{name}-a")
    seen: list[int] = []
    faults: list[Exception] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                seen.append(store.count(alias))
            except Exception as error:
                faults.append(error)
                return

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for turn in range(40):
        store.swap_alias(alias, f"{name}-{'ba'[turn % 2]}")
    stop.set()
    for reader in readers:
        reader.join()
    assert not faults
    assert set(seen) <= {5, 9}
    assert len(seen) > 0
