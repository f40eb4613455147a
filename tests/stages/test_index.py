"""What goes into the vector store: the run's vectors, the filters' fields, and an arm's own vectors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsat import CandidateFilter
from recsat.arms.hybrid.hybrid import Hybrid
from recsat.arms.popularity import Popularity
from recsat.lists.candidates import StoreRetriever
from recsat.lists.make import lists_of
from recsat.plugins import load_plugins
from recsat.run import RunFolder, StageContext
from recsat.stages.index import opened_retriever, payload_fields, retriever_of
from recsat.stages.prepare import read_split
from recsat.stages.trial.fold import Fold
from recsat.stages.trial.fold import test_fold as final_fold
from recsat.stages.trial.inputs import embedded_inputs
from recsat.stages.trial.request import request_of


@pytest.fixture(scope="module")
def context(finished_run: Path) -> StageContext:
    return StageContext.open(RunFolder(finished_run), load_plugins(["content"]))


@pytest.fixture
def retriever(context: StageContext, tmp_path: Path) -> Iterator[StoreRetriever]:
    """Over a store of its own."""
    store = context.config.store.model_copy(update={"directory": str(tmp_path)})
    elsewhere = replace(context, config=context.config.model_copy(update={"store": store}))
    with opened_retriever(elsewhere) as opened:
        yield opened


@pytest.fixture(scope="module")
def fold(context: StageContext) -> Fold:
    return final_fold(embedded_inputs(context), read_split(context.folder, "warm"))


def test_the_alias_serves_the_runs_vectors(context: StageContext, retriever: StoreRetriever) -> None:
    vectors = context.folder.read_arrays("vectors/items.safetensors")
    assert retriever.alias == "recsat-content"
    shape = retriever.store.shape(retriever.alias)
    assert dict(shape.vectors) == {name: matrix.shape[1] for name, matrix in vectors.items()}
    assert retriever.store.count(retriever.alias) == len(context.catalogue)


def test_an_arms_own_vectors_are_published_beside_the_runs_and_retrieved_by(
    context: StageContext, retriever: StoreRetriever, fold: Fold
) -> None:
    hybrid = Hybrid().fit(fold.train)
    arm_retriever = retriever_of(context, retriever, hybrid, "-warm-hybrid")
    assert arm_retriever.alias == "recsat-content-warm-hybrid"
    names = set(retriever.store.shape(arm_retriever.alias).vectors)
    assert set(hybrid.stored_vectors()) < names
    assert set(hybrid.queries(fold.users)) <= names
    request = replace(request_of(context.config, context.domain), n_candidates=20)
    recommended = lists_of(fold, "hybrid", hybrid, request, retriever=arm_retriever)
    assert recommended.source.startswith("qdrant:")
    assert recommended.candidate_recall is not None
    assert recommended.candidate_recall > 0.8


def test_an_arm_without_vectors_shares_the_runs_alias(
    context: StageContext, retriever: StoreRetriever, fold: Fold
) -> None:
    assert retriever_of(context, retriever, Popularity().fit(fold.train), "-warm-popularity") is retriever
    assert retriever.store.aliases().keys() == {"recsat-content"}


def test_candidates_are_the_nearest_that_the_filters_permit(
    context: StageContext, retriever: StoreRetriever, fold: Fold
) -> None:
    vectors = context.folder.read_arrays("vectors/items.safetensors")["text"]
    queries = vectors[:3]
    permitted = fold.plan.mask(slice(0, 3))
    scores = np.where(permitted, queries @ vectors.T, -np.inf)
    [items] = retriever.candidates({"text": queries}, 5, fold.plan, slice(0, 3))
    np.testing.assert_array_equal(items, np.argsort(-scores, axis=1, kind="stable")[:, :5])


def test_payload_has_the_kind_and_what_the_filters_look_at_and_the_items_have() -> None:
    items = pl.DataFrame({"item_id": ["a"], "kind": ["movie"], "year": [1999]})
    rules = {
        "old": CandidateFilter(name="old", description="", where=lambda context: None, fields={"year": "integer"}),
        "cheap": CandidateFilter(name="cheap", description="", where=lambda context: None, fields={"price": "float"}),
    }
    assert payload_fields(rules, items) == {"kind": "keyword", "year": "integer"}
