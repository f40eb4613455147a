"""What the port refuses before an engine sees it.

Engines differ here: the embedded engine stores NaN in silence, local mode takes ids that a server refuses, a server
answers with a status code. The port gives one message for each, wherever the points go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
import polars as pl
from numpy.typing import NDArray
from qdrant_client import models

from recsat.errors import StoreError
from recsat.store.port import MAX_BATCH, CollectionShape, FieldType, PointId

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")


def check_name(name: str, what: str = "collection") -> str:
    """A name that is safe as a folder and in a URL."""
    if not _NAME.fullmatch(name):
        raise StoreError(
            f"{what} {name!r}: not a usable name. Use letters, digits, '_', '-' and '.', at most 200, not starting with '.' or '-'."
        )
    return name


def requested_shape(
    name: str,
    vectors: Mapping[str, int],
    payload_indexes: Mapping[str, FieldType] | None,
    distance: models.Distance,
) -> CollectionShape:
    """The shape that a collection is asked to have; raises StoreError for a name or dimensions that no engine takes."""
    check_name(name)
    if not vectors:
        raise StoreError(f"collection {name!r}: no vectors. Give at least one name and its dimension.")
    for vector, dimension in vectors.items():
        if not vector or isinstance(dimension, bool) or not 1 <= dimension <= 65_536:
            raise StoreError(
                f"collection {name!r}, vector {vector!r}: dimension {dimension!r} is not possible. Use a name and 1 to 65536."
            )
    return CollectionShape(dict(vectors), distance, dict(payload_indexes or {}))


def normal_id(point: PointId, where: str) -> int | str:
    """The id as an int, or as a UUID in its canonical text; anything else is refused."""
    if isinstance(point, str):
        try:
            return str(UUID(point))
        except ValueError:
            pass
    elif isinstance(point, UUID):
        return str(point)
    elif isinstance(point, (int, np.integer)) and not isinstance(point, bool) and 0 <= point < 1 << 64:
        return int(point)
    raise StoreError(
        f"{where}: {point!r} is not a point id. Use an unsigned 64-bit integer or a UUID; recsat.store.point_id makes one."
    )


def check_batch_size(n: int, where: str, limit: int = MAX_BATCH) -> None:
    if not 1 <= n <= limit:
        raise StoreError(f"{where}: {n} points. Hand over 1 to {limit} at a time.")


def check_matrix(
    vectors: NDArray[Any], where: str, name: str, dimension: int, ids: Sequence[PointId] | None = None
) -> NDArray[np.float32]:
    """(n, dimension) finite float32; the message names the first bad row and its point."""
    if vectors.ndim != 2 or vectors.shape[1] != dimension:
        raise StoreError(
            f"{where}, vector {name!r}: shape {vectors.shape}, but the collection has dimension {dimension}. "
            "Use the encoder that the collection was made with, or publish under another alias."
        )
    single = np.ascontiguousarray(vectors, dtype=np.float32)
    bad = ~np.isfinite(single).all(axis=1)
    if bad.any():
        row = int(bad.argmax())
        column = int((~np.isfinite(single[row])).argmax())
        point = f", point {ids[row]}" if ids is not None else ""
        raise StoreError(
            f"{where}, vector {name!r}, row {row}{point}: value {single[row, column]} at place {column} is not finite. "
            "Mend or leave out this row; a zero vector often means an empty text."
        )
    return single


def check_points(
    points: Sequence[models.PointStruct], where: str, shape: Mapping[str, int]
) -> tuple[list[int | str], dict[str, NDArray[np.float32]], list[dict[str, Any]]]:
    """Points as columns: ids, one array for each vector, payloads. Every point must have every vector."""
    check_batch_size(len(points), where)
    ids = [normal_id(point.id, where) for point in points]
    for point in points:
        if not isinstance(point.vector, Mapping) or set(point.vector) != set(shape):
            has = sorted(point.vector) if isinstance(point.vector, Mapping) else "one vector without a name"
            raise StoreError(
                f"{where}, point {point.id}: has {has}, the collection has {sorted(shape)}. Name every vector."
            )
    columns: dict[str, NDArray[np.float32]] = {}
    for name, dimension in shape.items():
        rows: list[Any] = [point.vector[name] for point in points if isinstance(point.vector, Mapping)]
        for point, row in zip(points, rows, strict=True):
            if len(row) != dimension:
                raise StoreError(
                    f"{where}, point {point.id}, vector {name!r}: {len(row)} numbers, but the collection has dimension {dimension}. "
                    "Use the encoder that the collection was made with, or publish under another alias."
                )
        columns[name] = check_matrix(np.asarray(rows, dtype=np.float32), where, name, dimension, ids)
    return ids, columns, [dict(point.payload or {}) for point in points]


def check_table(
    ids: Sequence[PointId],
    vectors: Mapping[str, NDArray[np.float32]],
    payload: pl.DataFrame,
    where: str,
    shape: Mapping[str, int],
) -> tuple[list[int | str], dict[str, NDArray[np.float32]]]:
    """The table form: as many rows everywhere, all vectors of the collection and no other."""
    if set(vectors) != set(shape):
        raise StoreError(
            f"{where}: vectors {sorted(vectors)}, but the collection has {sorted(shape)}. Give exactly those."
        )
    n = len(ids)
    if n == 0:
        raise StoreError(f"{where}: no points. Hand over at least one.")
    if payload.height != n and payload.width:
        raise StoreError(f"{where}: {n} ids, but {payload.height} payload rows. Row i of both is one point.")
    for name, matrix in vectors.items():
        if len(matrix) != n:
            raise StoreError(
                f"{where}, vector {name!r}: {n} ids, but {len(matrix)} vectors. Row i of both is one point."
            )
    normal = [normal_id(point, f"{where}, row {row}") for row, point in enumerate(ids)]
    return normal, {name: check_matrix(vectors[name], where, name, shape[name], normal) for name in shape}


def check_queries(
    queries: Mapping[str, NDArray[Any]], limit: int, where: str, shape: Mapping[str, int]
) -> tuple[dict[str, NDArray[np.float32]], int]:
    """The queries by vector name, and how many rows each of them has."""
    unknown = sorted(set(queries) - set(shape))
    if unknown or not queries:
        what = f"no vector {unknown[0]!r}" if unknown else "queries for no vector"
        raise StoreError(f"{where}: {what}; the collection has {sorted(shape)}. Use one of those.")
    if limit < 1:
        raise StoreError(f"{where}: limit {limit}. Ask for at least one point.")
    lengths = {name: len(rows) for name, rows in queries.items()}
    if len(set(lengths.values())) > 1:
        raise StoreError(f"{where}: as many queries for every vector are needed, but there are {lengths}.")
    rows = {name: check_matrix(part, f"{where}, queries", name, shape[name]) for name, part in queries.items()}
    return rows, next(iter(lengths.values()))


def filter_rows(
    where: models.Filter | Sequence[models.Filter | None] | None, n: int, place: str
) -> models.Filter | list[models.Filter | None] | None:
    """One filter for all rows stays one; a sequence must have a filter (or None) for each row."""
    if where is None or isinstance(where, models.Filter):
        return where
    if len(where) != n:
        raise StoreError(
            f"{place}: {n} queries, but {len(where)} filters. Give one filter for all, or one for each query."
        )
    return list(where)


def check_same_shape(name: str, stored: CollectionShape, requested: CollectionShape) -> None:
    if dict(stored.vectors) != dict(requested.vectors) or stored.distance != requested.distance:
        raise StoreError(
            f"collection {name!r}: has vectors {dict(stored.vectors)} ({stored.distance.value}), but {dict(requested.vectors)} "
            f"({requested.distance.value}) are asked for. Drop it, or publish under a new name."
        )
    for field, kind in requested.payload_indexes.items():
        if stored.payload_indexes.get(field, kind) != kind:
            raise StoreError(
                f"collection {name!r}: payload field {field!r} is indexed as {stored.payload_indexes[field]}, but {kind} is asked for. "
                "Publish under a new name."
            )


def check_alias(alias: str, collection: str, collections: Sequence[str]) -> None:
    if alias in collections:
        raise StoreError(
            f"alias {alias!r}: a collection has this name already. Choose another alias, or drop the collection."
        )
    if collection not in collections:
        raise StoreError(
            f"alias {alias!r}: there is no collection {collection!r}; there are {list(collections)}. Make it first."
        )


def no_collection(name: str, collections: Sequence[str], aliases: Mapping[str, str], place: str) -> StoreError:
    return StoreError(
        f"{place}: no collection or alias {name!r}; there are collections {list(collections)} and aliases {dict(aliases)}. "
        "Publish first, or check the name."
    )
