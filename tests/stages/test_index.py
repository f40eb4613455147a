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
from recsat.store import open_store, promote, publish, sweep


@pytest.fixture(scope="module")
def context(finished_run: Path) -> StageContext:
    return StageContext.open(RunFolder(finished_run), load_plugins(["content"]))


def in_store(context: StageContext, directory: Path) -> StageContext:
    """The run with another store."""
    store = context.config.store.model_copy(update={"directory": str(directory), "wait_s": 0.0})
    return replace(context, config=context.config.model_copy(update={"store": store}))


@pytest.fixture
def retriever(context: StageContext, tmp_path: Path) -> Iterator[StoreRetriever]:
    """Over a store of its own."""
    with opened_retriever(in_store(context, tmp_path)) as opened:
        yield opened


@pytest.fixture(scope="module")
def fold(context: StageContext) -> Fold:
    return final_fold(embedded_inputs(context), read_split(context.folder, "warm"))


def test_the_runs_vectors_are_in_a_collection_named_by_its_content_and_no_alias_moves(
    context: StageContext, retriever: StoreRetriever
) -> None:
    vectors = context.folder.read_arrays("vectors/items.safetensors")
    published = context.folder.read_json("vectors/published.json")
    assert retriever.collection == published["collection"]  # in another store than the run's
    assert retriever.collection.startswith("recsat-default-content-")
    assert published["alias"] == "recsat-default-content"
    shape = retriever.store.shape(retriever.collection)
    assert dict(shape.vectors) == {name: matrix.shape[1] for name, matrix in vectors.items()}
    assert retriever.store.count(retriever.collection) == len(context.catalogue)
    assert retriever.store.aliases() == {}


def test_reading_a_run_leaves_what_production_serves_and_what_others_published(
    context: StageContext, tmp_path: Path
) -> None:
    elsewhere = in_store(context, tmp_path)
    with open_store(elsewhere.config.store, tmp_path) as store:
        served = publish(store, "content", [1], {"text": np.ones((1, 2), dtype=np.float32)}, pl.DataFrame()).collection
        other = publish(store, "content", [2], {"text": np.ones((1, 2), dtype=np.float32)}, pl.DataFrame()).collection
        promote(store, "content", served)
    for _ in range(2):
        with opened_retriever(elsewhere) as retriever:
            of_run = retriever.collection
    with open_store(elsewhere.config.store, tmp_path) as store:
        assert store.aliases() == {"recsat-default-content": served}
        assert set(store.collections()) == {served, other, of_run}


def test_the_store_is_free_for_others_until_candidates_are_asked_for(
    context: StageContext, tmp_path: Path, fold: Fold
) -> None:
    elsewhere = in_store(context, tmp_path)
    with opened_retriever(elsewhere) as retriever:
        with open_store(elsewhere.config.store, tmp_path) as other:
            assert other.collections() == [retriever.collection]
            assert sweep(other, "content", keep_days=0) == []  # it is read
        queries = context.folder.read_arrays("vectors/items.safetensors")["text"][:2]
        [items] = retriever.candidates({"text": queries}, 5, fold.plan, slice(0, 2))
        assert (items >= 0).all()


def test_an_arms_own_vectors_are_published_beside_the_runs_and_retrieved_by(
    context: StageContext, retriever: StoreRetriever, fold: Fold
) -> None:
    hybrid = Hybrid().fit(fold.train)
    arm_retriever = retriever_of(context, retriever, hybrid)
    assert arm_retriever.collection != retriever.collection
    names = set(retriever.store.shape(arm_retriever.collection).vectors)
    assert set(hybrid.stored_vectors()) < names
    assert set(hybrid.queries(fold.users)) <= names
    request = replace(request_of(context.config, context.domain), n_candidates=20)
    recommended = lists_of(fold, "hybrid", hybrid, request, retriever=arm_retriever)
    assert recommended.source.startswith("qdrant:")
    assert recommended.candidate_recall is not None
    assert recommended.candidate_recall > 0.8


def test_an_arms_collection_goes_when_nobody_reads_it_and_the_runs_stays(
    context: StageContext, tmp_path: Path, fold: Fold
) -> None:
    elsewhere = in_store(context, tmp_path)
    with opened_retriever(elsewhere) as retriever:
        arm_collection = retriever_of(elsewhere, retriever, Hybrid().fit(fold.train)).collection
    with open_store(elsewhere.config.store, tmp_path) as store:
        assert sweep(store, "content", keep_days=7) == [arm_collection]
        assert store.collections() == [retriever.collection]


def test_an_arm_without_vectors_shares_the_runs_collection(
    context: StageContext, retriever: StoreRetriever, fold: Fold
) -> None:
    assert retriever_of(context, retriever, Popularity().fit(fold.train)) is retriever


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
