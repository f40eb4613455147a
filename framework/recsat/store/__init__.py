"""Qdrant behind one interface: embedded, in memory, server or cluster.

Importing this loads qdrant-client (about two seconds of CPU): import it where a store is used, not at start-up.
"""

from recsat.store.edge import EdgeStore
from recsat.store.exact import ExactIndex, recall
from recsat.store.filters import parse_filter
from recsat.store.frozen import frozen_mean, mean_text
from recsat.store.identity import ItemIndex, point_id, point_ids
from recsat.store.layout import Layout
from recsat.store.opening import open_store
from recsat.store.ownership import Mark, alias_of, collections_of
from recsat.store.port import CollectionShape, FieldType, Nearest, PointId, ScrollPage, VectorStore
from recsat.store.promote import promote, sweep
from recsat.store.publish import Checks, Published, publish
from recsat.store.remote import QdrantStore
from recsat.store.search import SearchHits, only, search

__all__ = [
    "Checks",
    "CollectionShape",
    "EdgeStore",
    "ExactIndex",
    "FieldType",
    "ItemIndex",
    "Layout",
    "Mark",
    "Nearest",
    "PointId",
    "Published",
    "QdrantStore",
    "ScrollPage",
    "SearchHits",
    "VectorStore",
    "alias_of",
    "collections_of",
    "frozen_mean",
    "mean_text",
    "only",
    "open_store",
    "parse_filter",
    "point_id",
    "point_ids",
    "promote",
    "publish",
    "recall",
    "search",
    "sweep",
]
