"""A Qdrant server or cluster through qdrant-client, and the client's in-memory mode for tiny tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse
from qdrant_client.local.qdrant_local import QdrantLocal

from recsat.errors import StoreError
from recsat.store import checks
from recsat.store.hits import by_vector
from recsat.store.identity import plain_id
from recsat.store.payload import payload_batches
from recsat.store.port import DEFAULT_BATCH, Advance, CollectionShape, FieldType, Nearest, PointId, ScrollPage
from recsat.store.remote_errors import advice, without_credentials

BUILD_TIMEOUT_S = 3600.0


class QdrantStore:
    """The port over a :class:`qdrant_client.QdrantClient`, which it owns and closes.

    ``QdrantStore(QdrantClient(":memory:"), "memory")`` is exact search in numpy: for tests and a few thousand points. Calls
    take turns, because the in-memory client is not safe from several threads.
    """

    def __init__(self, client: QdrantClient, place: str = "qdrant") -> None:
        self._client = client
        self._place = without_credentials(place)
        self._lock = threading.RLock()
        self._shapes: dict[str, CollectionShape] = {}
        self._local = isinstance(client._client, QdrantLocal)
        self._declared: dict[str, dict[str, FieldType]] = {}
        self._closed = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._place!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def ensure_collection(
        self,
        name: str,
        vectors: Mapping[str, int],
        *,
        payload_indexes: Mapping[str, FieldType] | None = None,
        distance: models.Distance = models.Distance.DOT,
    ) -> bool:
        checks.check_name(name)
        checks.check_shape(name, vectors)
        shape = CollectionShape(dict(vectors), distance, dict(payload_indexes or {}))
        with self._calls(name):
            name = self.aliases().get(name, name)
            if is_new := not self._client.collection_exists(name):
                self._client.create_collection(
                    name,
                    vectors_config={v: models.VectorParams(size=d, distance=distance) for v, d in vectors.items()},
                )
                indexed: Mapping[str, FieldType] = {}
            else:
                stored = self._read_shape(name)
                checks.check_same_shape(name, stored, shape)
                indexed = stored.payload_indexes
            new = {f: t for f, t in shape.payload_indexes.items() if f not in indexed}
            if self._local:  # has no indexes; the declared ones are remembered, so that the port looks the same
                self._declared[name] = {**self._declared.get(name, {}), **new}
            else:
                for field, kind in new.items():
                    self._client.create_payload_index(name, field, models.PayloadSchemaType(kind), wait=True)
            self._shapes.pop(name, None)
            return is_new

    def shape(self, name: str) -> CollectionShape:
        with self._calls(name):
            return self._read_shape(name)

    def _read_shape(self, name: str) -> CollectionShape:
        info = self._client.get_collection(name)
        vectors = info.config.params.vectors
        if not isinstance(vectors, dict):
            raise StoreError(
                f"collection {name!r} at {self._place}: its vector has no name. Publish one made by recsat."
            )
        indexes: Any = {f: i.data_type.value for f, i in info.payload_schema.items()}
        if self._local:
            indexes = self._declared.get(self.aliases().get(name, name), {})
        distance = next(iter(vectors.values())).distance
        shape = CollectionShape({v: p.size for v, p in vectors.items()}, distance, dict(indexes))
        self._shapes[name] = shape
        return shape

    def _dimensions(self, name: str) -> Mapping[str, int]:
        """Remembered, because every upsert and query needs it.

        Another client may have moved an alias since; then the server refuses what does not fit the new collection.
        """
        return (self._shapes.get(name) or self._read_shape(name)).vectors

    def collections(self) -> list[str]:
        with self._calls("*"):
            return sorted(c.name for c in self._client.get_collections().collections)

    def aliases(self) -> dict[str, str]:
        with self._calls("*"):
            return {a.alias_name: a.collection_name for a in self._client.get_aliases().aliases}

    def swap_alias(self, alias: str, collection: str) -> None:
        checks.check_name(alias, "alias")
        with self._calls(alias):
            checks.check_alias(alias, collection, self.collections())
            create = models.CreateAlias(collection_name=collection, alias_name=alias)
            steps: list[Any] = [models.CreateAliasOperation(create_alias=create)]
            if alias in self.aliases():
                steps.insert(0, models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias)))
            self._client.update_collection_aliases(change_aliases_operations=steps)
            self._shapes.pop(alias, None)

    def drop_collection(self, name: str) -> bool:
        with self._calls(name):
            if name not in self.collections():
                return False
            self._client.delete_collection(name)
            self._declared.pop(name, None)
            self._shapes.clear()
            return True

    def build(self, name: str) -> None:
        until = time.monotonic() + BUILD_TIMEOUT_S
        pause = 0.05
        while True:
            with self._calls(name):
                status = self._client.get_collection(name).status
            if status == models.CollectionStatus.GREEN:
                return
            if status == models.CollectionStatus.RED or time.monotonic() > until:
                raise StoreError(
                    f"collection {name!r} at {self._place}: not built, its status is {status.value}. Look at the server's log."
                )
            time.sleep(pause)
            pause = min(2 * pause, 2.0)

    def flush(self) -> None:
        """Nothing to do: the server has its own log, and every write waited for it."""

    def close(self) -> None:
        with self._lock:
            if not self._closed:
                self._closed = True
                self._client.close()

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
        point_ids = [checks.normal_id(i, f"collection {name!r}") for i in ids]
        with self._calls(name):
            points = self._client.retrieve(name, point_ids, with_payload=with_payload, with_vectors=with_vectors)
        records = {plain_id(record.id): record for record in points}
        return [records[i] for i in point_ids if i in records]

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
            answers = self._client.query_batch_points(name, requests=requests) if requests else []
        return by_vector([answer.points for answer in answers], list(rows), n, limit)

    @contextmanager
    def _calls(self, name: str) -> Iterator[None]:
        """One call at a time; whatever the client raises comes out as StoreError, without headers or keys."""
        with self._lock:
            if self._closed:
                raise StoreError(f"{self._place}: the store is closed. Open it again with open_store.")
            try:
                yield
            except StoreError:
                raise
            except UnexpectedResponse as error:
                raise StoreError(f"collection {name!r} at {self._place}: {advice(error)}") from error
            except Exception as error:
                raise StoreError(
                    f"collection {name!r} at {self._place}: {error}. See that the server runs and can be reached, and that the name is right."
                ) from error
