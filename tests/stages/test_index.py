"""What goes into the vector store: the run's vectors, the filters' fields, and an arm's own vectors."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsat import CandidateFilter, RunConfig
from recsat.arms.hybrid.hybrid import Hybrid
from recsat.arms.popularity import Popularity
from recsat.embed.centre import centre, subtract_mean
from recsat.lists.candidates import StoreRetriever
from recsat.lists.make import lists_of
from recsat.plugins import load_plugins
from recsat.run import RunFolder, StageContext
from recsat.stages.index import index, index_mean, opened_retriever, payload_fields, retriever_of
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


def test_a_fresh_index_has_the_runs_own_vectors(context: StageContext, retriever: StoreRetriever) -> None:
    arrays = context.folder.read_arrays
    vectors = arrays("vectors/items.safetensors")
    np.testing.assert_array_equal(index_mean(context), arrays("vectors/mean.safetensors")["mean"])
    records = retriever.store.retrieve(retriever.collection, retriever.index.ids, with_vectors=True)
    for name in ("raw", "text"):
        stored = np.array([record.vector[name] for record in records])  # type: ignore[index,call-overload]
        np.testing.assert_array_equal(stored, vectors[name])


@pytest.mark.parametrize(("size", "n_sent"), [(0.5, 4), (20.0, 89)])
def test_a_later_index_sends_what_changed_unless_the_mean_has_moved_too_far(
    context: StageContext, tmp_path: Path, size: float, n_sent: int
) -> None:
    folder = RunFolder(tmp_path / "run")
    shutil.copytree(context.folder.path, folder.path)
    later = replace(in_store(context, tmp_path / "store"), folder=folder)
    (folder.path / "vectors" / "index-mean.safetensors").unlink()
    assert index(later).n_new == len(context.catalogue) == 89
    first_mean = index_mean(later)
    first = folder.read_json("vectors/published.json")["collection"]

    arrays = folder.read_arrays("vectors/items.safetensors")
    raw = arrays["raw"].copy()
    raw[:4] += size * np.roll(raw[:4], 1, axis=1)  # four new titles
    centred, mean = centre(raw)
    folder.write_arrays("vectors/items.safetensors", arrays | {"raw": raw, "text": centred})
    folder.write_arrays("vectors/mean.safetensors", {"mean": mean})
    counts = index(later)
    assert (counts.n_new, counts.n_cached) == (n_sent, 89 - n_sent)
    second = folder.read_json("vectors/published.json")["collection"]
    assert second != first
    np.testing.assert_array_equal(
        folder.read_arrays("vectors/items.safetensors")["text"], centred
    )  # the run's own stay
    frozen = n_sent == 4
    np.testing.assert_array_equal(index_mean(later), first_mean if frozen else mean)
    with opened_retriever(later) as retriever:
        assert retriever.collection == second
        [record] = retriever.store.retrieve(second, retriever.index.ids[5:6], with_vectors=True)
    centred_by = first_mean if frozen else mean
    np.testing.assert_array_equal(record.vector["text"], subtract_mean(raw[5:6], centred_by)[0])  # type: ignore[index,call-overload]


@pytest.mark.slow
def test_two_runs_of_one_domain_started_together_both_finish(small_run_config: RunConfig, tmp_path: Path) -> None:
    store = {"directory": str(tmp_path / "store")}
    config = RunConfig.model_validate(
        small_run_config.model_dump()
        | {"store": store, "runs_dir": str(tmp_path / "runs"), "cache_dir": str(tmp_path / "cache")}
    )
    (tmp_path / "run.yaml").write_text(config.model_dump_json())
    main = "import sys; from recsat.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", main, "run", "--config", str(tmp_path / "run.yaml")]
    others = [["--set", "seed=1"], ["--set", "data.min_item_events=9"]]  # the second has another catalogue
    runs = [
        subprocess.Popen([*command, *more], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for more in others
    ]
    for run in runs:
        output, _ = run.communicate()
        assert run.returncode == 0, output
    folders = sorted(path for path in (tmp_path / "runs").iterdir() if not path.is_symlink())
    assert len(folders) == 2
    collections = {RunFolder(path).read_json("vectors/published.json")["collection"] for path in folders}
    assert len(collections) == 2
    with open_store(config.store, config.store.directory) as opened:
        assert collections <= set(opened.collections())
        assert opened.aliases() == {}


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
