"""Vectors of the run and of its controls."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsat import RunConfig
from recsat.embed.centre import centre
from recsat.embed.words import word_vectors
from recsat.plugins import load_plugins
from recsat.run import RunFolder, StageContext, new_run, run_stage
from recsat.stages import EMBED, PREPARE
from recsat.stages.embed import masked_texts


@pytest.fixture(scope="module")
def controlled(small_run_config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run with every control, embedded."""
    measure = small_run_config.measure.model_copy(update={"controls": ["words", "permuted", "masked"]})
    config = small_run_config.model_copy(
        update={"measure": measure, "runs_dir": str(tmp_path_factory.mktemp("controlled"))}
    )
    folder, plugins = new_run(config), load_plugins(["content"])
    for stage in (PREPARE, EMBED):
        run_stage(folder, stage, plugins)
    return folder


def test_controls_have_raw_and_centred_vectors_beside_the_runs_and_apart_from_them(controlled: RunFolder) -> None:
    items, controls = (controlled.read_arrays(f"vectors/{name}.safetensors") for name in ("items", "controls"))
    assert set(items) == {"raw", "text"}
    names = ("words", "permuted", "masked")
    assert set(controls) == {*names, *(f"{name}-raw" for name in names)}
    for name in names:
        assert len(controls[name]) == len(items["text"])
        np.testing.assert_allclose(controls[name], centre(controls[f"{name}-raw"])[0])


def test_words_are_those_of_the_same_texts(controlled: RunFolder) -> None:
    texts = controlled.read_table("data/texts.parquet")["text"].to_list()
    controls = controlled.read_arrays("vectors/controls.safetensors")
    np.testing.assert_array_equal(controls["words-raw"], word_vectors(texts, 384))


def test_permuted_vectors_are_the_models_on_other_items(controlled: RunFolder) -> None:
    raw = controlled.read_arrays("vectors/items.safetensors")["raw"]
    permuted = controlled.read_arrays("vectors/controls.safetensors")["permuted-raw"]
    assert sorted(map(tuple, raw.round(4).tolist())) == sorted(map(tuple, permuted.round(4).tolist()))
    assert (raw != permuted).any(axis=1).mean() > 0.9


def test_masked_texts_keep_all_but_the_name(controlled: RunFolder) -> None:
    context = StageContext.open(controlled, load_plugins(["content"]))
    texts = masked_texts(context)
    titles = context.catalogue.items["title"]
    assert (
        not pl.DataFrame({"text": texts, "title": titles})
        .select(pl.col("text").str.contains(pl.col("title"), literal=True).any())
        .item()
    )
    assert (texts != "").all()


def test_a_run_without_controls_has_none(small_run_config: RunConfig, tmp_path: Path) -> None:
    measure = small_run_config.measure.model_copy(update={"controls": []})
    config = small_run_config.model_copy(update={"measure": measure, "runs_dir": str(tmp_path)})
    folder, plugins = new_run(config), load_plugins(["content"])
    for stage in (PREPARE, EMBED):
        run_stage(folder, stage, plugins)
    assert folder.read_arrays("vectors/controls.safetensors") == {}


def test_a_control_that_an_arm_of_the_run_reads_has_vectors_whatever_the_measure_asks_for(
    small_run_config: RunConfig, tmp_path: Path
) -> None:
    measure = small_run_config.measure.model_copy(update={"controls": []})
    config = small_run_config.model_copy(
        update={"measure": measure, "arms": ["popularity", "text-words"], "runs_dir": str(tmp_path)}
    )
    folder, plugins = new_run(config), load_plugins(["content"])
    for stage in (PREPARE, EMBED):
        run_stage(folder, stage, plugins)
    assert set(folder.read_arrays("vectors/controls.safetensors")) == {"words", "words-raw"}
