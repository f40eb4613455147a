"""The embedded engine's collections: making, finding, building and closing them, and their aliases."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import qdrant_edge as edge
from qdrant_client import models

from recsat.errors import StoreError
from recsat.store import checks, edge_build, edge_folder
from recsat.store.directory_lock import DirectoryLock
from recsat.store.port import CollectionShape, FieldType

_DISTANCES = {
    models.Distance.DOT: edge.Distance.Dot,
    models.Distance.COSINE: edge.Distance.Cosine,
    models.Distance.EUCLID: edge.Distance.Euclid,
    models.Distance.MANHATTAN: edge.Distance.Manhattan,
}
_INDEXES = {
    "keyword": edge.PayloadSchemaType.Keyword,
    "integer": edge.PayloadSchemaType.Integer,
    "float": edge.PayloadSchemaType.Float,
    "bool": edge.PayloadSchemaType.Bool,
    "datetime": edge.PayloadSchemaType.Datetime,
}


@dataclass
class OpenCollection:
    """A loaded shard; ``lock`` is held by whoever uses it, because a build closes it for a while."""

    shape: CollectionShape
    shard: Any
    lock: threading.RLock = field(default_factory=threading.RLock)


class EdgeCollections:
    """The half of :class:`recsat.store.EdgeStore` that looks after folders and shards; the other half fills and searches them."""

    def __init__(
        self,
        directory: str | Path,
        *,
        indexing_threshold_kb: int = 10_000,
        hnsw_m: int = 16,
        hnsw_ef_construct: int = 100,
        int8_oversampling: float | None = None,
    ) -> None:
        if int8_oversampling is not None and int8_oversampling < 1:
            raise StoreError(f"{directory}: int8_oversampling is {int8_oversampling}; give at least 1, or None.")
        self.directory = Path(directory)
        self._int8_oversampling = int8_oversampling
        self._graph = edge.HnswIndexConfig(hnsw_m, hnsw_ef_construct, indexing_threshold_kb)
        self._threshold = indexing_threshold_kb
        self._open: dict[str, OpenCollection] = {}
        self._lock = threading.RLock()
        self._closed = False
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._held = DirectoryLock(self.directory)
        except OSError as error:
            raise StoreError(
                f"{self.directory}: the store cannot be opened ({error}). Choose a writable directory."
            ) from error
        edge_folder.sweep(self.directory)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.directory)!r})"

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
        wanted = CollectionShape(dict(vectors), distance, dict(payload_indexes or {}))
        with self._lock, self._refusals(name):
            self._check_open()
            known = self.aliases().get(name, name)
            made = known not in self.collections()
            if made:
                self._create(name, wanted)
                return True
            collection = self._collection(known)
            checks.check_same_shape(known, collection.shape, wanted)
            new = {f: t for f, t in wanted.payload_indexes.items() if f not in collection.shape.payload_indexes}
            with collection.lock:
                self._index_fields(collection.shard, new)
            indexes = {**collection.shape.payload_indexes, **new}
            collection.shape = CollectionShape(collection.shape.vectors, collection.shape.distance, indexes)
            edge_folder.write_shape(self.directory / known, collection.shape)
            return False

    def _create(self, name: str, shape: CollectionShape) -> None:
        hidden = edge_folder.new_folder(self.directory, name, shape)
        parameters = {
            v: edge.EdgeVectorParams(size=d, distance=_DISTANCES[shape.distance]) for v, d in shape.vectors.items()
        }
        optimizers = edge.EdgeOptimizersConfig(indexing_threshold=self._threshold, default_segment_number=1)
        int8 = None
        if self._int8_oversampling is not None:
            int8 = edge.ScalarQuantizationConfig(edge.ScalarType.Int8, quantile=0.99, memory=edge.Memory.Pinned)
        config = edge.EdgeConfig(
            vectors=parameters, hnsw_config=self._graph, optimizers=optimizers, quantization_config=int8
        )
        shard = edge.EdgeShard.create(str(hidden / "shard"), config)
        try:
            self._index_fields(shard, shape.payload_indexes)
            shard.flush()
        finally:
            shard.close()
        edge_folder.reveal(hidden, self.directory, name)

    @staticmethod
    def _index_fields(shard: Any, fields: Mapping[str, FieldType]) -> None:
        for name, kind in fields.items():
            shard.update(edge.UpdateOperation.create_field_index(name, _INDEXES[kind]))

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
        with self._lock, self._refusals(name):
            if name not in self.collections():
                return False
            aliases = self.aliases()
            kept = {alias: target for alias, target in aliases.items() if target != name}
            if kept != aliases:
                edge_folder.write_aliases(self.directory, kept)
            collection = self._open.pop(name, None)
            if collection is not None:
                with collection.lock:
                    collection.shard.close()
            edge_folder.remove(self.directory, name)
            return True

    def build(self, name: str) -> None:
        collection = self._collection(name)
        real = self.aliases().get(name, name)
        with collection.lock, self._refusals(name):
            largest_kb = collection.shard.info().points_count * max(collection.shape.vectors.values()) * 4 / 1024
            if largest_kb <= self._threshold:  # no graph is due: milliseconds
                collection.shard.optimize()
                return
            path = edge_folder.shard_path(self.directory, real)
            collection.shard.flush()
            collection.shard.close()
            try:
                child = subprocess.run(
                    [sys.executable, "-P", edge_build.__file__, str(path)], capture_output=True, text=True, check=False
                )
            finally:
                collection.shard = edge.EdgeShard.load(str(path))
        if child.returncode:
            raise StoreError(
                f"collection {real!r} in {self.directory}: the index build ended with status {child.returncode}: "
                f"{child.stderr.strip()[-500:]}. The points are safe; see that there is memory and disk, and build again."
            )

    def flush(self) -> None:
        with self._lock:
            opened = list(self._open.items())
        for name, collection in opened:  # without the store's lock: a build holds its collection's for minutes
            with collection.lock, self._refusals(name):
                collection.shard.flush()

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
            try:
                for name, collection in self._open.items():
                    with collection.lock, self._refusals(name):
                        collection.shard.flush()
                        collection.shard.close()
            finally:
                self._open.clear()
                self._held.release()

    def _collection(self, name: str) -> OpenCollection:
        with self._lock:
            real = self.aliases().get(name, name)
            if real not in self._open:
                if real not in self.collections():
                    raise checks.no_collection(name, self.collections(), self.aliases(), str(self.directory))
                with self._refusals(name):
                    shard = edge.EdgeShard.load(str(edge_folder.shard_path(self.directory, real)))
                self._open[real] = OpenCollection(edge_folder.read_shape(self.directory, real), shard)
            return self._open[real]

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"{self.directory}: the store is closed. Open it again with open_store.")

    @contextmanager
    def _refusals(self, name: str) -> Iterator[None]:
        """The engine raises bare Exception; it comes out as StoreError."""
        try:
            yield
        except StoreError:
            raise
        except Exception as error:
            raise StoreError(
                f"collection {name!r} in {self.directory}: the embedded engine refused: {error}. "
                "Mend the request; if the files are damaged, drop the collection and publish again."
            ) from error
