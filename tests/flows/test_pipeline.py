"""The pipeline as a flow: a real run on a small slice, its artifacts, its form."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from prefect.exceptions import ParameterTypeError
from prefect_processes import newest_artifact

from recsat import ConfigError, RunConfig
from recsat.report.summary import render_summary
from recsat.result.model import Result
from recsat.stages import PIPELINE
from recsat_flows.pipeline import pipeline
from recsat_flows.steps import TASKS


@pytest.mark.server
@pytest.mark.usefixtures("prefect")
def test_a_flow_run_leaves_the_report_and_shows_it_as_an_artifact(small_run_config: RunConfig) -> None:
    folder = Path(pipeline(small_run_config))

    result = Result.model_validate_json((folder / "result.json").read_text())
    assert [cost.name for cost in result.stages] == [stage.name for stage in PIPELINE[:-1]]
    assert {arm.name for arm in result.arms} == {"popularity", "text", "text-words", "ease"}
    assert (folder.parent / "latest").resolve() == folder.resolve()
    summary = newest_artifact("recsat-content-by-hand").data
    assert summary == render_summary(result, str(folder / "report.html"))
    assert newest_artifact("recsat-recommend-progress").data == 100.0


@pytest.mark.server
@pytest.mark.usefixtures("prefect")
def test_a_resumed_flow_runs_only_what_is_missing(
    small_run_config: RunConfig, finished_run: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "runs" / finished_run.name
    shutil.copytree(finished_run, folder)
    costs = json.loads((folder / "stages.json").read_text())
    (folder / "stages.json").write_text(json.dumps([cost for cost in costs if cost["name"] != "report"]))
    before = (folder / "lists" / "warm.parquet").stat().st_mtime_ns
    (folder / "report.html").unlink()

    assert Path(pipeline(small_run_config, resume=str(folder))).resolve() == folder.resolve()
    assert (folder / "report.html").exists()
    assert (folder / "lists" / "warm.parquet").stat().st_mtime_ns == before


@pytest.mark.server
@pytest.mark.usefixtures("prefect")
def test_an_unknown_arm_is_refused_before_a_run_folder_is_made(small_run_config: RunConfig, tmp_path: Path) -> None:
    wrong = small_run_config.model_copy(update={"arms": ["popularty"], "runs_dir": str(tmp_path / "none")})
    with pytest.raises(ConfigError, match="popularty"):
        pipeline(wrong)
    assert not (tmp_path / "none").exists()


def test_there_is_a_task_for_every_stage_in_order() -> None:
    assert [task.name for task in TASKS.values()] == [stage.name for stage in PIPELINE]


def test_the_form_keeps_descriptions_bounds_and_choices() -> None:
    schema = pipeline.parameters.model_dump()
    fields = schema["definitions"]["RankSettings"]["properties"]
    assert fields["k"]["description"] == "Length of a list."
    assert (fields["k"]["minimum"], fields["k"]["maximum"]) == (1, 1000)
    assert "timeline" in schema["definitions"]["SplitSettings"]["properties"]["protocol"]["enum"]
    assert schema["required"] == []
    assert schema["properties"]["resume"]["description"].startswith("Folder of a run that was cut short.")


def test_a_misspelt_setting_is_refused_before_anything_runs() -> None:
    with pytest.raises(ParameterTypeError, match="n_candidate"):
        pipeline.validate_parameters({"config": {"rank": {"n_candidate": 5}}})
