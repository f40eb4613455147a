"""Embedding in shards: threads, and a real Dask cluster of two processes, leave what one process leaves."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect_processes import until

from recsat import ConfigError, RunConfig
from recsat.config.sources import load_config
from recsat.plugins import load_plugins
from recsat.run import RunFolder, execute
from recsat.stages import EMBED, PIPELINE, PREPARE
from recsat_flows.pipeline import folder_of, run_stages
from recsat_flows.settings import Runner, flow_settings
from recsat_flows.shards import embed_in_shards, task_runner

THROUGH_EMBED = PIPELINE[: PIPELINE.index(EMBED) + 1]


def config_in(place: Path, small: RunConfig) -> RunConfig:
    return small.model_copy(update={"home": str(place), "splits": small.splits[:1]})


@pytest.fixture(scope="module")
def alone(small_run_config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run whose texts one process embedded."""
    config = config_in(tmp_path_factory.mktemp("alone"), small_run_config)
    return RunFolder(execute(config, load_plugins(["content"]), stages=THROUGH_EMBED))


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.usefixtures("prefect")
@pytest.mark.parametrize(
    ("runner", "limit"),  # with a limit each shard has a process of its own
    [("threads", 600.0), ("dask", None), ("dask", 600.0), ("ray", None)],
)
def test_shards_leave_the_vectors_of_one_process_and_the_stage_finds_them(
    small_run_config: RunConfig, alone: RunFolder, tmp_path: Path, runner: Runner, limit: float | None
) -> None:
    if runner != "threads":
        pytest.importorskip(f"prefect_{runner}", reason=f"recsat[{runner}] is not installed")
    config = config_in(tmp_path, small_run_config)
    folder = execute(config, load_plugins(["content"]), stages=[PREPARE], key="sharded")
    n_texts = RunFolder(folder).read_table("data/texts.parquet")["text"].n_unique()

    @flow(name="shards")
    def shards() -> list[dict[str, int]]:
        return [embed_in_shards(folder, 2, runner, limit_s=limit), embed_in_shards(folder, 2)]

    assert shards() == [{"new": n_texts, "cached": 0}, {"new": 0, "cached": n_texts}]
    execute(config, load_plugins(["content"]), stages=THROUGH_EMBED, key="sharded")
    cost = RunFolder(folder).costs()[-1]
    assert (cost.name, cost.n_new) == ("embed", 0)
    together, single = (run.read_arrays("vectors/items.safetensors") for run in (RunFolder(folder), alone))
    assert set(together) == set(single)
    for name, vectors in single.items():
        np.testing.assert_allclose(together[name], vectors, atol=2e-6)


@pytest.mark.server
@pytest.mark.usefixtures("prefect")
def test_a_run_embeds_in_as_many_shards_as_the_worker_s_variables_say(
    small_run_config: RunConfig, alone: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSAT_FLOWS__SHARDS", "3")
    config = config_in(tmp_path, small_run_config)

    @flow(name="to-embed")
    def to_embed() -> str:
        return run_stages(folder_of(config, key="sharded"), THROUGH_EMBED)

    sharded = RunFolder(Path(to_embed()))
    cost = sharded.costs()[-1]
    assert (cost.name, cost.n_new) == ("embed", 0)
    together, single = (run.read_arrays("vectors/items.safetensors")["text"] for run in (sharded, alone))
    np.testing.assert_allclose(together, single, atol=2e-6)
    with get_client(sync_client=True) as client:
        name = FlowFilter(name=FlowFilterName(any_=["to-embed"]))

        def shards() -> list[str]:
            runs = client.read_task_runs(flow_filter=name)
            return sorted(one.name for one in runs if one.name.startswith("embed-shard"))

        until(lambda: shards() == [f"embed-shard {shard} of 3" for shard in range(3)], 60)


def test_workers_of_dask_may_start_processes_where_a_shard_has_a_limit() -> None:
    dask = pytest.importorskip("dask", reason="recsat[dask] is not installed")
    for starts_processes in (True, False):
        task_runner("dask", 2, None, starts_processes=starts_processes)
        assert dask.config.get("distributed.worker.daemon") is not starts_processes


@pytest.mark.parametrize(
    ("variable", "value"),
    [("RECSAT_FLOWS__SHARDS", "0"), ("RECSAT_FLOWS__TASK_RUNNER", "spark"), ("RECSAT_FLOWS__SHARD", "2")],
)
def test_a_wrong_variable_is_named(variable: str, value: str) -> None:
    with pytest.raises(ConfigError, match=variable):
        flow_settings({variable: value})


def test_variables_of_the_flows_do_not_trouble_a_run(caplog: pytest.LogCaptureFixture) -> None:
    environment = {"RECSAT_FLOWS__TASK_RUNNER": "dask", "RECSAT_FLOWS__CLUSTER": "tcp://scheduler:8786"}
    assert load_config(None, environment).config == RunConfig()
    assert caplog.text == ""
    settings = flow_settings(environment)
    assert (settings.task_runner, settings.cluster, settings.shards) == ("dask", "tcp://scheduler:8786", 1)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="n_shards is 0"):
        embed_in_shards(Path("runs/x"), 0)
    with pytest.raises(ConfigError, match="threads have no address"):
        embed_in_shards(Path("runs/x"), 2, address="tcp://127.0.0.1:8786")


def test_a_runner_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("prefect_ray", "prefect_ray.task_runners"):  # the second may be there from a test before
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=r"pip install 'recsat\[ray\]'"):
        embed_in_shards(Path("runs/x"), 2, "ray")
