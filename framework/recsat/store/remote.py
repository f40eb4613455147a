"""A Qdrant server or cluster through qdrant-client, and the client's in-memory mode for tiny tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from qdrant_client import models

from recsat.store import checks
from recsat.store.hits import by_vector
from recsat.store.identity import plain_id
from recsat.store.payload import payload_batches
from recsat.store.port import DEFAULT_BATCH, Advance, Nearest, PointId, ScrollPage
from recsat.store.remote_collections import QdrantCollections


class QdrantStore(QdrantCollections):
    """The port over a :class:`qdrant_client.QdrantClient`, which it owns and closes.

    ``QdrantStore(QdrantClient(":memory:"), "memory")`` is exact search in numpy: for tests and a few thousand points. Calls
    take turns, because the in-memory client is not safe from several threads.
    """

    def upsert(self, name: str, points: Sequence[models.PointStruct]) -> None:
        with self._calls(name):
            ids, columns, payloads = checks.check_points(points, f"collection {name!r}", self._dimensions(name))
            self._write(name, ids, columns, payloads)

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
        where = f"collection {name!r}"
        checks.check_batch_size(batch, where)
        with self._calls(name):
            points, columns = checks.check_table(ids, vectors, payload, where, self._dimensions(name))
        start = 0
        for payloads in payload_batches(payload, len(points), batch):
            rows = slice(start, start + len(payloads))
            with self._calls(name):
                self._write(name, points[rows], {v: m[rows] for v, m in columns.items()}, payloads)
            start += len(payloads)
            if advance is not None:
                advance(len(payloads))

    def _write(
        self,
        name: str,
        ids: Sequence[int | str],
        columns: Mapping[str, NDArray[np.float32]],
        payloads: Sequence[dict[str, Any]],
    ) -> None:
        # model_construct: the port has checked every number, and pydantic would look at each of them again.
        batch = models.Batch.model_construct(
            ids=list(ids), vectors={v: m.tolist() for v, m in columns.items()}, payloads=list(payloads)
        )
        self._client.upsert(name, points=batch, wait=True)

    def delete(self, name: str, which: Sequence[PointId] | models.Filter) -> None:
        with self._calls(name):
            if isinstance(which, models.Filter):
                self._client.delete(name, points_selector=models.FilterSelector(filter=which), wait=True)
            elif len(which):
                ids = [checks.normal_id(i, f"collection {name!r}") for i in which]
                self._client.delete(name, points_selector=models.PointIdsList(points=list(ids)), wait=True)

    def count(self, name: str, where: models.Filter | None = None) -> int:
        with self._calls(name):
            return self._client.count(name, count_filter=where, exact=True).count

    def retrieve(
        self, name: str, ids: Sequence[PointId], *, with_payload: bool = True, with_vectors: bool = False
    ) -> list[models.Record]:
        wanted = [checks.normal_id(i, f"collection {name!r}") for i in ids]
        with self._calls(name):
            found = self._client.retrieve(name, wanted, with_payload=with_payload, with_vectors=with_vectors)
        records = {plain_id(record.id): record for record in found}
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
        with self._calls(name):
            records, following = self._client.scroll(
                name,
                scroll_filter=where,
                limit=limit,
                offset=None if offset is None else checks.normal_id(offset, f"collection {name!r}"),
                with_payload=with_payload,
                with_vectors=with_vectors,
            )
        return ScrollPage(records, None if following is None else plain_id(following))

    def query_batch(self, name: str, requests: Sequence[models.QueryRequest]) -> list[list[models.ScoredPoint]]:
        if not requests:
            return []
        with self._calls(name):
            return [answer.points for answer in self._client.query_batch_points(name, requests=list(requests))]

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
        with self._calls(name):
            rows, n = checks.check_queries(queries, limit, f"collection {name!r}", self._dimensions(name))
            wheres = checks.filter_rows(where, n, f"collection {name!r}")
            params = None if self._local else models.SearchParams(hnsw_ef=ef, exact=exact)  # local mode is exact
            requests = [
                models.QueryRequest.model_construct(
                    query=row,
                    using=vector,
                    limit=limit,
                    filter=wheres[i] if isinstance(wheres, list) else wheres,
                    params=params,
                    with_payload=False,
                    with_vector=False,
                )
                for vector, part in rows.items()
                for i, row in enumerate(part.tolist())
            ]
            answers = self.query_batch(name, requests)
        return by_vector(answers, list(rows), n, limit)
