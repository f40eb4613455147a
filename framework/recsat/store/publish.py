"""Publishing under a content name: whoever reads a collection reads all of it, and only what changed is sent."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.errors import StoreError
from recsat.store.content import Content, content_of, stored_digests
from recsat.store.exact import ExactIndex, recall
from recsat.store.identity import ItemIndex
from recsat.store.ownership import Mark, alias_of, collections_of
from recsat.store.port import DEFAULT_BATCH, Advance, FieldType, PointId, VectorStore
from recsat.store.search import search

logger = logging.getLogger(__name__)

_TOUCHED_AFTER_S = 3600.0
"""A collection's last use is known to the hour: reading one that is ready writes nothing more often."""


@dataclass(frozen=True)
class Published:
    """What :func:`publish` did. ``n_new`` points were sent; ``recall`` is that of the worst vector against exact search, None where nothing was built."""

    collection: str
    n_points: int
    n_new: int
    n_reused: int
    recall: float | None
    exact: bool = False
    """Whether the graphs miss too much, so that the collection is to be searched without them."""


@dataclass(frozen=True)
class Checks:
    """What a collection must reach to be searched by its graphs: the mean recall@k of ``n_sample`` of its own vectors at search width ``ef``."""

    ef: int = 256
    n_sample: int = 100
    k: int = 100
    minimum_recall: float = 0.95


def publish(
    store: VectorStore,
    domain: str,
    ids: Sequence[PointId],
    vectors: Mapping[str, NDArray[np.float32]],
    payload: pl.DataFrame,
    *,
    payload_indexes: Mapping[str, FieldType] | None = None,
    encoder: str = "",
    mean: str = "",
    scratch: bool = False,
    batch: int = DEFAULT_BATCH,
    checks: Checks | None = None,
    advance: Advance | None = None,
) -> Published:
    """A collection of exactly these points, ready to be searched: row ``i`` of every array and of ``payload`` is ``ids[i]``.

    It is called ``recsat-<tenant>-<domain>-<fingerprint of all of it>``, so a second call, of whichever run, finds it there; no alias moves
    (:func:`recsat.store.promote` does that). Until the store is closed, nobody deletes it. Where it is not there yet it begins as a
    copy of the collection that has the same ``encoder``, ``mean`` and shape, if one has and half of the points or more are equal; what a
    publication that was cut off has sent already is not sent again. It is then counted, built, and compared with exact search: where
    its graphs miss too much, a warning says so and it is searched exactly from then on.
    ``scratch``: of no use once nobody reads it.

    Raises StoreError where the name is taken by a collection that is not recsat's, where another process fills it for longer than
    ``store.wait_s``, or where points are missing.
    """
    content = content_of(ids, vectors, payload, dict(payload_indexes or {}), store.layout.name)
    collection = f"{alias_of(store, domain)}-{content.fingerprint}"
    mark = Mark(store.tenant, domain, collection, time.time(), encoder, mean, content.layout, scratch=scratch)
    n = len(content.ids)
    ready = _ready(store, collection, n)
    if ready is None:
        with store.leases.exclusive(collection, store.wait_s):
            ready = _ready(store, collection, n)  # another process may have filled it meanwhile
            if ready is None:
                return _fill(store, mark, content, batch, checks or Checks(), advance)
    return Published(collection, n_points=n, n_new=0, n_reused=n, recall=None, exact=ready.exact)


def _ready(store: VectorStore, collection: str, n: int) -> Mark | None:
    """The collection's mark where it is there and whole, and then it is ours to read from now on; else None."""
    if collection not in store.collections():
        return None
    mark = Mark.of(store, collection)
    if mark is None:
        raise StoreError(
            f"collection {collection!r}: recsat did not make it, so it is left as it is. Choose another store.tenant, or rename the collection."
        )
    if mark.name != collection or not mark.ready or store.count(collection) != n:
        return None
    try:
        store.leases.use(collection)
        if time.time() - mark.used > _TOUCHED_AFTER_S:
            store.set_metadata(collection, replace(mark, used=time.time()).metadata())
    except StoreError as error:
        if error.status != 403:
            raise
        logger.warning("%s is read without a lease, because the key may only read: %s", collection, error)
    return mark if collection in store.collections() else None


def _fill(
    store: VectorStore, mark: Mark, content: Content, batch: int, checks: Checks, advance: Advance | None
) -> Published:
    collection, n = mark.name, len(content.ids)
    stored = _begin(store, mark, content)
    store.leases.use(collection)
    rows = content.differing(stored)
    if advance is not None and len(rows) < n:
        advance(n - len(rows))
    if rows:
        store.upsert_table(collection, *content.rows(rows), batch=batch, advance=advance)
    store.delete(collection, sorted(set(stored) - set(content.ids), key=str))
    if (n_stored := store.count(collection)) != n:
        raise StoreError(
            f"collection {collection!r}: it should have {n} points and has {n_stored}. Another program writes to it; publish again when it has stopped."
        )
    store.build(collection)
    store.flush()
    recall_at_k = min(_sampled_recall(store, collection, name, content, checks) for name in content.vectors)
    exact = recall_at_k < checks.minimum_recall
    if exact:
        logger.warning(
            "%s: recall@%d of its graphs against exact search is %.3f, below %s; it is searched exactly, which takes longer. "
            "For graphs, delete it and raise store.hnsw_ef.",
            *(collection, checks.k, recall_at_k, checks.minimum_recall),
        )
    store.set_metadata(collection, replace(mark, ready=True, exact=exact, used=time.time()).metadata())
    return Published(collection, n_points=n, n_new=len(rows), n_reused=n - len(rows), recall=recall_at_k, exact=exact)


def _begin(store: VectorStore, mark: Mark, content: Content) -> dict[int | str, str]:
    """The collection under its name, empty, a copy, or as far as somebody came: id to digest of what it has."""
    collection = mark.name
    if collection in store.collections():
        known = Mark.of(store, collection)
        if known is not None and known.name == collection:
            return stored_digests(store, collection)
        store.drop_collection(collection)  # a copy that was cut off; that it is ours was seen
    base, stored = _base(store, mark, content)
    if base is not None and store.copy_collection(base, collection):
        logger.info("%s begins as a copy of %s", collection, base)
        store.set_metadata(collection, mark.metadata())
        return stored
    store.ensure_collection(
        collection, content.dimensions, payload_indexes=content.payload_indexes, metadata=mark.metadata()
    )
    if Mark.of(store, collection) is None:
        store.drop_collection(collection)
        raise StoreError(
            f"collection {collection!r}: the server keeps no metadata of a collection. Use Qdrant 1.16 or later."
        )
    return {}


def _base(store: VectorStore, mark: Mark, content: Content) -> tuple[str | None, dict[int | str, str]]:
    """The collection to begin from and its digests: the one that is served, else the last one used; None where too little is equal."""
    if not mark.encoder:
        return None, {}
    served = store.aliases().get(alias_of(store, mark.domain))
    ready = {
        name: known
        for name, known in collections_of(store, mark.domain).items()
        if known.ready
        and not known.scratch
        and (known.encoder, known.mean, known.layout) == (mark.encoder, mark.mean, mark.layout)
    }
    for name in sorted(ready, key=lambda name: (name == served, ready[name].used), reverse=True):
        shape = store.shape(name)
        if (shape.vectors, shape.payload_indexes) == (content.dimensions, dict(content.payload_indexes)):
            stored = stored_digests(store, name)
            return (name, stored) if 2 * len(content.differing(stored)) <= len(content.ids) else (None, {})
    return None, {}


def _sampled_recall(store: VectorStore, collection: str, name: str, content: Content, checks: Checks) -> float:
    matrix = content.vectors[name]
    rows = np.random.default_rng(0).choice(len(matrix), size=min(checks.n_sample, len(matrix)), replace=False)
    queries, k = matrix[rows], min(checks.k, len(matrix))
    hits = search(store, collection, {name: queries}, index=ItemIndex(content.ids), limit=k, ef=checks.ef)[name]
    return recall(hits, ExactIndex(matrix).search(queries, limit=k))
