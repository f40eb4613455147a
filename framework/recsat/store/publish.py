"""Blue/green publishing: readers of an alias see the whole old collection or the whole new one, never a half."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.errors import StoreError
from recsat.store.exact import ExactIndex, recall
from recsat.store.identity import ItemIndex
from recsat.store.payload import json_payload
from recsat.store.port import DEFAULT_BATCH, Advance, FieldType, PointId, VectorStore
from recsat.store.search import search

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Published:
    """What :func:`publish` did. ``recall`` is that of the worst vector against exact search; None where nothing was built."""

    alias: str
    collection: str
    n_points: int
    n_new: int
    n_reused: int
    recall: float | None


def publish(
    store: VectorStore,
    alias: str,
    ids: Sequence[PointId],
    vectors: Mapping[str, NDArray[np.float32]],
    payload: pl.DataFrame,
    *,
    payload_indexes: Mapping[str, FieldType] | None = None,
    batch: int = DEFAULT_BATCH,
    ef: int = 256,
    n_sample: int = 100,
    k: int = 100,
    minimum_recall: float = 0.95,
    advance: Advance | None = None,
) -> Published:
    """Make ``alias`` serve exactly these points, by inner product: row ``i`` of every array and of ``payload`` is ``ids[i]``.

    The new collection is called ``<alias>-<fingerprint of all of it>``. It is filled, counted, built, compared with exact search
    on ``n_sample`` of its own vectors, and only then does the alias move, in one step; the collection that it served
    before is dropped. If the alias serves this fingerprint already, nothing is done. Collections of this alias that it does
    not serve were left by a publication that was killed; they are dropped first. One publication of an alias at a time.

    Raises StoreError, leaving the alias as it was, if points are missing or the recall is below ``minimum_recall``.
    """
    indexes = dict(payload_indexes or {})
    collection = f"{alias}-{fingerprint(ids, vectors, payload, indexes)}"
    reconcile(store, alias)
    n = len(ids)
    if store.aliases().get(alias) == collection and store.count(collection) == n:
        return Published(alias, collection, n_points=n, n_new=0, n_reused=n, recall=None)
    dimensions = {name: matrix.shape[1] for name, matrix in vectors.items()}
    store.ensure_collection(collection, dimensions, payload_indexes=indexes)
    store.upsert_table(collection, ids, vectors, payload, batch=batch, advance=advance)
    stored = store.count(collection)
    if stored != n:
        raise StoreError(
            f"collection {collection!r}: {n} points were sent, {stored} are stored. Look for ids that occur twice, and publish again."
        )
    store.build(collection)
    store.flush()
    recall_at_k = min(_sampled_recall(store, collection, name, ids, vectors[name], k, n_sample, ef) for name in vectors)
    if recall_at_k < minimum_recall:
        raise StoreError(
            f"collection {collection!r}: recall@{k} against exact search is {recall_at_k:.3f}, below {minimum_recall}; the alias {alias!r} was "
            "not moved. Raise store.hnsw_ef."
        )
    store.swap_alias(alias, collection)
    reconcile(store, alias)
    return Published(alias, collection, n_points=n, n_new=n, n_reused=0, recall=recall_at_k)


def reconcile(store: VectorStore, alias: str) -> list[str]:
    """Drop collections of this alias that it does not serve; returns their names."""
    served = store.aliases().get(alias)
    pattern = re.compile(re.escape(alias) + r"-[0-9a-f]{16}")
    left = [name for name in store.collections() if pattern.fullmatch(name) and name != served]
    for name in left:
        store.drop_collection(name)
        logger.info("dropped collection %s, which %s does not serve", name, alias)
    return left


def fingerprint(
    ids: Sequence[PointId],
    vectors: Mapping[str, NDArray[np.float32]],
    payload: pl.DataFrame,
    payload_indexes: Mapping[str, FieldType],
) -> str:
    """16 hexadecimal digits that change with any id, number, payload value or index."""
    digest = hashlib.blake2b(digest_size=8)
    digest.update(repr((sorted(payload_indexes.items()), len(ids))).encode())
    digest.update("\n".join(map(str, ids)).encode())
    for name in sorted(vectors):
        matrix = np.ascontiguousarray(vectors[name], dtype=np.float32)
        digest.update(repr((name, matrix.shape)).encode())
        digest.update(matrix.data)
    digest.update(json_payload(payload).write_ndjson().encode())
    return digest.hexdigest()


def _sampled_recall(
    store: VectorStore,
    collection: str,
    name: str,
    ids: Sequence[PointId],
    matrix: NDArray[np.float32],
    k: int,
    n_sample: int,
    ef: int,
) -> float:
    rows = np.random.default_rng(0).choice(len(matrix), size=min(n_sample, len(matrix)), replace=False)
    queries = np.ascontiguousarray(matrix[rows], dtype=np.float32)
    k = min(k, len(matrix))
    hits = search(store, collection, {name: queries}, index=ItemIndex(ids), limit=k, ef=ef)[name]
    return recall(hits, ExactIndex(np.asarray(matrix, dtype=np.float32)).search(queries, limit=k))
