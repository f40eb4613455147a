"""What must be true of a model and of its index before they are served, whatever the policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recsat.errors import RunError
from recsat.lists.candidates import StoreRetriever
from recsat.run.stage import StageContext
from recsat.stages.model.card import ModelRecord
from recsat.stages.model.files import FOLDER, RECORD, ModelFiles, open_model
from recsat.stages.model.loaded import Model
from recsat.store import VectorStore, search
from recsat.store.exact import ExactIndex, recall
from recsat.store.search import SearchHits

SAMPLE: Final = 50
"""Users who are asked for, and items whose nearest are sought."""
NEAREST: Final = 10
"""So many of them, or a tenth of fewer items than a hundred: of all of them none would be missed."""


class Failed(RunError):
    """A check does not hold; the message says which."""


def whole_model(context: StageContext) -> tuple[ModelFiles, Model]:
    """The model that the run kept, every file read and its own.

    Raises SavedModelError or SavedArmError where it has none or a file is damaged, and :class:`Failed` where the folder holds another model than the
    run recorded, or one of other items.
    """
    files = open_model(context.folder.path)
    files.check_all()
    record = context.folder.read_as(RECORD, ModelRecord)
    if files.fingerprint != record.fingerprint:
        raise Failed(
            f"run {context.folder.run_id}: {FOLDER}/ is not the model that the run recorded in {RECORD}. Run it again."
        )
    model = Model.load(files.path, context.plugins)
    if model.catalogue.ids != context.catalogue.ids:
        raise Failed(f"run {context.folder.run_id}: the model's items are not those of the run. Run it again.")
    return files, model


def makes_lists(model: Model, seed: int) -> str:
    """Asks the model for lists of a sample of the users whom it knows; raises :class:`Failed` where its arm has none for any of them."""
    ids = model.histories.ids
    known = np.flatnonzero(np.diff(model.histories.history.indptr)[: len(ids)])
    if not len(known):
        raise Failed("the model knows no user with a history. Run again with data.")
    rows = np.random.default_rng(seed).choice(known, size=min(SAMPLE, len(known)), replace=False)
    lists = model.recommend(ids.gather(np.sort(rows)).to_list())
    n_served = lists.filter(~lists["fallback"])["user_id"].n_unique()
    if not n_served:
        raise Failed(
            f"the model has no list of arm {model.card.arm} for any of {len(rows)} users whom it knows. Run it again."
        )
    return f"lists for {n_served} of {len(rows)} known users"


def whole_index(store: VectorStore, collection: str, n_items: int) -> str:
    """Counts the points; raises :class:`Failed` where they are not as many as items."""
    n_points = store.count(collection)
    if n_points != n_items:
        raise Failed(f"collection {collection!r} has {n_points} points and the catalogue {n_items} items. Run again.")
    return f"{n_points} points, as many as items"


def finds_its_own(retriever: StoreRetriever, vectors: Mapping[str, NDArray[np.float32]], minimum: float) -> str:
    """Seeks what is nearest to a sample of the run's own ``vectors``; raises :class:`Failed` where the index names too few of the items that are.

    What a hit is worth is reckoned from the run's vectors and not from the store's scores, which know nothing of whose vector it is. Whatever
    the arm: other arms, and whoever else reads the alias, are served by this index too.
    """
    for name, matrix in vectors.items():
        rows = np.random.default_rng(0).choice(len(matrix), size=min(SAMPLE, len(matrix)), replace=False)
        queries, k = matrix[rows], max(1, min(NEAREST, len(matrix) // 10))
        hits = search(
            *(retriever.store, retriever.collection, {name: queries}),
            index=retriever.index,
            limit=k,
            ef=retriever.ef,
            exact=retriever.exact,
        )[name]
        worth = np.einsum("bd,bkd->bk", queries, matrix[hits.items.clip(min=0)])
        rescored = SearchHits(hits.items, np.where(hits.items < 0, -np.inf, worth).astype(np.float32))
        share = recall(rescored, ExactIndex(matrix).search(queries, limit=k))
        if share < minimum:
            raise Failed(
                f"collection {retriever.collection!r}: of the {k} items nearest to an item by {name} it finds {share:.3f}, less than "
                f"promote.minimum_recall {minimum}: its vectors are not those of the run's items. Delete it and run again."
            )
    return f"the index finds what is nearest to its own vectors ({', '.join(vectors)})"


def recall_of_index(recall: float | None, arm: str, minimum: float) -> str:
    """``recall`` of candidates against exact lists; raises :class:`Failed` where it is too low. None: the arm asks the index for nothing."""
    if recall is None:
        return f"arm {arm} scores the whole catalogue"
    if recall < minimum:
        raise Failed(
            f"the index has {recall:.3f} of the exact lists of arm {arm}, less than promote.minimum_recall {minimum}. Raise "
            "store.hnsw_ef or rank.n_candidates, and run again."
        )
    return f"candidates have {recall:.3f} of the exact lists"
