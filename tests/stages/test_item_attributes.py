"""A domain with attributes of items: from the plugin through the store to the lists and their reasons."""

from __future__ import annotations

import importlib
from pathlib import Path

import polars as pl
import pytest

from recsat import RunConfig
from recsat.plugins import load_plugins
from recsat.run import execute
from recsat.run.folder import open_run
from recsat.stages import PIPELINE
from recsat.stages.model.loaded import Model
from recsat.store import open_store

SOURCE = r"""
from dataclasses import replace

import polars as pl
from recsat import hookimpl
from recsat_content.domain import CONTENT


def attributes(items, config):
    decade = items.select("item_id", relation=pl.lit("decade"), value=pl.col("title").str.extract(r"\((\d{3})"))
    letter = items.select("item_id", relation=pl.lit("letter"), value=pl.col("title").str.slice(0, 2))
    return pl.concat([decade, letter])


RELATED = replace(CONTENT, name="related", item_attributes=attributes)


@hookimpl
def recsat_domain():
    return RELATED
"""


@pytest.fixture
def related(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "recsat_related.py").write_text(SOURCE, encoding="utf-8")
    info = tmp_path / "recsat_related-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: recsat-related\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[recsat]\nrelated = recsat_related\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    return "related"


def test_attributes_are_vectors_of_the_store_and_words_of_reasons(
    related: str, small_run_config: RunConfig, tmp_path: Path
) -> None:
    settings = small_run_config.model_dump() | {
        "domain": related,
        "arms": ["popularity", "ease"],
        "splits": [{"name": "warm", "protocol": "random"}],
        "home": str(tmp_path / "home"),
    }
    plugins = load_plugins([related])
    folder = open_run(execute(RunConfig.model_validate(settings), plugins, stages=PIPELINE))
    arrays = folder.read_arrays("vectors/items.safetensors")
    assert set(arrays) == {"raw", "text", "graph"}
    with open_store(folder.config().store, folder.config().store.directory) as store:
        assert "graph" in store.shape(folder.read_json("vectors/published.json")["collection"]).vectors
    reasons = pl.read_parquet(folder.path / "lists" / "warm.parquet").filter(pl.col("arm") == "ease")["reason"]
    saying = reasons.filter(reasons.str.contains("^same (decade|letter) as .+, which you liked$"))
    assert 0 < len(saying) < len(reasons)
    # A kept model says the same.
    users = open_run(folder.path).read_table("data/events.parquet")["user_id"].unique().sort().head(20).to_list()
    model = Model.load(folder.path, plugins)
    assert model.recommend(users, k=10)["reason"].str.contains("^same ").any()
