"""The port: what a vector store does, whichever engine is behind it.

Filters are the classes of ``qdrant_client.models``, because they are Qdrant's own wire form and every engine
here understands them. A name may be a collection or an alias everywhere except in :meth:`VectorStore.drop_collection`.
Everything that an engine refuses comes out as :class:`recsat.StoreError`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, Self, TypeAlias
from uuid import UUID

import numpy as np
import polars as pl
from numpy.typing import NDArray
from qdrant_client import models

from recsat.store.layout import Layout

FieldType: TypeAlias = Literal["keyword", "integer", "float", "bool", "datetime"]
PointId: TypeAlias = int | str | UUID
"""An unsigned 64-bit integer, or a UUID as object or text."""

Advance: TypeAlias = Callable[[int], None]
"""Told how many more points are done; ``Progress.advance`` fits."""

DEFAULT_BATCH = 256
MAX_BATCH = 10_000


@dataclass(frozen=True)
class CollectionShape:
    """What a collection was made for: named vectors with their dimensions, their distance, indexed payload fields."""

    vectors: Mapping[str, int]
    distance: models.Distance = models.Distance.DOT
    payload_indexes: Mapping[str, FieldType] = field(default_factory=dict)


class Nearest(NamedTuple):
    """Hits of a batch of queries, best first, padded on the right.

    ``keys``: uint64 (B, limit), see :func:`recsat.store.identity.point_key`; 0 where padded. ``scores``: float32
    (B, limit), -inf where padded.
    """

    keys: NDArray[np.uint64]
    scores: NDArray[np.float32]


class ScrollPage(NamedTuple):
    """Records in the order of their ids, and the id where the next page starts (None: this was the last)."""

    records: list[models.Record]
    next_offset: PointId | None


class Lease(Protocol):
    """A right that others respect while it is held."""

    def check(self) -> None:
        """Raises StoreError where it ran out and another has it now."""
        ...


class Leases(Protocol):
    """Who may change a name, and who reads which collection."""

    def exclusive(self, name: str, wait_s: float) -> AbstractContextManager[Lease]:
        """The sole right to change what ``name`` is; raises StoreError naming the holder where it is not free within ``wait_s``."""
        ...

    def use(self, collection: str) -> None:
        """Say that this store reads ``collection``, until it is closed or its process ends."""
        ...

    def in_use(self, collection: str) -> bool:
        """Whether a store that is open, here or in another process, reads ``collection``."""
        ...


class VectorStore(Protocol):
    """Collections of points: an id, named vectors, a payload. A context manager: leaving it closes it."""

    @property
    def place(self) -> str:
        """Its address or directory, as it may be printed."""
        ...

    @property
    def tenant(self) -> str:
        """Whose collections it publishes; see :mod:`recsat.store.ownership`."""
        ...

    @property
    def wait_s(self) -> float:
        """Seconds to wait where another has what is needed."""
        ...

    @property
    def layout(self) -> Layout:
        """How collections are kept that it makes."""
        ...

    @property
    def leases(self) -> Leases:
        """Leases that all processes respect which use this store."""
        ...

    def ensure_collection(
        self,
        name: str,
        vectors: Mapping[str, int],
        *,
        payload_indexes: Mapping[str, FieldType] | None = None,
        distance: models.Distance = models.Distance.DOT,
        metadata: Mapping[str, Any] | None = None,
    ) -> bool:
        """Make the collection, or see that the one of this name has the same vectors; True if it was made.

        ``metadata`` (JSON) is there from the moment that the collection is; one that is there keeps its own. ``vectors`` maps names to dimensions. The distance is the inner product: vectors are stored as they should count.
        Index payload fields now, not later: the graph of a filtered search is built around them.
        """
        ...

    def shape(self, name: str) -> CollectionShape:
        """What the collection was made for."""
        ...

    def metadata(self, name: str) -> dict[str, Any]:
        """What :meth:`ensure_collection` or :meth:`set_metadata` said of the collection; empty where nobody did."""
        ...

    def set_metadata(self, name: str, metadata: Mapping[str, Any]) -> None:
        """Replace these keys of the collection's metadata in one step; others stay."""
        ...

    def copy_collection(self, source: str, name: str) -> bool:
        """Make ``name`` a copy of ``source``, graphs and metadata too, without sending a point; False where this cannot be done here."""
        ...

    def upsert(
        self, name: str, points: Sequence[models.PointStruct], *, replace_where: models.Filter | None = None
    ) -> None:
        """Add or replace up to 10,000 points; on return a killed process cannot lose them.

        ``replace_where``: of points that are there already only those are replaced which match it, in one step with the look.
        """
        ...

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
        """The same for a whole table: row ``i`` of every (n, d) array and of ``payload`` belongs to ``ids[i]``."""
        ...

    def delete(self, name: str, which: Sequence[PointId] | models.Filter) -> None:
        """Remove points by id or by filter."""
        ...

    def count(self, name: str, where: models.Filter | None = None) -> int:
        """Exact number of points."""
        ...

    def retrieve(
        self, name: str, ids: Sequence[PointId], *, with_payload: bool = True, with_vectors: bool = False
    ) -> list[models.Record]:
        """Points by id, in the order of ``ids``; unknown ids are left out."""
        ...

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
        """A page of points in the order of their ids; ``with_payload`` may name the fields that are read."""
        ...

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
        """The ``limit`` best points by each named vector of ``queries``, (B, d) each, row by row: ids and scores only.

        All vectors are searched in one request. ``where`` is one filter for all or one for each of the B rows. ``ef`` is the
        search width of the graph, where there is one; ``exact`` goes past the graph. This is the cheap path: no object is
        made for a hit.
        """
        ...

    def swap_alias(self, alias: str, collection: str) -> None:
        """Point ``alias`` at ``collection`` in one step: a reader sees the old one or the new one."""
        ...

    def collections(self) -> list[str]:
        """Names of all collections, sorted."""
        ...

    def aliases(self) -> dict[str, str]:
        """Alias to collection."""
        ...

    def drop_collection(self, name: str) -> bool:
        """Remove a collection for good, with aliases that point at it; False if there is none."""
        ...

    def build(self, name: str) -> None:
        """Return when the graphs of the collection are built: embedded in a child process, on a server by waiting."""
        ...

    def flush(self) -> None:
        """Make everything acknowledged survive a power cut too."""
        ...

    def rest(self) -> None:
        """Let other processes at an embedded store until the next call; does nothing elsewhere. Not while another thread uses it."""
        ...

    def close(self) -> None:
        """Flush and let go; twice is once."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc_info: object) -> None: ...
