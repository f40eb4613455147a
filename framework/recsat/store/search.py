"""From query vectors to candidates: item indices and scores, in padded arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from qdrant_client import models
from scipy.sparse import csr_array

from recsat.store.identity import ItemIndex
from recsat.store.port import VectorStore

BLOCK = 256


class Hits(NamedTuple):
    """Candidates of a batch of users, best first, padded on the right.

    ``items``: int64 (B, limit) item indices, -1 where padded. ``scores``: float32 (B, limit), -inf where padded.
    """

    items: NDArray[np.int64]
    scores: NDArray[np.float32]


def search(
    store: VectorStore,
    alias: str,
    vector: str,
    queries: NDArray[np.float32],
    *,
    index: ItemIndex,
    limit: int,
    where: models.Filter | None = None,
    exclude: csr_array | None = None,
    allow: csr_array | None = None,
    ef: int | None = None,
    exact: bool = False,
    block: int = BLOCK,
) -> Hits:
    """The ``limit`` best items for each row of ``queries``, (B, d), by the inner product with the vector of that name.

    ``index`` maps points to item indices. ``where`` is pushed down. ``exclude`` (B, n_items) has a nonzero where an item must
    not be shown to that user, such as the history; ``allow``, same shape, where it alone may be shown.

    Exclusion asks for as many more hits as the longest history of a block has and drops them here, which gives exactly
    what a filter on ids would: at 10,000 items and histories of 100 that takes 1.3 ms a query, the filter 3.0 ms.
    """
    n = len(queries)
    items = np.full((n, limit), -1, dtype=np.int64)
    scores = np.full((n, limit), -np.inf, dtype=np.float32)
    lengths = np.zeros(n, dtype=np.int64) if exclude is None else np.diff(exclude.indptr)
    # Users with histories of like length share a block, so that one long history does not widen everybody's query.
    for rows in _blocks(np.argsort(lengths, kind="stable"), block):
        width = min(limit + int(lengths[rows].max()), max(len(index), 1))
        wheres = where if allow is None else _only(where, allow[rows], index)
        keys, found = store.nearest(alias, vector, queries[rows], width, where=wheres, ef=ef, exact=exact)
        hit = np.isfinite(found)
        place = np.full(found.shape, -1, dtype=np.int64)
        place[hit] = index.positions(keys[hit])
        if exclude is not None:
            barred = _marked(place, exclude[rows])
            order = np.argsort(barred | ~hit, axis=1, kind="stable")
            found = np.take_along_axis(np.where(barred, -np.inf, found), order, axis=1)
            place = np.take_along_axis(np.where(barred, -1, place), order, axis=1)
        taken = min(limit, width)
        items[rows, :taken] = place[:, :taken]
        scores[rows, :taken] = found[:, :taken]
    return Hits(items, scores)


def _blocks(order: NDArray[np.intp], size: int) -> list[NDArray[np.intp]]:
    return [order[start : start + size] for start in range(0, len(order), size)]


def _marked(place: NDArray[np.int64], pairs: csr_array) -> NDArray[np.bool_]:
    """Where (row, item) of ``place`` is one of ``pairs``."""
    n_items = pairs.shape[1]
    row = np.arange(len(place), dtype=np.int64)[:, None]
    entries = pairs.tocoo()
    known = entries.row.astype(np.int64) * n_items + entries.col
    marked: NDArray[np.bool_] = np.isin(np.where(place < 0, -1, row * n_items + place), known)
    return marked


def _only(where: models.Filter | None, allow: csr_array, index: ItemIndex) -> list[models.Filter | None]:
    ids = index.ids
    filters: list[models.Filter | None] = []
    for row in range(allow.shape[0]):
        places = allow.indices[allow.indptr[row] : allow.indptr[row + 1]]
        filters.append(only(where, [ids[i] for i in places]))
    return filters


def only(where: models.Filter | None, ids: Sequence[Any]) -> models.Filter:
    """``where``, and nothing but these points."""
    must: list[Any] = [models.HasIdCondition.model_construct(has_id=list(ids))]
    if where is not None:
        must.append(where)
    return models.Filter.model_construct(must=must)
