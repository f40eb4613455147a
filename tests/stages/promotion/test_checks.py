"""What a model and its index must have whatever the policy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsat.config.settings import StoreSettings
from recsat.plugins import load_plugins
from recsat.stages.model.loaded import Model
from recsat.stages.promotion.checks import Failed, makes_lists, recall_of_index, whole_index
from recsat.store import open_store


def test_points_are_counted(tmp_path: Path) -> None:
    with open_store(StoreSettings(backend="memory"), tmp_path) as store:
        store.ensure_collection("c", {"text": 2})
        store.upsert_table("c", [1, 2], {"text": np.eye(2, dtype=np.float32)}, pl.DataFrame({"kind": ["a", "b"]}))
        assert whole_index(store, "c", 2) == "2 points, as many as items"
        with pytest.raises(Failed, match="has 2 points and the catalogue 3 items"):
            whole_index(store, "c", 3)


def test_candidates_must_have_what_the_exact_list_has() -> None:
    assert recall_of_index(None, "ease", 0.95) == "arm ease scores the whole catalogue"
    assert recall_of_index(0.95, "text", 0.95) == "candidates have 0.950 of the exact lists"
    with pytest.raises(Failed, match=r"the index has 0\.940 of the exact lists of arm text"):
        recall_of_index(0.94, "text", 0.95)


def test_a_model_that_leaves_everybody_to_the_fallback_fails(finished_run: Path) -> None:
    from dataclasses import replace

    model = Model.load(finished_run, load_plugins(["content"]))
    assert makes_lists(model, seed=0).startswith("lists for ")
    nothing = model.item_masks.with_columns(**{name: np.zeros(model.item_masks.height, dtype=bool) for name in model.item_masks.columns})  # fmt: skip
    with pytest.raises(Failed, match="has no list of arm"):
        makes_lists(replace(model, item_masks=nothing), seed=0)
