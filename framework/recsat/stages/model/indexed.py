"""A saved model whose candidates come from the index that its run published."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.numpy import load_file

from recsat.config.settings import RunConfig
from recsat.contract.arm import Recommender
from recsat.errors import SavedModelError, StoreError
from recsat.lists.candidates import StoreRetriever, WideRetriever
from recsat.stages.index import DIRECTIONS
from recsat.store import ItemIndex, VectorStore, open_store

if TYPE_CHECKING:
    from recsat.stages.model.loaded import Model

logger = logging.getLogger(__name__)
PUBLISHED = Path("vectors") / "published.json"
LARGE_CATALOGUE = 100_000
"""Items below which the whole catalogue is scored: there a list costs no more than some 30 CPU ms, beside 18 with an index, which has to be opened first."""


def ranks_by_index(arm: Recommender) -> bool:
    """Whether the arm's score is the inner product with one vector that the run's index has: what is nearest there is what scores best."""
    return arm.vector is not None and not arm.stored_vectors()


@contextmanager
def indexed_where_large(model: Model, n_items: int = LARGE_CATALOGUE, *, shared: bool = False) -> Iterator[Model]:
    """:func:`indexed` for a catalogue of ``n_items`` or more, where the index can be had at once; else the model as it is, which scores the whole catalogue.

    ``shared``: the store is not to be held, so that an embedded one, which is one process's at a time, is left to the runs. Why an index cannot be had
    is a warning.
    """
    with ExitStack() as stack:
        fast = model
        if len(model.catalogue) >= n_items and ranks_by_index(model.arm) and not (shared and _is_embedded(model)):
            try:
                fast = stack.enter_context(indexed(model, wait_s=0))
            except (StoreError, SavedModelError) as error:
                logger.warning("the whole catalogue is scored, without the index: %s", error)
        yield fast


def _is_embedded(model: Model) -> bool:
    return RunConfig.model_validate(model.card.config).store.backend == "edge"


@contextmanager
def indexed(model: Model, wait_s: float | None = None) -> Iterator[Model]:
    """See :meth:`~recsat.stages.model.loaded.Model.indexed`. ``wait_s``: how long a store in use is waited for (None: as in the run)."""
    if not ranks_by_index(model.arm):
        yield model
        return
    published, config = _published(model), RunConfig.model_validate(model.card.config)
    settings = config.store if wait_s is None else config.store.model_copy(update={"wait_s": wait_s})
    with open_store(settings, settings.directory) as store:
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
