"""Candidates from the vector store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from qdrant_client import models

from recsat.lists.filters import FilterPlan
from recsat.store import ItemIndex, VectorStore, parse_filter, search
from recsat.store.search import only


@dataclass(frozen=True)
class StoreRetriever:
    """The nearest items of a collection of a store, filters pushed down; see :class:`recsat.lists.request.Retriever`."""

    store: VectorStore
    collection: str
    index: ItemIndex
    ef: int
    exact: bool = False
    """Whether the collection's graphs are passed by; see :class:`recsat.store.Published`."""
    directions: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    """(D, d) by name: what the collection holds of these vectors, and so what is sought of a query."""

    def candidates(
        self, queries: Mapping[str, NDArray[np.float32]], limit: int, plan: FilterPlan, rows: slice
    ) -> list[NDArray[np.int64]]:
        """Item indices nearest to each query that ``plan`` permits for its ``rows``, int64 (B, limit), padded with -1.

        One ranking for each named vector of ``queries``; a block of users is one request to the store.
        """
        hits = search(
            self.store,
            self.collection,
            self.shortened(queries),
            index=self.index,
            limit=limit,
            where=self._where(plan),
            exclude=plan.excluded[rows],
            allow=None if plan.allowed is None else plan.allowed[rows],
            ef=self.ef,
            exact=self.exact,
        )
        return [hits[vector].items for vector in queries]

    def shortened(self, queries: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        """``queries`` along the collection's directions."""
        return {
            name: part @ self.directions[name] if name in self.directions else part for name, part in queries.items()
        }

    def _where(self, plan: FilterPlan) -> models.Filter | None:
        where = models.Filter(must=[parse_filter(rule) for rule in plan.where]) if plan.where else None
        if not plan.by_id:
            return where
        return only(where, [self.index.ids[i] for i in np.flatnonzero(plan.items).tolist()])


WIDER = 2.0
"""So many times more is asked for than filters would leave of it on average."""
WIDEST = 0.1
"""Share of the catalogue beyond which the store filters."""


@dataclass(frozen=True)
class WideRetriever:
    """The nearest items of all, of which filters then remove what they forbid; where too few are left, the store filters.

    A saved model's filters are masks of items: of 100,000 some 70,000 ids would travel with every request.
    """

    filtered: StoreRetriever

    def candidates(
        self, queries: Mapping[str, NDArray[np.float32]], limit: int, plan: FilterPlan, rows: slice
    ) -> list[NDArray[np.int64]]:
        """As :meth:`StoreRetriever.candidates`."""
        permitted, one = plan.mask(rows), self.filtered
        n_permitted = permitted.sum(axis=1)
        width = int(np.ceil(WIDER * limit * permitted.shape[1] / max(int(n_permitted.min()), 1)))
        if width > WIDEST * permitted.shape[1]:
            return one.candidates(queries, limit, plan, rows)
        shortened = one.shortened(queries)
        hits = search(one.store, one.collection, shortened, index=one.index, limit=width, ef=one.ef, exact=one.exact)
        rankings = [_permitted(of_vector.items, permitted, limit) for of_vector in hits.values()]
        enough = np.minimum(limit, n_permitted)
        if any(((ranking >= 0).sum(axis=1) < enough).any() for ranking in rankings):
            return one.candidates(queries, limit, plan, rows)
        return rankings


def _permitted(items: NDArray[np.int64], permitted: NDArray[np.bool_], limit: int) -> NDArray[np.int64]:
    """The first ``limit`` of each row of ``items`` that ``permitted`` (n_rows, n_items) has, closed up and padded with -1."""
    holds = (items >= 0) & np.take_along_axis(permitted, items.clip(min=0), axis=1)
    order = np.argsort(~holds, axis=1, kind="stable")[:, :limit]
    rows: NDArray[np.int64] = np.take_along_axis(np.where(holds, items, -1), order, axis=1)
    return rows
