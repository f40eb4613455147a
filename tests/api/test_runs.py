"""A run and a fit in Python are those of the commands."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from readers import events_frame, items_frame

import recsat
from recsat import Dataset, RunConfig, RunResult
from recsat.api.runs import fit, run, run_config
from recsat.plugins import load_plugins
from recsat.run import RunFolder
from recsat.run.execute import execute
from recsat.stages import PIPELINE, PREPARE


def test_settings_by_name_win_over_a_mapping(readers: Dataset) -> None:
    settings = {"arms": ["text"], "seed": 7, "rank": {"k": 5}}
    config = run_config(readers, ["ease"], ["random", {"name": "cold", "protocol": "cold-items"}], "here", settings)
    assert config.arms == ["ease"]
    assert [(split.name, split.protocol) for split in config.splits] == [("random", "random"), ("cold", "cold-items")]
    assert (config.seed, config.rank.k, config.home, config.domain) == (7, 5, "here", "content")


def test_settings_may_be_a_run_config(readers: Dataset) -> None:
    config = run_config(readers, splits="last-n", settings=RunConfig(seed=3))
    assert (config.seed, config.splits[0].protocol) == (3, "last-n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"settings": {"rank": {"kk": 3}}}, r"rank\.kk is no setting\. Did you mean 'rank\.k'\?"),
        ({"splits": "timelime"}, "must be one of timeline, last-n"),
        ({"settings": 3}, "settings is a int. Give a mapping"),
        (
            {"settings": {"domain": "game"}},
            'settings are of another domain than the data: domain was "content" and is "game"',
        ),
    ],
)
def test_wrong_settings_are_refused_in_one_line(readers: Dataset, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(recsat.ConfigError, match=message) as refusal:
        run_config(readers, **arguments)
    assert "\n" not in str(refusal.value)


def test_what_is_no_dataset_is_refused(readers: Dataset) -> None:
    with pytest.raises(recsat.DataError, match=r"data is a DataFrame\. Make it with recsat\.load"):
        run(readers.events)  # type: ignore[arg-type]
    with pytest.raises(recsat.DataError, match="data name no domain"):
        run(dataclasses.replace(readers, domain=""))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: dataclasses.replace(data, events=data.events.with_columns(item_id=pl.lit("nowhere"))),
        lambda data: dataclasses.replace(data, events=data.events.drop("timestamp")),
        lambda data: dataclasses.replace(data, items=data.items.with_columns(odd=pl.lit(object(), dtype=pl.Object))),
    ],
    ids=["items unknown", "column missing", "no file can hold it"],
)
def test_data_that_are_refused_leave_no_folder(readers: Dataset, spoil: Any, tmp_path: Path) -> None:
    with pytest.raises(recsat.DataError):
        run(spoil(readers), arms=["ease"], splits="random", home=tmp_path)
    assert not list(tmp_path.glob("runs/*"))
    assert not list(tmp_path.glob("runs/.*"))


def test_without_a_home_a_temporary_working_directory_is_refused(
    readers: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RECSAT_HOME", raising=False)
    with pytest.raises(recsat.ConfigError, match="state would be lost: no home is set"):
        run(readers, arms=["ease"], splits="random")


def test_the_room_can_be_called_after_it_was_imported(readers: Dataset) -> None:
    code = "import recsat.run.folder, recsat; print(callable(recsat.run), recsat.run.RunFolder.__name__)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "True RunFolder\n"
    with pytest.raises(recsat.ConfigError, match="nothere"):
        recsat.run(readers, arms=["nothere"])


def test_a_run_of_frames_is_the_run_of_the_same_files(result: RunResult, tmp_path: Path) -> None:
    items_frame().write_csv(tmp_path / "items.csv")
    events_frame().write_csv(tmp_path / "events.csv")
    tree = json.loads((result.folder / "config.json").read_text())
    tree |= {"home": str(tmp_path), "domain_config": {"layout": "tables", "folder": str(tmp_path)}}
    for places in ("runs_dir", "cache_dir", "store"):
        del tree[places]
    files = RunResult.load(execute(RunConfig.model_validate(tree), load_plugins(), stages=PIPELINE))
    assert files.result.data_fingerprint == result.result.data_fingerprint
    assert files.result.arms == result.result.arms


def test_items_without_a_text_are_listed_beside_those_that_have_one(tmp_path: Path) -> None:
    """From files: eight books without a title and a genre. Arms that read leave them for last; what others liked does not."""
    without_text = pl.col("item_id").is_in([f"b{i}" for i in range(8)])
    blank = [pl.when(~without_text).then(pl.col(name)).alias(name) for name in ("title", "genres")]
    items_frame().with_columns(blank).write_csv(tmp_path / "items.csv")
    events_frame().write_csv(tmp_path / "events.csv")
    data = recsat.load("content", folder=tmp_path)
    settings = {"measure": {"n_bootstrap": 100, "controls": [], "curves": False}, "data": {"min_item_events": 2}}
    result = run(data, arms=["ease", "text"], splits="random", home=tmp_path, settings=settings)
    assert any(note.startswith("items: 8 of 24 have no text") for note in result.result.data.notes)
    assert result.lists("ease").to_polars().filter(without_text).height > 0
    vectors = RunFolder(result.folder).read_arrays("vectors/items.safetensors")
    items = RunFolder(result.folder).read_table("data/items.parquet")
    for name in ("raw", "text"):
        assert (~vectors[name].any(axis=1)).tolist() == items.select(without_text).to_series().to_list()


def test_a_run_of_frames_goes_on_from_its_folder_alone(readers: Dataset, tmp_path: Path) -> None:
    config = run_config(readers, ["ease"], "random", tmp_path, {"data": {"min_item_events": 2}})
    folder = execute(config, load_plugins(), stages=[], data=readers)
    execute(config, load_plugins(), stages=[PREPARE], resume=folder)
    events = pl.read_parquet(folder / "data/events.parquet")
    assert set(events["user_id"]) == set(readers.events["user_id"])
    assert json.loads((folder / "data/summary.json").read_text())["source"] == "Tables given in Python."


def test_a_fitted_arm_recommends_and_is_saved(readers: Dataset, tmp_path: Path) -> None:
    settings = {"measure": {"n_bootstrap": 100}, "data": {"min_item_events": 2}}
    model = fit(readers, "ease", "random", parameters={"l2": 50.0}, home=tmp_path / "home", settings=settings)
    assert (model.card.arm, model.card.parameters) == ("ease", {"l2": 50.0})
    lists = model.recommend(["u1", "nobody"], k=3)
    assert lists["user_id"].to_list() == ["u1"] * 3 + ["nobody"] * 3
    known = set(events_frame().filter(pl.col("user_id") == "u1")["item_id"])
    assert not known & set(lists.filter(pl.col("user_id") == "u1")["item_id"])
    copy = model.save(tmp_path / "model")
    assert recsat.Model.load(copy).recommend(["u1", "nobody"], k=3).equals(lists)
    assert model.save(copy) == copy

    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "years.txt").write_text("work")
    with pytest.raises(recsat.SavedModelError, match="thesis is there and no model folder"):
        model.save(tmp_path / "thesis")
    assert (tmp_path / "thesis" / "years.txt").read_text() == "work"
    with pytest.raises(recsat.SavedModelError, match="has another model by now"):
        dataclasses.replace(model, fingerprint="0" * 64).save(tmp_path / "copy")
    later = model.after(readers.events.head(1).drop("_file", "_row"))
    with pytest.raises(recsat.SavedModelError, match="later events is not saved"):
        later.save(tmp_path / "later")


def test_importing_recsat_is_light() -> None:
    heavy = ["torch", "prefect", "transformers", "qdrant_client", "pandas", "sklearn", "implicit"]
    code = f"import sys, recsat; recsat.load; recsat.run; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"rating_scale": [1, 10]}, "rating_scale"),
        ({"folder": "/elsewhere"}, "folder"),
        ({"tables": {"items": {"separator": ";"}}}, "tables"),
        ({"simulated_users": 50}, "simulated_users"),
    ],
)
def test_settings_by_which_files_are_read_come_too_late_for_data(settings: dict[str, Any], name: str) -> None:
    data = recsat.Dataset.from_frames(items_frame(), events_frame())
    with pytest.raises(
        recsat.ConfigError, match=rf"^domain_config\.{name}: the data are read already, and by another {name}\."
    ):
        run_config(data, settings={"domain_config": settings})


def test_settings_by_which_the_data_were_read_may_be_said_again(tmp_path: Path) -> None:
    items_frame().write_csv(tmp_path / "items.csv")
    events_frame().write_csv(tmp_path / "events.csv")
    data = recsat.load("content", folder=tmp_path, rating_scale=(0, 5))
    same = {"folder": os.path.relpath(tmp_path), "rating_scale": (0, 5), "layout": "tables", "liked_from": 3}
    assert run_config(data, settings={"domain_config": same}).domain_config["liked_from"] == 3
