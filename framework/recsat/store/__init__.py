"""Qdrant behind one interface: embedded, in memory, server or cluster.

Importing this loads qdrant-client (about two seconds of CPU): import it where a store is used, not at start-up.
"""

from recsat.store.edge import EdgeStore
from recsat.store.exact import ExactIndex, recall
from recsat.store.filters import parse_filter
from recsat.store.identity import ItemIndex, point_id, point_ids
from recsat.store.opening import open_store
from recsat.store.port import CollectionShape, FieldType, Nearest, PointId, ScrollPage, VectorStore
from recsat.store.publish import Published, publish, reconcile
from recsat.store.remote import QdrantStore
from recsat.store.search import SearchHits, only, search

__all__ = [
    "CollectionShape",
    "EdgeStore",
    "ExactIndex",
    "FieldType",
    "ItemIndex",
    "Nearest",
    "PointId",
    "Published",
    "QdrantStore",
    "ScrollPage",
    "SearchHits",
    "VectorStore",
    "only",
    "open_store",
    "parse_filter",
    "point_id",
    "point_ids",
    "publish",
    "recall",
    "reconcile",
    "search",
]
