"""An index of shorter and smaller vectors: candidates are sought by them, lists scored by the whole ones, and the report says so."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recsat.arms.text import TextSimilarity
from recsat.lists.candidates import WideRetriever
from recsat.lists.make import lists_of
from recsat.plugins import load_plugins
from recsat.run import RunFolder, StageContext
from recsat.stages.index import (
    compression_notes,
    directions_of,
    index,
    opened_retriever,
    retriever_of,
)
from recsat.stages.prepare import read_split
from recsat.stages.trial.fold import test_fold as final_fold
from recsat.stages.trial.inputs import embedded_inputs
from recsat.stages.trial.request import request_of

WIDTH = 24


def compressed(finished_run: Path, place: Path, **settings: object) -> StageContext:
    """A copy of the run whose index is made anew under these settings of the store."""
    shutil.copytree(finished_run, place / "run")
    context = StageContext.open(RunFolder(place / "run"), load_plugins(["content"]))
    store = context.config.store.model_copy(update={"directory": str(place / "store"), "wait_s": 0.0, **settings})
    context = replace(context, config=context.config.model_copy(update={"store": store}))
    index(context)
    return context


def test_shorter_vectors_are_what_the_index_holds_and_what_queries_become(finished_run: Path, tmp_path: Path) -> None:
    context = compressed(finished_run, tmp_path, principal=WIDTH)
    vectors, directions = context.folder.read_arrays("vectors/items.safetensors"), directions_of(context.folder)
    assert {name: matrix.shape for name, matrix in directions.items()} == {"raw": (384, WIDTH), "text": (384, WIDTH)}
    np.testing.assert_allclose(directions["text"].T @ directions["text"], np.eye(WIDTH), atol=1e-5)
    fold = final_fold(embedded_inputs(context), read_split(context.folder, "warm"))
    arm = TextSimilarity(vector="text").fit(fold.train)
    with opened_retriever(context) as retriever:
        assert set(dict(retriever.store.shape(retriever.collection).vectors).values()) == {WIDTH}
        users = fold.train.users.take(slice(0, 8))
        plan = fold.plan
        queries = {"text": arm.query_vectors(users)}
        [nearest] = retriever.candidates(queries, 20, plan, slice(0, 8))
        [wide] = WideRetriever(retriever).candidates(queries, 20, plan, slice(0, 8))
        np.testing.assert_array_equal(nearest, wide)
        short = (queries["text"] @ directions["text"]) @ (vectors["text"] @ directions["text"]).T
        for row in range(8):
            allowed = plan.mask(slice(row, row + 1))[0]
            best = np.argsort(-np.where(allowed, short[row], -np.inf), kind="stable")[:20]
            assert set(nearest[row][nearest[row] >= 0]) == set(best[: (nearest[row] >= 0).sum()])
        # Scored by the whole vectors: with all items as candidates the lists are those of the catalogue.
        request = replace(request_of(context.config, context.domain), n_candidates=len(context.catalogue))
        sought = lists_of(fold, "text", arm, request, retriever=retriever_of(context, retriever, arm))
        exact = lists_of(fold, "text", arm, request)
        assert sought.lists["item_id"].equals(exact.lists["item_id"])
    [note] = compression_notes(context)
    assert note.startswith(f"candidates are sought by {WIDTH} principal directions of ")
    share = len(context.catalogue) * 2 * 4 / 1e6
    assert f"{share * WIDTH:.1f} MB where whole vectors take {share * 384:.1f} MB" in note


def test_an_arms_vectors_in_the_place_of_the_runs_are_whole(finished_run: Path, tmp_path: Path) -> None:
    context = compressed(finished_run, tmp_path, principal=WIDTH)
    fold = final_fold(embedded_inputs(context), read_split(context.folder, "warm"))

    class WithText(TextSimilarity):
        def stored_vectors(self) -> dict[str, np.ndarray]:
            return {"text": self.item_vectors}

    arm = WithText(vector="text").fit(fold.train)
    with opened_retriever(context) as retriever:
        of_arm = retriever_of(context, retriever, arm)
        assert set(retriever.directions) - set(of_arm.directions) == {"text"}
        assert dict(of_arm.store.shape(of_arm.collection).vectors)["text"] == 384
        assert len(of_arm.candidates(arm.queries(fold.train.users), 5, fold.plan, slice(0, 3))) == 1


def test_one_byte_a_number_is_said_with_its_oversampling(finished_run: Path, tmp_path: Path) -> None:
    context = compressed(finished_run, tmp_path, quantisation="int8", oversampling=3.0)
    [note] = compression_notes(context)
    assert "sought by one byte a number, oversampling 3: " in note
    assert directions_of(context.folder) == {}
    with opened_retriever(context) as retriever:
        assert retriever.store.layout.oversampling == 3.0


def test_whole_vectors_are_no_news(finished_run: Path) -> None:
    context = StageContext.open(RunFolder(finished_run), load_plugins(["content"]))
    assert compression_notes(context) == []


@pytest.mark.parametrize("setting", ["principal", "oversampling"])
def test_settings_have_bounds(setting: str) -> None:
    from pydantic import ValidationError

    from recsat.config.settings import StoreSettings

    with pytest.raises(ValidationError):
        StoreSettings.model_validate({setting: 0})
