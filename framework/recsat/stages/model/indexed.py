"""A saved model whose candidates come from the index that its run published."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.numpy import load_file

from recsat.config.settings import RunConfig
from recsat.contract.arm import Recommender
from recsat.errors import SavedModelError
from recsat.lists.candidates import StoreRetriever, WideRetriever
from recsat.stages.index import DIRECTIONS
from recsat.store import ItemIndex, VectorStore, open_store

if TYPE_CHECKING:
    from recsat.stages.model.loaded import Model

PUBLISHED = Path("vectors") / "published.json"


def ranks_by_index(arm: Recommender) -> bool:
    """Whether the arm's score is the inner product with one vector that the run's index has: what is nearest there is what scores best."""
    return arm.vector is not None and not arm.stored_vectors()


@contextmanager
def indexed(model: Model) -> Iterator[Model]:
    """See :meth:`~recsat.stages.model.loaded.Model.indexed`."""
    if not ranks_by_index(model.arm):
        yield model
        return
    published, config = _published(model), RunConfig.model_validate(model.card.config)
    with open_store(config.store, config.store.directory) as store:
        yield replace(model, retriever=WideRetriever(_retriever(model, store, published, config)))


def _published(model: Model) -> dict[str, Any]:
    path = model.run_folder / PUBLISHED
    if not path.is_file():
        raise SavedModelError(
            f"model {model.tables.files.path} has no run beside it that says where its index is. Load the run, or the home that serves it."
        )
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _retriever(model: Model, store: VectorStore, published: dict[str, Any], config: RunConfig) -> StoreRetriever:
    collection = str(published["collection"])
    if collection not in store.collections():
        raise SavedModelError(
            f"the index {collection} of run {model.card.run_id} is gone from {store.place}. Promote the run, which publishes it again."
        )
    index = ItemIndex.of(model.card.domain, model.catalogue.items)
    path = model.run_folder / DIRECTIONS
    directions = load_file(path) if path.is_file() else {}
    return StoreRetriever(store, collection, index, config.store.hnsw_ef, published["exact"], directions)
