"""Prefect's server stopped for ten whole minutes in the middle of runs. Twenty minutes: TEN_MINUTES=1 pytest tests/flows/test_ten_minutes.py"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from findings import findings
from plugin_wheels import install, site
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolUpdate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect_processes import Server, until, worker

from recsat.plugins import load_plugins
from recsat.run import RunFolder, execute
from recsat.stages import PIPELINE
from recsat_flows import automations
from recsat_flows.deployments import POOL, deploy, deployments, make_pool
from recsat_flows.forms import expert_form, run_config

__all__ = ["install", "site"]

OUTAGE_S = 600
LONGER_S = 240
"""So much longer one of the runs works: long enough for Prefect to find out that its place under the deployment's limit is lost."""
DEPLOYMENT = "evaluate/social"
FORM: dict[str, Any] = {
    "domain_config": {"sample_users": 60},
    "arms": ["popularity", "text", "ease"],
    "splits": [{"name": "warm", "protocol": "random"}],
    "measure": {"curves": False, "n_bootstrap": 100, "controls": []},
}


class Times:
    """What happened when, in seconds since the server was killed, for whoever reads the test's output."""

    def __init__(self) -> None:
        self._start: float | None = None

    def seconds(self) -> float:
        self._start = self._start or time.monotonic()
        return time.monotonic() - self._start

    def say(self, text: str) -> None:
        sys.stderr.write(f"{self.seconds():5.0f} s: {text}\n")


def task_states(client: SyncPrefectClient, flow_run: UUID) -> dict[str, str]:
    """By stage, the last state that the server has of its task."""
    of_run = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run])))
    return {run.name.rpartition("-")[0]: "" if run.state is None else run.state.name for run in of_run}


def finished(home: Path, key: str) -> list[str]:
    return [cost.name for cost in RunFolder(home / "runs" / key).costs()]


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.skipif("TEN_MINUTES" not in os.environ, reason="takes twenty minutes: set TEN_MINUTES=1")
def test_runs_work_through_ten_minutes_without_the_server_and_are_caught_up(
    tmp_path: Path, install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run works on for longer than the server is away, the other ends meanwhile; neither is crashed, doubled or different."""
    home, pauses, place = (tmp_path / name for name in ("home", "pauses", "server"))
    for folder in (home, pauses, place):
        folder.mkdir()
    path = os.pathsep.join([str(install("pause")), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PAUSES", str(pauses))
    plugins = load_plugins()
    form = expert_form(plugins, "social").model_validate({**FORM, "home": str(tmp_path / "undisturbed")})
    undisturbed = execute(run_config(form, plugins, "social"), plugins, stages=PIPELINE)
    server, times = Server(place), Times()
    server.start()
    try:
        with temporary_settings({PREFECT_API_URL: server.address}):
            with get_client(sync_client=True) as client:
                make_pool(client)
                for one in deployments(["social"]):
                    deploy(client, one, home=home, environment={"RECSAT_HOME": str(home)})
                automations.apply(client)
                deployment = client.read_deployment_by_name(DEPLOYMENT).id
                client.update_deployment(deployment, DeploymentUpdate(concurrency_limit=2))
                client.update_work_pool(POOL, WorkPoolUpdate(concurrency_limit=4))
                runs = {
                    key: client.create_flow_run_from_deployment(
                        deployment, parameters={"config": {**FORM, "store": {"tenant": key}}, "key": key}
                    ).id
                    for key in ("works_on", "ends")
                }
            works_on, ends = pauses / "works_on.recommend", pauses / "ends.index"
            for pause in (works_on, ends):
                pause.touch()
            with worker(home, home / "worker.log", PYTHONPATH=path, PREFECT_CLIENT_MAX_RETRIES="15"):
                until(lambda: len(list(pauses.glob("*.reached"))) == 2, 300)
                server.stop()
                times.say("the server is killed")
                ends.unlink()
                until(lambda: finished(home, "ends")[-1] == PIPELINE[-1].name, OUTAGE_S - 60)
                times.say("the run that ends has finished its stages")
                time.sleep(max(0.0, OUTAGE_S - times.seconds()))
                assert not server.is_healthy()
                server.start()
                times.say("the server is back")
                time.sleep(LONGER_S)
                works_on.unlink()
                states: dict[str, list[str]] = {key: [] for key in runs}

                def are_completed() -> bool:
                    with get_client(sync_client=True) as client:
                        for key, run in runs.items():
                            state = client.read_flow_run(run).state
                            name = "" if state is None else state.name
                            if states[key][-1:] != [name]:
                                states[key].append(name)
                                times.say(f"{key} is {name}")
                    return {names[-1] for names in states.values()} == {"Completed"}

                until(are_completed, 1500, pause=2)
            with get_client(sync_client=True) as client:
                counts = {key: client.read_flow_run(run).run_count for key, run in runs.items()}
                tasks = {key: task_states(client, run) for key, run in runs.items()}
    finally:
        server.stop()
    assert counts == {"works_on": 1, "ends": 1}
    assert tasks == {key: {stage.name: "Completed" for stage in PIPELINE} for key in runs}
    for key in runs:
        assert finished(home, key) == [stage.name for stage in PIPELINE]
        assert findings(home / "runs" / key, "series") == findings(undisturbed, "series")
