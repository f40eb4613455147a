"""The embedded store: Qdrant's own engine in this process, a directory on disk. The default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import qdrant_edge as edge
from numpy.typing import NDArray
from qdrant_client import models

from recsat.errors import StoreError
from recsat.store import checks
from recsat.store.edge_collections import EdgeCollections, OpenCollection
from recsat.store.edge_filters import edge_filter
from recsat.store.edge_queries import edge_request
from recsat.store.hits import by_vector
from recsat.store.identity import plain_id
from recsat.store.payload import payload_batches
from recsat.store.port import DEFAULT_BATCH, Advance, Nearest, PointId, ScrollPage


class EdgeStore(EdgeCollections):
    """``with EdgeStore(".recsat/store") as store: …``; one process for each directory.

    The engine's write-ahead log is on: what was acknowledged survives ``kill -9``; :meth:`flush` guards against power loss.
    A graph (HNSW, ``hnsw_m`` links, ``hnsw_ef_construct`` wide) is built where the vectors of a collection take more than
    ``indexing_threshold_kb``; below, search is exact. With ``int8_oversampling``, collections made from then on search int8
    copies of the vectors where they have a graph, and score that many times as many hits exactly. Safe from several threads, though they take turns.
    """

    def upsert(self, name: str, points: Sequence[models.PointStruct]) -> None:
        collection = self._collection(name)
        ids, columns, payloads = checks.check_points(points, f"collection {name!r}", collection.shape.vectors)
        self._write(name, collection, ids, columns, payloads)

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
    ) -> None:
        names = list(columns)
        rows = zip(*(columns[v].tolist() for v in names), strict=True)  # the engine reads lists faster than arrays
        points = [
            edge.Point(point, dict(zip(names, row, strict=True)), payload)
            for point, row, payload in zip(ids, rows, payloads, strict=True)
        ]
        with collection.lock, self._refusals(name):
            collection.shard.update(edge.UpdateOperation.upsert_points(points))

    def delete(self, name: str, which: Sequence[PointId] | models.Filter) -> None:
        collection = self._collection(name)
        with collection.lock, self._refusals(name):
            if isinstance(which, models.Filter):
                collection.shard.update(edge.UpdateOperation.delete_points_by_filter(edge_filter(which)))
            elif len(which):
                ids: list[Any] = [checks.normal_id(i, f"collection {name!r}") for i in which]
                collection.shard.update(edge.UpdateOperation.delete_points(ids))

    def count(self, name: str, where: models.Filter | None = None) -> int:
        collection = self._collection(name)
        with collection.lock, self._refusals(name):
            return int(collection.shard.count(edge.CountRequest(filter=edge_filter(where))))

    def retrieve(
        self, name: str, ids: Sequence[PointId], *, with_payload: bool = True, with_vectors: bool = False
    ) -> list[models.Record]:
        collection = self._collection(name)
        wanted = [checks.normal_id(i, f"collection {name!r}") for i in ids]
        with collection.lock, self._refusals(name):
            found = collection.shard.retrieve(wanted, with_payload, with_vectors) if wanted else []
        records = {record.id: record for record in map(_record, found)}
        return [records[i] for i in wanted if i in records]

    def scroll(
        self,
        name: str,
        *,
        where: models.Filter | None = None,
        limit: int = DEFAULT_BATCH,
        offset: PointId | None = None,
        with_payload: bool = True,
        with_vectors: bool = False,
    ) -> ScrollPage:
        collection = self._collection(name)
        start = None if offset is None else checks.normal_id(offset, f"collection {name!r}")
        request = edge.ScrollRequest(start, limit, edge_filter(where), with_payload, with_vectors)
        with collection.lock, self._refusals(name):
            found, following = collection.shard.scroll(request)
        return ScrollPage([_record(r) for r in found], None if following is None else plain_id(following))

    def query_batch(self, name: str, requests: Sequence[models.QueryRequest]) -> list[list[models.ScoredPoint]]:
        collection = self._collection(name)

        def lookup(point: PointId, using: str) -> list[float]:
            found = collection.shard.retrieve([checks.normal_id(point, f"collection {name!r}")], False, [using])
            if not found:
                raise StoreError(
                    f"collection {name!r}: no point {point}. Query by the id of a stored point, or by a vector."
                )
            return list(found[0].vector[using])

        with collection.lock, self._refusals(name):
            translated = [edge_request(request, lookup) for request in requests]
            answers = collection.shard.query_batch(edge.QueryBatchRequest(translated)) if translated else []
        return [
            [
                models.ScoredPoint.model_construct(
                    id=plain_id(hit.id), version=hit.version, score=hit.score, payload=hit.payload, vector=hit.vector
                )
                for hit in hits
            ]
            for hits in answers
        ]

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
        int8 = None
        if self._int8_oversampling is not None:
            int8 = edge.QuantizationSearchParams(rescore=True, oversampling=self._int8_oversampling)
        params = edge.SearchParams(hnsw_ef=ef, exact=exact, quantization=int8)
        with collection.lock, self._refusals(name):
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


def _record(found: Any) -> models.Record:
    return models.Record.model_construct(id=plain_id(found.id), payload=found.payload, vector=found.vector)
