"""Stage index: item vectors and the filters' payload fields go into the vector store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.contract.arm import Recommender
from recsat.contract.domain import CandidateFilter
from recsat.lists.candidates import StoreRetriever
from recsat.lists.filters import filter_fields
from recsat.run.stage import StageContext, StageCounts
from recsat.store import FieldType, ItemIndex, Published, VectorStore, open_store, publish


def payload_fields(filters: Mapping[str, CandidateFilter], items: pl.DataFrame) -> dict[str, FieldType]:
    """Payload fields and their types: ``kind``, and what the filters look at and the items have."""
    fields: dict[str, FieldType] = {"kind": "keyword"}
    for rule in filters.values():
        fields.update(filter_fields(rule, items))
    assert set(fields.values()) <= set(get_args(FieldType)), "checked when plugins load"
    return fields


def publish_items(
    context: StageContext,
    store: VectorStore,
    advance: Callable[[int], None] | None = None,
    *,
    suffix: str = "",
    arm_vectors: Mapping[str, NDArray[np.float32]] | None = None,
) -> tuple[Published, ItemIndex]:
    """Makes the domain's alias serve the run's vectors; does nothing where it already does.

    ``arm_vectors`` are an arm's own vectors beside them, under an alias that ends in ``suffix``.
    """
    items = context.catalogue.items
    fields = payload_fields(context.plugins.filters(context.domain), items)
    index = ItemIndex.of(context.config.domain, items)
    published = publish(
        store,
        f"recsat-{context.config.domain}{suffix}",
        index.ids,
        context.folder.read_arrays("vectors/items.safetensors") | dict(arm_vectors or {}),
        items.select(*fields),
        payload_indexes=fields,
        ef=context.config.store.hnsw_ef,
        advance=advance,
    )
    return published, index


def index(context: StageContext) -> StageCounts:
    """Publishes the vectors blue/green; an unchanged catalogue is not published again."""
    context.progress.expect(len(context.catalogue))
    with open_store(context.config.store, context.config.store.directory) as store:
        published, _ = publish_items(context, store, context.progress.advance)
    context.folder.write_json(
        "vectors/published.json",
        {
            "alias": published.alias,
            "collection": published.collection,
            "n_points": published.n_points,
            "recall": published.recall,
        },
    )
    return StageCounts(n_new=published.n_new, n_cached=published.n_reused)


def retriever_of(
    context: StageContext, shared: StoreRetriever, recommender: Recommender, suffix: str
) -> StoreRetriever:
    """``shared``, or for a fitted arm with vectors of its own one that serves these too, under an alias of their own."""
    arm_vectors = recommender.stored_vectors()
    if not arm_vectors:
        return shared
    published, _ = publish_items(context, shared.store, suffix=suffix, arm_vectors=arm_vectors)
    return replace(shared, alias=published.alias)


@contextmanager
def opened_retriever(context: StageContext) -> Iterator[StoreRetriever]:
    """The store, serving this run's vectors: another run may have published since, and a store in memory starts empty."""
    with open_store(context.config.store, context.config.store.directory) as store:
        published, item_index = publish_items(context, store)
        yield StoreRetriever(store, published.alias, item_index, context.config.store.hnsw_ef)
