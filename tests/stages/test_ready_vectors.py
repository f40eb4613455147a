"""A domain with ready vectors: from the plugin through the store to the lists."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from recsat import RunConfig
from recsat.embed.image import EFFICIENTNET
from recsat.embed.packaged import find_packaged
from recsat.errors import EncoderError
from recsat.plugins import load_plugins
from recsat.result.model import Result
from recsat.run import execute
from recsat.run.execute import run_stage
from recsat.run.folder import new_run, open_run
from recsat.stages import EMBED, PIPELINE, PREPARE
from recsat.store import open_store

PICTURED = """
from dataclasses import replace

import numpy as np
from recsat import hookimpl
from recsat_content.domain import CONTENT


def vectors(items, config):
    genres = sorted({genre for row in items["genres"] for genre in row})
    image = np.array([[genre in row for genre in genres] for row in items["genres"]], dtype=np.float32)
    image[0] = 0  # an item without a picture
    return {"image": image}


PICTURED = replace(CONTENT, name="pictured", item_vectors=vectors)


@hookimpl
def recsat_domain():
    return PICTURED
"""


WITH_PICTURES = PICTURED.replace("item_vectors=vectors", "item_pictures=pictures").replace(
    "PICTURED = replace",
    """
def pictures(items, config):
    import polars as pl

    first = items["genres"].list.first()
    return pl.Series([None if genre is None else f"{config.folder}/{genre}.png" for genre in first])


PICTURED = replace""",
)


def install(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution of one module that metadata finds."""
    (tmp_path / "recsat_pictured.py").write_text(source, encoding="utf-8")
    info = tmp_path / "recsat_pictured-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: recsat-pictured\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[recsat]\npictured = recsat_pictured\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "recsat_pictured", raising=False)


@pytest.fixture
def pictured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A domain with ready vectors, installed."""
    install(PICTURED, tmp_path, monkeypatch)
    yield "pictured"
    sys.modules.pop("recsat_pictured", None)


def test_ready_vectors_are_named_vectors_of_the_store_and_of_the_multimodal_arm(
    pictured: str, small_run_config: RunConfig, tmp_path: Path
) -> None:
    settings = small_run_config.model_dump() | {
        "domain": pictured,
        "arms": ["popularity", "aligned", "multimodal"],
        "splits": [{"name": "cold", "protocol": "cold-items"}],
        "parameters": {"aligned": {"l2": 3.0, "popularity_power": 0.0}, "multimodal": {"l2": 3.0}},
        "home": str(tmp_path),
    }
    folder = open_run(execute(RunConfig.model_validate(settings), load_plugins([pictured]), stages=PIPELINE))
    arrays = folder.read_arrays("vectors/items.safetensors")
    n_items = folder.read_table("data/items.parquet").height
    assert set(arrays) == {"raw", "text", "image"}
    assert len(arrays["image"]) == n_items
    assert not arrays["image"][0].any()
    with open_store(folder.config().store, folder.config().store.directory) as store:
        collection = folder.read_json("vectors/published.json")["collection"]
        assert dict(store.shape(collection).vectors) == {name: matrix.shape[1] for name, matrix in arrays.items()}
        assert store.count(collection) == n_items
    result = Result.model_validate(folder.read_json("result.json"))
    [arm_result] = [arm for arm in result.arms if arm.name == "multimodal" and arm.slice == "all"]
    assert "text_share" in arm_result.parameters
    [retrieval] = [row for row in result.retrieval if row.arm == "multimodal"]
    assert retrieval.candidate_recall == 1.0  # fewer items than candidates
    lists = pl.read_parquet(folder.path / "lists" / "cold.parquet")
    assert lists.filter(pl.col("arm") == "multimodal").height


def test_pictures_become_vectors_of_the_image_encoder(
    small_run_config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        find_packaged(EFFICIENTNET)
    except EncoderError as error:
        pytest.skip(str(error))
    install(WITH_PICTURES, tmp_path, monkeypatch)
    data = tmp_path / "data"
    shutil.copytree(str(small_run_config.domain_config["folder"]), data)
    settings = small_run_config.model_dump() | {
        "domain": "pictured",
        "domain_config": {"folder": str(data)},
        "home": str(tmp_path),
    }
    plugins = load_plugins(["pictured"])
    folder = new_run(RunConfig.model_validate(settings))
    run_stage(folder, PREPARE, plugins)
    genres = folder.read_table("data/items.parquet")["genres"].list.first()
    for place, genre in enumerate(sorted(genres.drop_nulls().unique())):
        Image.new("RGB", (64, 64), f"hsl({18 * place}, 90%, 50%)").save(data / f"{genre}.png")
    run_stage(folder, EMBED, plugins)
    image = folder.read_arrays("vectors/items.safetensors")["image"]
    assert image.shape == (len(genres), 1280)
    same = np.array([[a == b for a in genres] for b in genres])
    assert (image @ image.T)[same].min() > 0.999
    assert (image @ image.T)[~same].max() < 0.9999
    sys.modules.pop("recsat_pictured", None)
