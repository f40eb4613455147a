"""The embedded store: Qdrant's own engine in this process, a directory on disk. The default."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import qdrant_edge as edge
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from qdrant_client import models

from recsat.errors import StoreError
from recsat.store import checks, edge_folder
from recsat.store.edge_filters import edge_filter
from recsat.store.edge_shards import EdgeShards, OpenCollection, index_fields
from recsat.store.hits import by_vector
from recsat.store.identity import plain_id
from recsat.store.layout import Layout
from recsat.store.leases import FileLeases
from recsat.store.opened import Opened
from recsat.store.payload import payload_batches
from recsat.store.port import DEFAULT_BATCH, Advance, CollectionShape, FieldType, Nearest, PointId, ScrollPage

logger = logging.getLogger(__name__)


class EdgeStore(Opened):
    """``with EdgeStore(".recsat/store") as store: …``; one process at a time for each directory, others wait up to ``wait_s``.

    The engine's write-ahead log is on: what was acknowledged survives ``kill -9``; :meth:`flush` guards against power loss.
    A graph (HNSW, ``hnsw_m`` links, ``hnsw_ef_construct`` wide) is built where the vectors of a collection take more than
    ``indexing_threshold_kb``; below, search is exact. Safe from several threads, though they take turns.
    """

    def __init__(
        self,
        directory: str | Path,
        *,
        tenant: str = "default",
        wait_s: float = 0.0,
        indexing_threshold_kb: int = 10_000,
        hnsw_m: int = 16,
        hnsw_ef_construct: int = 100,
        layout: Layout | None = None,
    ) -> None:
        self.directory = Path(directory)
        self.place = str(directory)
        self.tenant = tenant
        self.wait_s = wait_s
        self.leases = FileLeases(self.directory)
        graph = edge.HnswIndexConfig(hnsw_m, hnsw_ef_construct, indexing_threshold_kb)
        self.layout = layout or Layout()
        self._shards = EdgeShards(self.directory, graph, indexing_threshold_kb, self.layout)
        self._lock = threading.RLock()
        self._closed = False
        # The system lets go of it when the process dies, however it dies.
        self._process_lock = FileLock(self.directory / "lock", thread_local=False)
        self._hold()

    def _hold(self) -> None:
        """Has the directory for this process from here on; waits where another has it."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            try:
                self._process_lock.acquire(timeout=0)
            except Timeout:
                if self.wait_s:
                    holder = edge_folder.holder(self.directory)
                    logger.warning("%s: waiting up to %g s for process %s", self.directory, self.wait_s, holder)
                self._process_lock.acquire(timeout=self.wait_s)
            (self.directory / "holder").write_text(f"{os.getpid()}\n")
        except Timeout as error:
            waited = f" after {self.wait_s:g} s" if self.wait_s else ""
            raise StoreError(
                f"{self.directory}: the store is open already, in process {edge_folder.holder(self.directory)}{waited} (this is process "
                f"{os.getpid()}). One process may use a directory at a time: close it there, raise store.wait_s, choose another directory, or use a "
                "server (store.backend = server).",
                transient=True,
            ) from error
        except OSError as error:
            raise StoreError(
                f"{self.directory}: the store cannot be opened ({error}). Choose a writable directory."
            ) from error
        edge_folder.sweep(self.directory)

    def ensure_collection(
        self,
        name: str,
        vectors: Mapping[str, int],
        *,
        payload_indexes: Mapping[str, FieldType] | None = None,
        distance: models.Distance = models.Distance.DOT,
        metadata: Mapping[str, Any] | None = None,
    ) -> bool:
        shape = checks.requested_shape(name, vectors, payload_indexes, distance)
        with self._lock, self._shards.refusals(name):
            known = self.aliases().get(name, name)
            if known not in self.collections():
                edge_folder.require_room(self.directory, 0, 0)
                self._shards.create(name, shape, metadata)
                return True
            collection = self._collection(known)
            checks.check_same_shape(known, collection.shape, shape)
            new = {f: t for f, t in shape.payload_indexes.items() if f not in collection.shape.payload_indexes}
            with collection.lock:
                index_fields(collection.shard, new)
            indexes = {**collection.shape.payload_indexes, **new}
            collection.shape = CollectionShape(collection.shape.vectors, collection.shape.distance, indexes)
            edge_folder.write_shape(self.directory / known, collection.shape)
            return False

    def metadata(self, name: str) -> dict[str, Any]:
        with self._lock:
            return edge_folder.read_metadata(self.directory, self._real(name))

    def set_metadata(self, name: str, metadata: Mapping[str, Any]) -> None:
        with self._lock:
            real = self._real(name)
            merged = {**edge_folder.read_metadata(self.directory, real), **metadata}
            edge_folder.write_metadata(self.directory / real, merged)

    def copy_collection(self, source: str, name: str) -> bool:
        checks.check_name(name)
        with self._lock:
            real = self._real(source)
            if name in self.collections():
                raise StoreError(f"collection {name!r} in {self.directory}: there is one already. Drop it first.")
            self._shards.copy(real, name)
        return True

    def shape(self, name: str) -> CollectionShape:
        return self._collection(name).shape

    def collections(self) -> list[str]:
        self._check_open()
        return edge_folder.collection_names(self.directory)

    def aliases(self) -> dict[str, str]:
        self._check_open()
        return edge_folder.read_aliases(self.directory)

    def swap_alias(self, alias: str, collection: str) -> None:
        checks.check_name(alias, "alias")
        with self._lock:
            checks.check_alias(alias, collection, self.collections())
            edge_folder.write_aliases(self.directory, {**self.aliases(), alias: collection})

    def drop_collection(self, name: str) -> bool:
        with self._lock, self._shards.refusals(name):
            if name not in self.collections():
                return False
            aliases = self.aliases()
            others = {alias: target for alias, target in aliases.items() if target != name}
            if others != aliases:
                edge_folder.write_aliases(self.directory, others)
            self._shards.drop(name)
            return True

    def build(self, name: str) -> None:
        self._collection(name)
        self._shards.build(self.aliases().get(name, name))

    def flush(self) -> None:
        self._shards.flush()

    def rest(self) -> None:
        with self._lock:
            if not self._process_lock.is_locked:
                return
            try:
                self._shards.close()
            finally:
                self._process_lock.release()

    def close(self) -> None:
        with self._lock:
            if not self._closed:
                self._closed = True
                self.leases.close()
                self.rest()

    def upsert(
        self, name: str, points: Sequence[models.PointStruct], *, replace_where: models.Filter | None = None
    ) -> None:
        collection = self._collection(name)
        ids, columns, payloads = checks.check_points(points, f"collection {name!r}", collection.shape.vectors)
        edge_folder.require_room(self.directory, len(ids), sum(column.nbytes for column in columns.values()))
        self._write(name, collection, ids, columns, payloads, replace_where)

    def upsert_table(
        self,
        name: str,
        ids: Sequence[PointId],
        vectors: Mapping[str, NDArray[np.float32]],
        payload: pl.DataFrame,
        *,
        batch: int = DEFAULT_BATCH,
        advance: Advance | None = None,
    ) -> None:
        collection = self._collection(name)
        where = f"collection {name!r}"
        checks.check_batch_size(batch, where)
        points, columns = checks.check_table(ids, vectors, payload, where, collection.shape.vectors)
        n_bytes = sum(column.nbytes for column in columns.values()) + int(payload.estimated_size())
        edge_folder.require_room(self.directory, len(points), n_bytes)
        start = 0
        for payloads in payload_batches(payload, len(points), batch):
            rows = slice(start, start + len(payloads))
            self._write(name, collection, points[rows], {v: m[rows] for v, m in columns.items()}, payloads)
            start += len(payloads)
            if advance is not None:
                advance(len(payloads))

    def _write(
        self,
        name: str,
        collection: OpenCollection,
        ids: Sequence[int | str],
        columns: Mapping[str, NDArray[np.float32]],
        payloads: Sequence[dict[str, Any]],
        replace_where: models.Filter | None = None,
    ) -> None:
        names = list(columns)
        rows = zip(*(columns[v].tolist() for v in names), strict=True)  # the engine reads lists faster than arrays
        points = [
            edge.Point(point, dict(zip(names, row, strict=True)), payload)
            for point, row, payload in zip(ids, rows, payloads, strict=True)
        ]
        with collection.lock, self._shards.refusals(name):
            collection.shard.update(edge.UpdateOperation.upsert_points(points, edge_filter(replace_where)))

    def delete(self, name: str, which: Sequence[PointId] | models.Filter) -> None:
        collection = self._collection(name)
        with collection.lock, self._shards.refusals(name):
            if isinstance(which, models.Filter):
                collection.shard.update(edge.UpdateOperation.delete_points_by_filter(edge_filter(which)))
            elif len(which):
                ids: list[Any] = [checks.normal_id(i, f"collection {name!r}") for i in which]
                collection.shard.update(edge.UpdateOperation.delete_points(ids))

    def count(self, name: str, where: models.Filter | None = None) -> int:
        collection = self._collection(name)
        with collection.lock, self._shards.refusals(name):
            return int(collection.shard.count(edge.CountRequest(filter=edge_filter(where))))

    def retrieve(
        self, name: str, ids: Sequence[PointId], *, with_payload: bool = True, with_vectors: bool = False
    ) -> list[models.Record]:
        collection = self._collection(name)
        point_ids = [checks.normal_id(i, f"collection {name!r}") for i in ids]
        with collection.lock, self._shards.refusals(name):
            points = collection.shard.retrieve(point_ids, with_payload, with_vectors) if point_ids else []
        records = {record.id: record for record in map(_record, points)}
        return [records[i] for i in point_ids if i in records]

    def scroll(
        self,
        name: str,
        *,
        where: models.Filter | None = None,
        limit: int = DEFAULT_BATCH,
        offset: PointId | None = None,
        with_payload: bool | Sequence[str] = True,
        with_vectors: bool = False,
    ) -> ScrollPage:
        collection = self._collection(name)
        start = None if offset is None else checks.normal_id(offset, f"collection {name!r}")
        fields = with_payload if isinstance(with_payload, bool) else list(with_payload)
        request = edge.ScrollRequest(start, limit, edge_filter(where), fields, with_vectors)
        with collection.lock, self._shards.refusals(name):
            points, following = collection.shard.scroll(request)
        return ScrollPage([_record(r) for r in points], None if following is None else plain_id(following))

    def nearest(
        self,
        name: str,
        queries: Mapping[str, NDArray[np.float32]],
        limit: int,
        *,
        where: models.Filter | Sequence[models.Filter | None] | None = None,
        ef: int | None = None,
        exact: bool = False,
    ) -> dict[str, Nearest]:
        collection = self._collection(name)
        rows, n = checks.check_queries(queries, limit, f"collection {name!r}", collection.shape.vectors)
        wheres = checks.filter_rows(where, n, f"collection {name!r}")
        small = edge.QuantizationSearchParams(ignore=exact, rescore=True, oversampling=self.layout.oversampling)
        quantization = small if self.layout.quantisation == "int8" else None
        params = edge.SearchParams(hnsw_ef=ef, exact=exact, quantization=quantization)
        with collection.lock, self._shards.refusals(name):
            translated = [edge_filter(f) for f in wheres] if isinstance(wheres, list) else [edge_filter(wheres)] * n
            requests = [
                edge.QueryRequest(
                    limit=limit,
                    query=edge.Query.Nearest(row, using=vector),
                    with_payload=False,
                    with_vector=False,
                    filter=condition,
                    params=params,
                )
                for vector, part in rows.items()
                for row, condition in zip(part.tolist(), translated, strict=True)
            ]
            answers = collection.shard.query_batch(edge.QueryBatchRequest(requests)) if requests else []
        return by_vector(answers, list(rows), n, limit)

    def _collection(self, name: str) -> OpenCollection:
        with self._lock:
            real = self.aliases().get(name, name)
            return self._shards.collection(real if real in self._shards else self._real(name))

    def _real(self, name: str) -> str:
        """A collection's own name, from it or an alias."""
        real = self.aliases().get(name, name)
        if real not in self.collections():
            raise checks.no_collection(name, self.collections(), self.aliases(), str(self.directory))
        return real

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"{self.directory}: the store is closed. Open it again with open_store.")
        with self._lock:
            if not self._process_lock.is_locked:
                self._hold()


def _record(point: Any) -> models.Record:
    return models.Record.model_construct(id=plain_id(point.id), payload=point.payload, vector=point.vector)
