"""What kills a run, and what is left afterwards: a real server, a real worker, real kills, on a small sample."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import psutil
import pytest
from findings import findings
from plugin_wheels import install, site
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolUpdate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import AwaitingRetry
from prefect_processes import SMALL_RUN, Server, posted, until, worker

from recsat import RunConfig
from recsat.plugins import load_plugins
from recsat.run import RunFolder, execute
from recsat.stages import PIPELINE
from recsat.stages.promotion.record import PromotionPlace
from recsat_flows import automations
from recsat_flows.deployments import POOL, deploy, deployments, make_pool
from recsat_flows.forms import expert_form, run_config

__all__ = ["install", "site"]
REPORTED_BY_WORKER = "prefect.flow_runs.worker - Check whether the flow run exceeded its memory"
"""What the worker says of a process that was killed, after what watches the process: a retry before that is overwritten."""

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX's")]


def findings_and_index(folder: Path) -> dict[str, Any]:
    """What the run found, whatever its series; and the collection, whose name is its content's."""
    collection = json.loads((folder / "vectors" / "published.json").read_text(encoding="utf-8"))["collection"]
    return {**findings(folder, "series"), "collection": collection.rpartition("-")[2]}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run by the library, with the same form."""
    plugins = load_plugins()
    form = {**SMALL_RUN, "home": str(tmp_path_factory.mktemp("undisturbed"))}
    config: RunConfig = run_config(expert_form(plugins, "social").model_validate(form), plugins, "social")
    return execute(config, plugins, stages=PIPELINE)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A whole server: the one of other tests has no services, and so nothing that takes a dead run's turn from it."""
    server = Server(tmp_path_factory.mktemp("server"))
    server.start()
    yield server.address
    server.stop()


@pytest.fixture
def client(api: str) -> Iterator[SyncPrefectClient]:
    with temporary_settings({PREFECT_API_URL: api}), get_client(sync_client=True) as connected:
        yield connected


@pytest.fixture
def home(client: SyncPrefectClient, tmp_path: Path) -> Path:
    """A home with the deployments of one domain."""
    make_pool(client)
    for one in deployments(["social"]):
        deploy(client, one, home=tmp_path, environment={"RECSAT_HOME": str(tmp_path)})
    return tmp_path


def submitted(client: SyncPrefectClient, name: str, tenant: str = "default", **parameters: Any) -> FlowRun:
    deployment = client.read_deployment_by_name(name)
    form = {**SMALL_RUN, "store": {"tenant": tenant}, "cache_dir": f".recsat/cache-of-{tenant}"}
    return client.create_flow_run_from_deployment(deployment.id, parameters={"config": form, **parameters})


def allow_at_once(client: SyncPrefectClient, name: str, n: int) -> None:
    """So many runs of the deployment, and of the pool, at once."""
    client.update_deployment(client.read_deployment_by_name(name).id, DeploymentUpdate(concurrency_limit=n))
    client.update_work_pool(POOL, WorkPoolUpdate(concurrency_limit=n))


def wait_for(client: SyncPrefectClient, run: FlowRun, home: Path) -> None:
    """Until the run is completed; whatever else it ends as fails the test with the worker's log."""
    ended = until(lambda: (state := state_of(client, run)) in {"COMPLETED", "FAILED", "CRASHED"} and state, 600)
    assert ended == "COMPLETED", (home / "worker.log").read_text()


def state_of(client: SyncPrefectClient, run: FlowRun) -> str:
    state = client.read_flow_run(run.id).state
    return "" if state is None else state.type.value


def finished(home: Path, key: str) -> list[str]:
    with suppress(OSError, ValueError):
        return [cost.name for cost in RunFolder(home / "runs" / key).costs()]
    return []


def same_within_rounding(folder: Path, undisturbed: Path) -> None:
    """A text has the same vector whatever it is embedded beside, but for its last digits; and so have all figures."""
    vectors, expected = (RunFolder(one).read_arrays("vectors/items.safetensors") for one in (folder, undisturbed))
    assert set(vectors) == set(expected)
    for name, rows in expected.items():
        np.testing.assert_allclose(vectors[name], rows, atol=2e-6)
    of_run, of_undisturbed = (findings(one, "series") for one in (folder, undisturbed))
    assert set(of_run) == set(of_undisturbed)
    for arm, same in zip(of_run["arms"], of_undisturbed["arms"], strict=True):
        assert (arm["name"], arm["split"], set(arm["measures"])) == (same["name"], same["split"], set(same["measures"]))
        for measure, value in same["measures"].items():
            assert arm["measures"][measure]["mean"] == pytest.approx(value["mean"], abs=0.005), (arm["name"], measure)


def test_a_run_killed_in_the_middle_of_one_stage_after_the_other_goes_on_by_retry_and_by_a_fresh_start(
    client: SyncPrefectClient, home: Path, undisturbed: Path, install: Callable[..., Path], tmp_path: Path
) -> None:
    """In embed with one of two shards stored and half of the other, in index with none of its files, in evaluate with one of two."""
    allow_at_once(client, "pipeline-expert/social", 2)
    kills = tmp_path / "kills"
    kills.mkdir()
    stages, keys = {"embed": 2, "index": 1, "evaluate": 2}, ("retried", "fresh")
    for key in keys:
        for stage, n in stages.items():
            (kills / f"{key}.{stage}").write_text(str(n))
    path = os.pathsep.join([str(install("sigkill")), os.environ.get("PYTHONPATH", "")])
    log = home / "worker.log"
    with worker(home, log, PYTHONPATH=path, KILLS=str(kills), RECSAT_FLOWS__SHARDS="2"):
        runs = {key: submitted(client, "pipeline-expert/social", key, key=key) for key in keys}  # each has its own turn
        stood: dict[str, list[str]] = {key: [] for key in keys}
        n_kills = 0
        for stage in stages:
            for key, run in runs.items():
                killed = until(lambda key=key, stage=stage: not (kills / f"{key}.{stage}").exists(), 600)
                until(lambda run=run: state_of(client, run) == "CRASHED", 300)
                assert killed
                names = finished(home, key)
                assert stage not in names
                assert names[: len(stood[key])] == stood[key]
                assert len(names) > len(stood[key])  # and it had come farther than the time before
                stood[key] = names
            runs["fresh"] = submitted(client, "pipeline-expert/social", "fresh", key="fresh")
            n_kills += len(keys)
            until(lambda n=n_kills: log.read_text().count(REPORTED_BY_WORKER) >= n, 300)
            client.set_flow_run_state(runs["retried"].id, AwaitingRetry(), force=True)  # what the UI's Retry sends
        for run in runs.values():
            wait_for(client, run, home)
    assert client.read_flow_run(runs["retried"].id).run_count == 1 + len(stages)
    assert {path.name for path in (home / "runs").iterdir() if not path.is_symlink()} == set(keys)
    for key in keys:
        assert finished(home, key) == [stage.name for stage in PIPELINE]
        assert finished(home, key)[: len(stood[key])] == stood[key]
        same_within_rounding(home / "runs" / key, undisturbed)
    n_texts = RunFolder(home / "runs" / "fresh").read_table("data/texts.parquet")["text"].n_unique()
    counts = [
        tuple(map(int, pair)) for pair in re.findall(r"(\d+) texts embedded, (\d+) from the cache", log.read_text())
    ]
    assert {n_new + n_cached for n_new, n_cached in counts} == {n_texts}
    assert len(counts) == len(keys)
    for _, n_cached in counts:  # a shard and the half of another
        assert 0.7 * n_texts < n_cached < 0.8 * n_texts


def work_of(home: Path, run: FlowRun) -> tuple[float, float]:
    """When the run's first stage wrote its first file, and what it did last was on the disk: its last stage, or the decision about its model."""
    folder = home / "runs" / f"social-{run.id}"
    decisions = PromotionPlace.of(home, "social").history()
    ends = [one.time.timestamp() for one in decisions if one.run_id == folder.name]
    first = min(path.stat().st_mtime for path in (folder / "data").iterdir())
    return first, max([(folder / "stages.json").stat().st_mtime, *ends])


def test_two_deployments_of_one_domain_take_turns_and_both_are_right(
    client: SyncPrefectClient, home: Path, undisturbed: Path
) -> None:
    with worker(home, home / "worker.log"):
        runs = [submitted(client, name) for name in ("pipeline-expert/social", "evaluate/social")]
        for run in runs:
            wait_for(client, run, home)
    for run in runs:
        # The one that comes second says what the first has promoted meanwhile.
        assert {**findings_and_index(home / "runs" / f"social-{run.id}"), "decisions": []} == findings_and_index(
            undisturbed
        )
    first, second = sorted(work_of(home, run) for run in runs)
    assert first[1] <= second[0]
    assert [one.run_id for one in PromotionPlace.of(home, "social").history()] == [f"social-{runs[0].id}"]


def test_a_run_that_stood_still_for_longer_than_its_turn_waits_for_the_one_that_has_it_now(
    client: SyncPrefectClient, home: Path, undisturbed: Path
) -> None:
    allow_at_once(client, "evaluate/social", 2)
    with worker(home, home / "worker.log"):
        slow = submitted(client, "evaluate/social")
        folder = home / "runs" / f"social-{slow.id}"
        until(lambda: "prepare" in finished(home, folder.name), 120, pause=0.005)
        process = psutil.Process(int((folder / ".claim-holder").read_text()))
        process.suspend()
        stood = finished(home, folder.name)
        after = submitted(client, "evaluate/social")
        until(lambda: finished(home, f"social-{after.id}"), 240, pause=0.005)  # the turn of the first is over
        process.resume()
        for run in (after, slow):
            wait_for(client, run, home)
    assert stood[-1] != PIPELINE[-1].name
    for run in (slow, after):
        assert findings_and_index(home / "runs" / f"social-{run.id}") == findings_and_index(undisturbed)
    assert work_of(home, after)[1] <= work_of(home, slow)[1]
    assert "was lost, and is waited for again" in (home / "worker.log").read_text()


def test_what_a_killed_worker_ran_and_what_waits_for_the_next_end_once_each(
    client: SyncPrefectClient, home: Path, undisturbed: Path
) -> None:
    automations.apply(client)
    with worker(home, home / "worker.log") as process:
        running = submitted(client, "evaluate/social")
        until(lambda: "prepare" in finished(home, f"social-{running.id}"), 120, pause=0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    waiting = submitted(client, "evaluate/social")
    with worker(home, home / "worker.log"):
        until(lambda: {state_of(client, run) for run in (running, waiting)} == {"COMPLETED"}, 400)
    for run in (running, waiting):
        assert findings_and_index(home / "runs" / f"social-{run.id}") == findings_and_index(undisturbed)
    names = {path.name for path in (home / "runs").iterdir() if not path.is_symlink()}
    assert names == {f"social-{running.id}", f"social-{waiting.id}"}


def schedule_at(client: SyncPrefectClient, name: str, moment: datetime, n: int) -> set[UUID]:
    """``n`` further schedules of the deployment that hit the same moment: the ids of the flow runs that the server makes of them."""
    deployment = client.read_deployment_by_name(name)
    before = {run.id for run in runs_of(client, deployment.id)}
    interval = IntervalSchedule(interval=timedelta(days=365), anchor_date=moment)
    client.create_deployment_schedules(deployment.id, [(interval, True)] * n)
    times = {"start_time": (moment - timedelta(seconds=1)).isoformat(), "end_time": moment.isoformat()}
    answer = posted(f"{PREFECT_API_URL.value()}/deployments/{deployment.id}/schedule", times)
    assert answer.status_code == 200, answer.text
    due = {run.id for run in runs_of(client, deployment.id) if run.expected_start_time == moment}
    return due - before


def runs_of(client: SyncPrefectClient, deployment: UUID) -> list[FlowRun]:
    return client.read_flow_runs(deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])))


def n_events(event: str, run: str) -> int:
    """How many events of that name the server has of the run."""
    of_run = {"event": {"name": [event]}, "resource": {"id": [f"recsat.run.{run}"]}}
    return len(posted(f"{PREFECT_API_URL.value()}/events/filter", {"filter": of_run}).json()["events"])


def test_one_scheduled_time_that_starts_several_flow_runs_is_one_run(
    client: SyncPrefectClient, home: Path, undisturbed: Path
) -> None:
    """Prefect makes a flow run of each schedule, and two schedules of a deployment may hit one moment."""
    [one] = [deployment for deployment in deployments(["social"]) if deployment.full_name == "pipeline-expert/social"]
    deploy(client, one, home=home, environment={"RECSAT_HOME": str(home)}, parameters={"config": SMALL_RUN})
    allow_at_once(client, one.full_name, 2)
    moment = (datetime.now(UTC) - timedelta(seconds=5)).replace(microsecond=0)
    key = f"social-pipeline-expert-social-{moment:%Y%m%dT%H%M%SZ}"

    def completed(ids: set[UUID]) -> None:
        for run in ids:
            wait_for(client, client.read_flow_run(run), home)

    with worker(home, home / "worker.log"):
        together = schedule_at(client, one.full_name, moment, 2)
        assert len(together) == 2
        completed(together)
        files = {
            path: path.stat().st_mtime_ns for path in (home / "runs" / key).rglob("*") if path.name != ".claim-holder"
        }
        afterwards = schedule_at(client, one.full_name, moment, 1)
        assert len(afterwards) == 1
        completed(afterwards)
    assert [path.name for path in (home / "runs").iterdir() if not path.is_symlink()] == [key]
    assert finished(home, key) == [stage.name for stage in PIPELINE]
    assert {path: path.stat().st_mtime_ns for path in files} == files
    assert findings_and_index(home / "runs" / key) == findings_and_index(undisturbed)
    assert [decision.run_id for decision in PromotionPlace.of(home, "social").history()] == [key]
    until(lambda: n_events("recsat.model.promoted", key), 60)
    assert (n_events("recsat.evaluation.completed", key), n_events("recsat.model.promoted", key)) == (1, 1)
