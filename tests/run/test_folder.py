"""The run folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from recsat import RunConfig
from recsat.errors import RunError
from recsat.result.model import StageCost
from recsat.run import RunFolder, new_run, open_run, point_latest


def config(tmp_path: Path) -> RunConfig:
    return RunConfig(runs_dir=str(tmp_path / "runs"))


def test_runs_started_in_one_second_have_folders_of_their_own(tmp_path: Path) -> None:
    folders = {new_run(config(tmp_path)).path for _ in range(5)}
    assert len(folders) == 5


def test_the_configuration_comes_back_as_it_was(tmp_path: Path) -> None:
    wanted = config(tmp_path).model_copy(update={"seed": 7})
    assert open_run(new_run(wanted).path).config() == wanted


def test_latest_moves_to_the_newest_run(tmp_path: Path) -> None:
    first, second = new_run(config(tmp_path)), new_run(config(tmp_path))
    point_latest(first)
    point_latest(second)
    assert (tmp_path / "runs" / "latest").resolve() == second.path.resolve()
    assert open_run(tmp_path / "runs" / "latest").run_id == second.run_id


def test_a_missing_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"data/items\.parquet is missing\. Run the stage that writes it"):
        new_run(config(tmp_path)).read_table("data/items.parquet")


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"it has no config\.json"):
        open_run(tmp_path)


def test_a_stage_that_runs_again_replaces_its_cost(tmp_path: Path) -> None:
    folder: RunFolder = new_run(config(tmp_path))
    for seconds in (1.0, 2.0):
        folder.record(StageCost(name="embed", seconds=seconds, peak_mib=1.0))
    assert [cost.seconds for cost in folder.costs()] == [2.0]


def test_numbers_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        new_run(config(tmp_path)).write_json("x.json", {"value": float("nan")})
