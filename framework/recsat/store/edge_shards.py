"""The shards of an embedded store's collections: made, loaded when first used, built in a child process, closed."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import qdrant_edge as edge
from qdrant_client import models

from recsat.errors import DiskFull, StoreError, says_no_room
from recsat.store import edge_build, edge_folder
from recsat.store.layout import Layout
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


class EdgeShards:
    """The collections of one directory by their own names, never by an alias. Safe from several threads."""

    def __init__(self, directory: Path, graph: Any, threshold_kb: int, layout: Layout) -> None:
        self._directory = directory
        self._graph = graph
        self._threshold_kb = threshold_kb
        self._layout = layout
        self._open: dict[str, OpenCollection] = {}
        self._lock = threading.RLock()

    def __contains__(self, name: str) -> bool:
        """Whether it is open."""
        return name in self._open

    def create(self, name: str, shape: CollectionShape, metadata: Mapping[str, Any] | None = None) -> None:
        """Makes an empty collection; it has its name when it is whole."""
        hidden = edge_folder.new_folder(self._directory, name, shape, metadata)
        parameters = {
            v: edge.EdgeVectorParams(size=d, distance=_DISTANCES[shape.distance], on_disk=self._layout.on_disk or None)
            for v, d in shape.vectors.items()
        }
        int8 = edge.ScalarQuantizationConfig(edge.ScalarType.Int8, always_ram=True)
        optimizers = edge.EdgeOptimizersConfig(indexing_threshold=self._threshold_kb, default_segment_number=1)
        config = edge.EdgeConfig(
            vectors=parameters,
            hnsw_config=self._graph,
            quantization_config=int8 if self._layout.quantisation == "int8" else None,
            optimizers=optimizers,
        )
        shard = edge.EdgeShard.create(str(hidden / "shard"), config)
        try:
            index_fields(shard, shape.payload_indexes)
            shard.flush()
        finally:
            shard.close()
        edge_folder.reveal(hidden, self._directory, name)

    def collection(self, name: str) -> OpenCollection:
        """Loads it where it is not open yet; it must be there."""
        with self._lock:
            if name not in self._open:
                with self.refusals(name):
                    shard = edge.EdgeShard.load(str(edge_folder.shard_path(self._directory, name)))
                self._open[name] = OpenCollection(edge_folder.read_shape(self._directory, name), shard)
            return self._open[name]

    def copy(self, source: str, name: str) -> None:
        """Makes ``name`` a copy of ``source``; it has its name when it is whole."""
        collection = self.collection(source)
        with collection.lock, self.refusals(source):
            collection.shard.flush()
            collection.shard.close()
            try:
                hidden = edge_folder.copy_shard(self._directory, source, name, collection.shape)
            finally:
                collection.shard = edge.EdgeShard.load(str(edge_folder.shard_path(self._directory, source)))
        edge_folder.reveal(hidden, self._directory, name)

    def drop(self, name: str) -> None:
        """Closes it and removes its folder."""
        with self._lock:
            collection = self._open.pop(name, None)
            if collection is not None:
                with collection.lock:
                    collection.shard.close()
            edge_folder.remove(self._directory, name)

    def build(self, name: str) -> None:
        """Returns when its graphs are built."""
        collection = self.collection(name)
        with collection.lock, self.refusals(name):
            largest_kb = collection.shard.info().points_count * max(collection.shape.vectors.values()) * 4 / 1024
            if largest_kb <= self._threshold_kb:  # no graph is due: milliseconds
                collection.shard.optimize()
                return
            path = edge_folder.shard_path(self._directory, name)
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
                f"collection {name!r} in {self._directory}: the index build ended with status {child.returncode}: "
                f"{child.stderr.strip()[-500:]}. The points are safe; see that there is memory and disk, and build again."
            )

    def flush(self) -> None:
        with self._lock:
            opened = list(self._open.items())
        for name, collection in opened:  # without the lock over all: a build holds its collection's for minutes
            with collection.lock, self.refusals(name):
                collection.shard.flush()

    def close(self) -> None:
        with self._lock:
            try:
                for name, collection in self._open.items():
                    with collection.lock, self.refusals(name):
                        collection.shard.flush()
                        collection.shard.close()
            finally:
                self._open.clear()

    @contextmanager
    def refusals(self, name: str) -> Iterator[None]:
        """The engine raises bare Exception; it comes out as StoreError."""
        try:
            yield
        except (StoreError, DiskFull):
            raise
        except Exception as error:
            remedy = "Mend the request; if the files are damaged, drop the collection and publish again."
            if says_no_room(error):
                remedy = "Free some space, or raise the limit, and go on with the same run: what is there already is not sent again."
            raise StoreError(
                f"collection {name!r} in {self._directory}: the embedded engine refused: {error}. {remedy}"
            ) from error


def index_fields(shard: Any, fields: Mapping[str, FieldType]) -> None:
    """Makes an index for each payload field."""
    for name, kind in fields.items():
        shard.update(edge.UpdateOperation.create_field_index(name, _INDEXES[kind]))
