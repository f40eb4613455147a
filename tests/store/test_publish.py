"""Publishing under a content name, on every engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from recsat.errors import StoreError
from recsat.store import Checks, EdgeStore, Layout, Mark, Published, VectorStore, point_ids, promote, publish

N = 50


def arguments(seed: int = 0, n: int = N) -> dict[str, Any]:
    items = pl.DataFrame({"item_id": [str(i) for i in range(n)], "kind": "movie"})
    vectors: NDArray[np.float32] = np.random.default_rng(seed).normal(size=(n, 8)).astype(np.float32)
    return {
        "ids": point_ids("test", items),
        "vectors": {"raw": vectors, "text": vectors - vectors.mean(axis=0)},
        "payload": pl.DataFrame({"price": [float(i) for i in range(n)]}),
        "payload_indexes": {"price": "float"},
        "encoder": "minilm",
        "mean": "of the test",
    }


def with_new_titles(rows: list[int], of: dict[str, Any]) -> dict[str, Any]:
    """The same publication with other vectors in ``rows``."""
    vectors = {name: matrix.copy() for name, matrix in of["vectors"].items()}
    for matrix in vectors.values():
        matrix[rows] += 0.5
    return of | {"vectors": vectors}


def collections(store: VectorStore, domain: str) -> set[str]:
    return {c for c in store.collections() if c.startswith(f"recsat-default-{domain}-")}


def test_the_first_publication_fills_builds_and_moves_no_alias(store: VectorStore, name: str) -> None:
    steps: list[int] = []
    done = publish(store, name, **arguments(), batch=20, advance=steps.append)
    assert done == Published(done.collection, n_points=N, n_new=N, n_reused=0, recall=1.0)
    assert done.collection.startswith(f"recsat-default-{name}-")
    assert steps == [20, 20, 10]
    assert store.count(done.collection) == N
    assert store.shape(done.collection).payload_indexes == {"price": "float"}
    assert done.collection not in store.aliases().values()


def test_the_same_publication_again_sends_nothing_whatever_the_order_of_its_points(
    store: VectorStore, name: str
) -> None:
    first = publish(store, name, **arguments())
    order = np.random.default_rng(1).permutation(N)
    other = arguments()
    other["ids"] = [other["ids"][i] for i in order]
    other["vectors"] = {v: matrix[order] for v, matrix in other["vectors"].items()}
    other["payload"] = other["payload"][order.tolist()]
    steps: list[int] = []
    again = publish(store, name, **other, advance=steps.append)
    assert again == Published(first.collection, n_points=N, n_new=0, n_reused=N, recall=None)
    assert steps == []


@pytest.mark.parametrize("change", ["vector", "payload", "index", "ids"])
def test_any_change_is_another_collection_and_leaves_the_first(store: VectorStore, name: str, change: str) -> None:
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
    assert collections(store, name) == {first.collection, second.collection}
    assert store.retrieve(first.collection, arguments()["ids"][:1])[0].payload["price"] == 0.0  # type: ignore[index]


def test_a_publication_that_was_cut_off_goes_on_where_it_stopped(
    store: VectorStore, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []

    def killed(n: int) -> None:
        steps.append(n)
        if sum(steps) == 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(store, name, **arguments(), batch=20, advance=killed)
    [collection] = collections(store, name)
    assert not Mark.of(store, collection).ready  # type: ignore[union-attr]
    assert publish(store, name, **arguments()) == Published(collection, n_points=N, n_new=10, n_reused=40, recall=1.0)


def test_a_collection_that_lost_or_gained_points_is_mended(store: VectorStore, name: str) -> None:
    collection = publish(store, name, **arguments()).collection
    store.delete(collection, arguments()["ids"][:5])
    done = publish(store, name, **arguments())
    assert (done.collection, done.n_new, store.count(collection)) == (collection, 5, N)
    store.upsert_table(collection, [7], {v: np.ones((1, 8), dtype=np.float32) for v in ("raw", "text")}, pl.DataFrame())
    done = publish(store, name, **arguments())
    assert (done.n_new, store.count(collection)) == (0, N)


def test_four_new_titles_of_four_hundred_send_four_points(
    tmp_path: Any, wire: Callable[..., Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = wire()
    for store in (EdgeStore(tmp_path), server.store()):
        with store:
            first = publish(store, name, **arguments(n=400))
            sent: list[int] = []
            write = store.upsert_table

            def counted(
                collection: str, ids: Any, *rest: Any, write: Any = write, sent: Any = sent, **more: Any
            ) -> None:
                sent.append(len(ids))
                write(collection, ids, *rest, **more)

            monkeypatch.setattr(store, "upsert_table", counted)
            changed = with_new_titles([3, 50, 51, 399], arguments(n=400))
            second = publish(store, name, **changed)
            assert sent == [4]
            assert (second.n_new, second.n_reused, second.recall) == (4, 396, 1.0)
            assert store.count(first.collection) == store.count(second.collection) == 400
            ids = changed["ids"]
            for published, of in ((first, arguments(n=400)), (second, changed)):
                records = store.retrieve(published.collection, ids, with_vectors=True)
                rows = np.array([record.vector["text"] for record in records])  # type: ignore[index,call-overload]
                np.testing.assert_allclose(rows, of["vectors"]["text"], rtol=1e-6)
    sent_over_the_wire = [
        len(body["batch"]["ids"])
        for route, body in zip(server.routes, server.bodies, strict=True)
        if route == "PUT /C/points" and "batch" in body and len(body["batch"]["vectors"]) == 2
    ]
    assert sent_over_the_wire == [256, 144, 4]
    assert server.snapshots == {}


@pytest.mark.parametrize("change", ["encoder", "mean", "layout", "most titles"])
def test_another_encoder_mean_or_layout_or_most_titles_new_begin_afresh(tmp_path: Any, name: str, change: str) -> None:
    changed = with_new_titles([0] if change != "most titles" else list(range(30)), arguments())
    with EdgeStore(tmp_path) as store:
        publish(store, name, **arguments())
        if change in ("encoder", "mean"):
            changed[change] = "another"
        if change == "layout":
            store.layout = Layout(on_disk=True)
        assert publish(store, name, **changed).n_new == N


def test_points_that_are_gone_from_the_catalogue_are_gone_from_the_copy(tmp_path: Any, name: str) -> None:
    with EdgeStore(tmp_path) as store:
        publish(store, name, **arguments())
        fewer = arguments()
        for part in ("ids", "payload"):
            fewer[part] = fewer[part][2:]
        fewer["vectors"] = {v: matrix[2:] for v, matrix in fewer["vectors"].items()}
        done = publish(store, name, **fewer)
        assert (done.n_new, store.count(done.collection)) == (0, N - 2)
        assert store.retrieve(done.collection, arguments()["ids"][:2]) == []


def test_a_copy_begins_from_what_is_served(tmp_path: Any, name: str) -> None:
    with EdgeStore(tmp_path) as store:
        served = publish(store, name, **arguments())
        promote(store, name, served.collection)
        publish(store, name, **with_new_titles(list(range(20)), arguments()))
        assert publish(store, name, **with_new_titles([1], arguments())).n_new == 1


def test_a_copy_that_was_cut_off_is_not_taken_for_its_source(
    store: VectorStore, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = publish(store, name, **arguments())
    changed = with_new_titles([4], arguments())

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store, "set_metadata", killed)
        with pytest.raises(KeyboardInterrupt):
            publish(store, name, **changed)
    [half] = collections(store, name) - {first.collection}
    done = publish(store, name, **changed)
    assert (done.collection, store.count(half)) == (half, N)
    stored = store.retrieve(half, changed["ids"][4:5], with_vectors=True)[0].vector
    np.testing.assert_allclose(stored["text"], changed["vectors"]["text"][4], rtol=1e-6)  # type: ignore[index,call-overload]


def test_a_foreign_collection_of_the_same_name_is_left_as_it_is(store: VectorStore, name: str) -> None:
    collection = publish(store, name, **arguments()).collection
    store.drop_collection(collection)
    store.ensure_collection(collection, {"theirs": 4})
    with pytest.raises(StoreError, match=rf"{collection}.*recsat did not make it"):
        publish(store, name, **arguments())
    assert dict(store.shape(collection).vectors) == {"theirs": 4}


def test_a_server_that_keeps_no_metadata_is_named(wire: Callable[..., Any], name: str) -> None:
    server = wire()
    server.keeps_metadata = False
    with server.store() as store:
        with pytest.raises(StoreError, match=r"keeps no metadata.*Qdrant 1\.16"):
            publish(store, name, **arguments())
        assert collections(store, name) == set()


def test_a_key_that_may_only_read_reads_what_is_published(
    wire: Callable[..., Any], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = wire()
    with server.store() as store:
        collection = publish(store, name, **arguments()).collection
        mark = Mark.of(store, collection)
        assert mark is not None
        store.set_metadata(collection, replace(mark, used=0.0).metadata())
    server.read_only = True
    with server.store() as store:
        assert publish(store, name, **arguments()).collection == collection
        with pytest.raises(StoreError, match=r"status 403: the key is not allowed"):
            publish(store, name, **with_new_titles([1], arguments()))
    assert "read without a lease" in caplog.text


def test_ids_that_occur_twice_and_tables_of_unequal_length_are_refused_before_anything_is_sent(
    store: VectorStore, name: str
) -> None:
    twice = arguments()
    twice["ids"][4] = twice["ids"][3]
    with pytest.raises(StoreError, match=r"occurs twice"):
        publish(store, name, **twice)
    with pytest.raises(StoreError, match=r"50 ids, but .*'payload': 49"):
        publish(store, name, **arguments() | {"payload": arguments()["payload"][:49]})
    assert collections(store, name) == set()


def test_a_recall_below_the_bar_is_a_warning_and_the_collection_is_searched_exactly_ever_after(
    store: VectorStore, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = publish(store, name, **arguments(), checks=Checks(minimum_recall=1.01))  # no search can reach it
    assert "recall@100 of its graphs against exact search is 1.000, below 1.01; it is searched exactly" in caplog.text
    assert (first.recall, first.exact) == (1.0, True)
    again = publish(store, name, **arguments())
    assert again == Published(first.collection, N, n_new=0, n_reused=N, recall=None, exact=True)
    promote(store, name, first.collection)
    changed = publish(store, name, **with_new_titles([1], arguments()))
    assert not changed.exact  # a copy of it is judged by itself


def test_vectors_that_are_not_finite_are_named(store: VectorStore, name: str) -> None:
    bad = arguments()
    bad["vectors"]["text"][2, 1] = np.nan
    with pytest.raises(StoreError, match="row 2"):
        publish(store, name, **bad)


def test_reading_what_is_ready_renews_its_last_use_by_the_hour(store: VectorStore, name: str) -> None:
    collection = publish(store, name, **arguments()).collection
    mark = Mark.of(store, collection)
    assert mark is not None
    store.set_metadata(collection, replace(mark, used=mark.used - 4000).metadata())
    publish(store, name, **arguments())
    renewed = Mark.of(store, collection)
    assert renewed is not None
    assert renewed.used >= mark.used
    publish(store, name, **arguments())
    assert Mark.of(store, collection) == renewed


def test_a_mark_of_a_later_version_is_still_recsats_and_half_a_mark_is_not(store: VectorStore, name: str) -> None:
    collection = publish(store, name, **arguments()).collection
    mark = Mark.of(store, collection)
    assert mark is not None
    store.set_metadata(collection, {"recsat": {**mark.metadata()["recsat"], "later": 1}})  # type: ignore[dict-item]
    assert Mark.of(store, collection) == mark
    store.set_metadata(collection, {"recsat": {"tenant": "default"}})
    with pytest.raises(StoreError, match="recsat did not make it"):
        publish(store, name, **arguments())
