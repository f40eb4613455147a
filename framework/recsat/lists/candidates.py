"""Candidates from the vector store, filters pushed down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qdrant_client import models

from recsat.lists.filters import FilterPlan
from recsat.store import ItemIndex, VectorStore, parse_filter, search
from recsat.store.search import only


@dataclass(frozen=True)
class StoreRetriever:
    """The nearest items of a collection of a store; see :class:`recsat.lists.request.Retriever`."""

    store: VectorStore
    collection: str
    index: ItemIndex
    ef: int
    exact: bool = False
    """Whether the collection's graphs are passed by; see :class:`recsat.store.Published`."""

    def candidates(
        self, queries: Mapping[str, NDArray[np.float32]], limit: int, plan: FilterPlan, rows: slice
    ) -> list[NDArray[np.int64]]:
        """Item indices nearest to each query that ``plan`` permits for its ``rows``, int64 (B, limit), padded with -1.

        One ranking for each named vector of ``queries``; a block of users is one request to the store.
        """
        hits = search(
            self.store,
            self.collection,
            queries,
            index=self.index,
            limit=limit,
            where=self._where(plan),
            exclude=plan.excluded[rows],
            allow=None if plan.allowed is None else plan.allowed[rows],
            ef=self.ef,
            exact=self.exact,
        )
        return [hits[vector].items for vector in queries]

    def _where(self, plan: FilterPlan) -> models.Filter | None:
        where = models.Filter(must=[parse_filter(rule) for rule in plan.where]) if plan.where else None
        if not plan.by_id:
            return where
        return only(where, [self.index.ids[i] for i in np.flatnonzero(plan.items).tolist()])
