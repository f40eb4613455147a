"""From query vectors to candidates: item indices and scores, in padded arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from qdrant_client import models
from scipy.sparse import csr_array

from recsat.store.identity import ItemIndex
from recsat.store.port import Nearest, VectorStore

BLOCK = 256


class SearchHits(NamedTuple):
    """Candidates of a batch of users, best first, padded on the right.

    ``items``: int64 (B, limit) item indices, -1 where padded. ``scores``: float32 (B, limit), -inf where padded.
    """

    items: NDArray[np.int64]
    scores: NDArray[np.float32]


def search(
    store: VectorStore,
    alias: str,
    queries: Mapping[str, NDArray[np.float32]],
    *,
    index: ItemIndex,
    limit: int,
    where: models.Filter | None = None,
    exclude: csr_array | None = None,
    allow: csr_array | None = None,
    ef: int | None = None,
    exact: bool = False,
    block: int = BLOCK,
) -> dict[str, SearchHits]:
    """The ``limit`` best items by the inner product with each named vector of ``queries``, (B, d) each, row by row.

    A block of rows is one request, however many vectors it searches. ``index`` maps points to item indices. ``where`` is pushed
    down. ``exclude`` (B, n_items) has a nonzero where an item must not be shown to that user, such as the history; ``allow``,
    same shape, where it alone may be shown.

    Exclusion asks for as many more hits as the longest history of a block has and drops them here, which gives exactly
    what a filter on ids would: at 10,000 items and histories of 100 that takes 1.3 ms a query, the filter 3.0 ms.
    """
    n = len(next(iter(queries.values()), ()))
    hits = {vector: _nothing(n, limit) for vector in queries}
    lengths = np.zeros(n, dtype=np.int64) if exclude is None else np.diff(exclude.indptr)
    # Users with histories of like length share a block, so that one long history does not widen everybody's query.
    for rows in _blocks(np.argsort(lengths, kind="stable"), block):
        width = min(limit + int(lengths[rows].max()), max(len(index), 1))
        wheres = where if allow is None else _only(where, allow[rows], index)
        block_queries = {vector: part[rows] for vector, part in queries.items()}
        excluded = None if exclude is None else exclude[rows]
        for vector, nearest in store.nearest(alias, block_queries, width, where=wheres, ef=ef, exact=exact).items():
            remaining = _without_excluded(nearest, index, excluded)
            n_columns = min(limit, width)
            hits[vector].items[rows, :n_columns] = remaining.items[:, :n_columns]
            hits[vector].scores[rows, :n_columns] = remaining.scores[:, :n_columns]
    return hits


def _nothing(n: int, limit: int) -> SearchHits:
    return SearchHits(np.full((n, limit), -1, dtype=np.int64), np.full((n, limit), -np.inf, dtype=np.float32))


def _without_excluded(nearest: Nearest, index: ItemIndex, exclude: csr_array | None) -> SearchHits:
    """``nearest`` in item indices, without the pairs of ``exclude``, closed up."""
    scores = nearest.scores
    hit = np.isfinite(scores)
    items = np.full(scores.shape, -1, dtype=np.int64)
    items[hit] = index.positions(nearest.keys[hit])
    if exclude is None:
        return SearchHits(items, scores)
    is_excluded = _marked(items, exclude)
    order = np.argsort(is_excluded | ~hit, axis=1, kind="stable")
    return SearchHits(
        np.take_along_axis(np.where(is_excluded, -1, items), order, axis=1),
        np.take_along_axis(np.where(is_excluded, np.float32(-np.inf), scores), order, axis=1),
    )


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
