"""A Qdrant server or cluster through qdrant-client, and the client's in-memory mode for tiny tests."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

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
from recsat.store.layout import Layout
from recsat.store.leases import LocalLeases, RecordLeases
from recsat.store.opened import Opened
from recsat.store.payload import payload_batches
from recsat.store.port import DEFAULT_BATCH, Advance, CollectionShape, FieldType, Nearest, PointId, ScrollPage
from recsat.store.remote_errors import store_error, without_credentials

logger = logging.getLogger(__name__)

BUILD_TIMEOUT_S = 3600.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 30.0

Answer = TypeVar("Answer")


class QdrantStore(Opened):
    """The port over a :class:`qdrant_client.QdrantClient`, which it owns and closes.

    ``QdrantStore(QdrantClient(":memory:"), "memory")`` is exact search in numpy: for tests and a few thousand points. Calls
    take turns, because the in-memory client is not safe from several threads. A request that meets a fault that passes
    (:attr:`recsat.StoreError.transient`) is sent up to ``retries`` times more, after pauses that double from a quarter of a second, drawn
    from their upper half by ``seed``; where the server names a time, not before it.
    """

    def __init__(
        self,
        client: QdrantClient,
        place: str = "qdrant",
        *,
        tenant: str = "default",
        wait_s: float = 0.0,
        retries: int = 4,
        seed: int = 0,
        layout: Layout | None = None,
    ) -> None:
        self._client = client
        self.place = without_credentials(place)
        self.tenant = tenant
        self.wait_s = wait_s
        self.layout = layout or Layout()
        self._retries = retries
        self._random = random.Random(seed)
        self._lock = threading.RLock()
        self._shapes: dict[str, CollectionShape] = {}
        self._local = isinstance(client._client, QdrantLocal)
        self._declared: dict[str, dict[str, FieldType]] = {}
        self._closed = False
        self.leases: LocalLeases | RecordLeases = LocalLeases() if self._local else RecordLeases(self)

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

        def ensure() -> bool:
            real = self.aliases().get(name, name)
            indexed: Mapping[str, FieldType] = {}
            if not (is_new := self._is_created(real, shape, metadata)):
                stored = self._read_shape(real)
                checks.check_same_shape(real, stored, shape)
                indexed = stored.payload_indexes
            self._index(real, {f: t for f, t in shape.payload_indexes.items() if f not in indexed})
            self._shapes.pop(real, None)
            return is_new

        return self._request(name, ensure)

    def _is_created(self, name: str, shape: CollectionShape, metadata: Mapping[str, Any] | None) -> bool:
        """Makes the collection; False where it is there, also where another process made it in this moment or an answer was lost."""
        if self._client.collection_exists(name):
            return False
        try:
            self._create(name, shape, metadata)
        except UnexpectedResponse:
            if self._client.collection_exists(name):
                return False
            raise
        return True

    def _create(self, name: str, shape: CollectionShape, metadata: Mapping[str, Any] | None) -> None:
        on_disk = self.layout.on_disk or None
        int8 = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
        self._client.create_collection(
            name,
            vectors_config={
                v: models.VectorParams(size=d, distance=shape.distance, on_disk=on_disk)
                for v, d in shape.vectors.items()
            },
            quantization_config=models.ScalarQuantization(scalar=int8) if self.layout.quantisation == "int8" else None,
            metadata=dict(metadata) if metadata is not None else None,
        )

    def _index(self, name: str, fields: Mapping[str, FieldType]) -> None:
        if self._local:  # has no indexes; the declared ones are remembered, so that the port looks the same
            self._declared[name] = {**self._declared.get(name, {}), **fields}
            return
        for field, kind in fields.items():
            self._client.create_payload_index(name, field, models.PayloadSchemaType(kind), wait=True)

    def metadata(self, name: str) -> dict[str, Any]:
        return self._request(name, lambda: dict(self._client.get_collection(name).config.metadata or {}))

    def set_metadata(self, name: str, metadata: Mapping[str, Any]) -> None:
        real = self.aliases().get(name, name)
        self._request(name, lambda: self._client.update_collection(real, metadata=dict(metadata)))

    def copy_collection(self, source: str, name: str) -> bool:
        """By a snapshot that the server itself restores under the new name; a collection that lies on several nodes has no one snapshot."""
        checks.check_name(name)
        real = self.aliases().get(source, source)
        if self._local or self._request(real, lambda: self._client.collection_cluster_info(real)).remote_shards:
            return False
        snapshot = self._request(real, lambda: self._client.create_snapshot(real, wait=True))
        if snapshot is None:
            return False
        location = f"{self.place.rstrip('/')}/collections/{real}/snapshots/{snapshot.name}"
        key = os.environ.get("QDRANT_API_KEY") or None
        try:
            self._request(name, lambda: self._client.recover_snapshot(name, location, api_key=key, wait=True))
        except StoreError as error:
            if error.transient:
                raise
            logger.warning("%s is sent whole, because the server could not copy %s: %s", name, real, error)
            return False
        finally:
            self._request(real, lambda: self._client.delete_snapshot(real, snapshot.name))
        return True

    def shape(self, name: str) -> CollectionShape:
        return self._request(name, lambda: self._read_shape(name))

    def _read_shape(self, name: str) -> CollectionShape:
        info = self._client.get_collection(name)
        vectors = info.config.params.vectors
        if not isinstance(vectors, dict):
            raise StoreError(
                f"collection {name!r} at {self.place}: its vector has no name. Publish one made by recsat."
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
        return (self._shapes.get(name) or self.shape(name)).vectors

    def collections(self) -> list[str]:
        return self._request(None, lambda: sorted(c.name for c in self._client.get_collections().collections))

    def aliases(self) -> dict[str, str]:
        return self._request(
            None, lambda: {a.alias_name: a.collection_name for a in self._client.get_aliases().aliases}
        )

    def swap_alias(self, alias: str, collection: str) -> None:
        checks.check_name(alias, "alias")

        def swap() -> None:
            checks.check_alias(alias, collection, self.collections())
            create = models.CreateAlias(collection_name=collection, alias_name=alias)
            steps: list[Any] = [models.CreateAliasOperation(create_alias=create)]
            if alias in self.aliases():
                steps.insert(0, models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias)))
            self._client.update_collection_aliases(change_aliases_operations=steps)
            self._shapes.pop(alias, None)

        self._request(alias, swap)

    def drop_collection(self, name: str) -> bool:
        def drop() -> bool:
            if name not in self.collections():
                return False
            self._client.delete_collection(name)
            self._declared.pop(name, None)
            self._shapes.clear()
            return True

        return self._request(name, drop)

    def build(self, name: str) -> None:
        until = time.monotonic() + BUILD_TIMEOUT_S
        pause = 0.05
        while True:
            status = self._request(name, lambda: self._client.get_collection(name)).status
            if status == models.CollectionStatus.GREEN:
                return
            if status == models.CollectionStatus.RED or time.monotonic() > until:
                raise StoreError(
                    f"collection {name!r} at {self.place}: not built, its status is {status.value}. Look at the server's log."
                )
            time.sleep(pause)
            pause = min(2 * pause, 2.0)

    def flush(self) -> None:
        """Nothing to do: the server has its own log, and every write waited for it."""

    def rest(self) -> None:
        """Nothing to do: others can use the server at any time."""

    def close(self) -> None:
        if not self._closed:
            self.leases.close()
            with self._lock:
                self._closed = True
                self._client.close()

    def upsert(
        self, name: str, points: Sequence[models.PointStruct], *, replace_where: models.Filter | None = None
    ) -> None:
        dimensions = self._dimensions(name)
        ids, columns, payloads = checks.check_points(points, f"collection {name!r}", dimensions)
        self._write(name, ids, columns, payloads, replace_where)

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
        points, columns = checks.check_table(ids, vectors, payload, where, self._dimensions(name))
        start = 0
        for payloads in payload_batches(payload, len(points), batch):
            rows = slice(start, start + len(payloads))
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
        replace_where: models.Filter | None = None,
    ) -> None:
        # model_construct: the port has checked every number, and pydantic would look at each of them again.
        batch = models.Batch.model_construct(
            ids=list(ids), vectors={v: m.tolist() for v, m in columns.items()}, payloads=list(payloads)
        )
        self._request(name, lambda: self._client.upsert(name, points=batch, wait=True, update_filter=replace_where))

    def delete(self, name: str, which: Sequence[PointId] | models.Filter) -> None:
        selector: models.FilterSelector | models.PointIdsList
        if isinstance(which, models.Filter):
            selector = models.FilterSelector(filter=which)
        elif len(which):
            selector = models.PointIdsList(points=[checks.normal_id(i, f"collection {name!r}") for i in which])
        else:
            return
        self._request(name, lambda: self._client.delete(name, points_selector=selector, wait=True))

    def count(self, name: str, where: models.Filter | None = None) -> int:
        return self._request(name, lambda: self._client.count(name, count_filter=where, exact=True)).count

    def retrieve(
        self, name: str, ids: Sequence[PointId], *, with_payload: bool = True, with_vectors: bool = False
    ) -> list[models.Record]:
        point_ids = [checks.normal_id(i, f"collection {name!r}") for i in ids]
        points = self._request(
            name,
            lambda: self._client.retrieve(name, point_ids, with_payload=with_payload, with_vectors=with_vectors),
        )
        records = {plain_id(record.id): record for record in points}
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
        start = None if offset is None else checks.normal_id(offset, f"collection {name!r}")
        fields = with_payload if isinstance(with_payload, bool) else list(with_payload)
        records, following = self._request(
            name,
            lambda: self._client.scroll(
                name,
                scroll_filter=where,
                limit=limit,
                offset=start,
                with_payload=fields,
                with_vectors=with_vectors,
            ),
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
        rows, n = checks.check_queries(queries, limit, f"collection {name!r}", self._dimensions(name))
        wheres = checks.filter_rows(where, n, f"collection {name!r}")
        params = self._search_params(ef, exact)
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
        answers = (
            self._request(name, lambda: self._client.query_batch_points(name, requests=requests)) if requests else []
        )
        return by_vector([answer.points for answer in answers], list(rows), n, limit)

    def _search_params(self, ef: int | None, exact: bool) -> models.SearchParams | None:
        if self._local:  # is exact
            return None
        small = models.QuantizationSearchParams(ignore=exact, rescore=True, oversampling=self.layout.oversampling)
        quantization = small if self.layout.quantisation == "int8" else None
        return models.SearchParams(hnsw_ef=ef, exact=exact, quantization=quantization)

    def _request(self, name: str | None, request: Callable[[], Answer]) -> Answer:
        """One request at a time; faults that pass are waited for, others come out as StoreError, without headers or keys.

        Every request of the port may be sent twice: an answer that was lost does no harm.
        """
        where = self.place if name is None else f"collection {name!r} at {self.place}"
        attempt = 0
        while True:
            with self._lock:
                if self._closed:
                    raise StoreError(f"{self.place}: the store is closed. Open it again with open_store.")
                try:
                    return request()
                except StoreError:
                    raise  # of a request within this one, which was repeated already
                except Exception as error:
                    fault = store_error(error, where)
                    if not fault.transient or attempt == self._retries:
                        raise fault from error
            pause = self._pause(attempt, fault)
            logger.warning("%s; trying again in %.2g s", fault, pause)
            time.sleep(pause)
            attempt += 1

    def _pause(self, attempt: int, fault: StoreError) -> float:
        longest: float = min(FIRST_PAUSE_S * 2**attempt, LONGEST_PAUSE_S)
        return max(fault.retry_after or 0.0, self._random.uniform(0.5, 1.0) * longest)
