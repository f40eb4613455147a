"""The pipeline as a flow: a real run on a small slice, its artifacts, its form."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.exceptions import ParameterTypeError

from recsat import RunConfig
from recsat.hooks import STAGES
from recsat.report.result import Result
from recsat_content.sample import SAMPLE
from recsat_flows.pipeline import TASKS, pipeline


@pytest.fixture(scope="module")
def slice_of_movielens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 users and the films that at least eight of them rated, in GroupLens' layout."""
    folder = tmp_path_factory.mktemp("movielens")
    ratings = pl.read_csv(SAMPLE / "ratings.csv.gz")
    few = ratings.filter(pl.col("userId").is_in(ratings["userId"].unique().sort().head(40).implode()))
    few = few.filter(pl.len().over("movieId") >= 8)
    movies = pl.read_csv(SAMPLE / "movies.csv.gz").filter(pl.col("movieId").is_in(few["movieId"].unique().implode()))
    for name, table in (("ratings", few), ("movies", movies)):
        (folder / f"{name}.csv.gz").write_bytes(gzip.compress(table.write_csv().encode()))
    shutil.copy(SAMPLE / "tags.csv.gz", folder)
    return folder


def small_run(folder: Path, tmp_path: Path) -> RunConfig:
    return RunConfig.model_validate(
        {
            "domain": "content",
            "domain_config": {"folder": str(folder)},
            "splits": [{"name": "warm", "protocol": "random"}],
            "arms": ["popularity", "text", "ease"],
            "data": {"min_user_events": 3, "min_item_events": 3},
            "parameters": {"ease": {"l2": 50.0}},
            "measure": {"n_bootstrap": 200},
            "runs_dir": str(tmp_path / "runs"),
            "cache_dir": str(tmp_path / "cache"),
            "store": {"directory": str(tmp_path / "store")},
        }
    )


def shown(key: str) -> object:
    """What the newest artifact of that key holds."""
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
    assert len(found) == 1
    return found[0].data


@pytest.mark.server
@pytest.mark.usefixtures("prefect")
def test_a_flow_run_leaves_the_report_and_shows_it_as_an_artifact(slice_of_movielens: Path, tmp_path: Path) -> None:
    folder = Path(pipeline(small_run(slice_of_movielens, tmp_path)))

    result = Result.model_validate_json((folder / "result.json").read_text())
    assert [cost.name for cost in result.stages] == list(STAGES[:-1])
    assert {arm.name for arm in result.arms} == {"popularity", "text", "ease"}
    assert (tmp_path / "runs" / "latest").resolve() == folder.resolve()

    assert shown("recsat-report") == (folder / "report.md").read_text()
    assert shown("recsat-recommend-progress") == 100.0


@pytest.mark.server
@pytest.mark.usefixtures("prefect")
def test_a_resumed_flow_runs_only_what_is_missing(slice_of_movielens: Path, tmp_path: Path) -> None:
    config = small_run(slice_of_movielens, tmp_path)
    folder = Path(pipeline(config))
    costs = json.loads((folder / "stages.json").read_text())
    (folder / "stages.json").write_text(json.dumps([cost for cost in costs if cost["name"] != "report"]))
    before = (folder / "lists" / "warm.parquet").stat().st_mtime_ns
    (folder / "report.html").unlink()

    assert Path(pipeline(config, resume=str(folder))).resolve() == folder.resolve()
    assert (folder / "report.html").exists()
    assert (folder / "lists" / "warm.parquet").stat().st_mtime_ns == before


def test_there_is_a_task_for_every_stage_in_order() -> None:
    assert tuple(step.name for step in TASKS) == STAGES


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
