"""What kills a run, and what is left afterwards: a real server, a real worker, real kills, on a small sample."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest
from findings import findings
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
from recsat_flows.resume_crashed import SECONDS_TO_SETTLE

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX's")]


def findings_and_index(folder: Path) -> dict[str, Any]:
    """What the run found, whatever its series; and the collection, whose name is its content's."""
    collection = json.loads((folder / "vectors" / "published.json").read_text(encoding="utf-8"))["collection"]
    return {**findings(folder, "series"), "collection": collection.rpartition("-")[2]}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the library finds with the same form."""
    plugins = load_plugins()
    form = {**SMALL_RUN, "home": str(tmp_path_factory.mktemp("undisturbed"))}
    config: RunConfig = run_config(expert_form(plugins, "social").model_validate(form), plugins, "social")
    return findings_and_index(execute(config, plugins, stages=PIPELINE))


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
    form = {**SMALL_RUN, "store": {"tenant": tenant}}
    return client.create_flow_run_from_deployment(deployment.id, parameters={"config": form, **parameters})


def allow_at_once(client: SyncPrefectClient, name: str, n: int) -> None:
    """So many runs of the deployment, and of the pool, at once."""
    client.update_deployment(client.read_deployment_by_name(name).id, DeploymentUpdate(concurrency_limit=n))
    client.update_work_pool(POOL, WorkPoolUpdate(concurrency_limit=n))


def wait_for(client: SyncPrefectClient, run: FlowRun, home: Path) -> None:
    """Until the run is completed; whatever else it ends as fails the test with the worker's log."""
    ended = until(lambda: (state := state_of(client, run)) in {"COMPLETED", "FAILED", "CRASHED"} and state, 300)
    assert ended == "COMPLETED", (home / "worker.log").read_text()


def state_of(client: SyncPrefectClient, run: FlowRun) -> str:
    state = client.read_flow_run(run.id).state
    return "" if state is None else state.type.value


def finished(home: Path, key: str) -> list[str]:
    with suppress(OSError, ValueError):
        return [cost.name for cost in RunFolder(home / "runs" / key).costs()]
    return []


def kill_in(home: Path, key: str, stage: str) -> None:
    """kill -9 of the process that has the run folder, as soon as the stage before ``stage`` is done."""
    before = [one.name for one in PIPELINE][[one.name for one in PIPELINE].index(stage) - 1]
    until(lambda: before in finished(home, key), 120, pause=0.005)
    os.kill(int((home / "runs" / key / ".claim-holder").read_text()), signal.SIGKILL)
    assert stage not in finished(home, key)


def test_runs_killed_in_a_stage_and_retried_find_what_an_undisturbed_one_finds(
    client: SyncPrefectClient, home: Path, undisturbed: dict[str, Any]
) -> None:
    allow_at_once(client, "pipeline-expert/social", 3)
    with worker(home, home / "worker.log"):
        runs = {
            stage: submitted(client, "pipeline-expert/social", stage) for stage in ("embed", "index", "evaluate")
        }  # each with a tenant, and so a turn, of its own
        stood: dict[str, list[str]] = {}
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda item: kill_in(home, f"social-{item[1].id}", item[0]), runs.items()))
        until(lambda: {state_of(client, run) for run in runs.values()} == {"CRASHED"}, 60)
        time.sleep(SECONDS_TO_SETTLE)
        for stage, run in runs.items():
            stood[stage] = finished(home, f"social-{run.id}")
            client.set_flow_run_state(run.id, AwaitingRetry(), force=True)  # what the UI's Retry sends
        for run in runs.values():
            wait_for(client, run, home)
    for stage, run in runs.items():
        key = f"social-{run.id}"
        assert client.read_flow_run(run.id).run_count == 2
        assert stage not in stood[stage]
        assert finished(home, key)[: len(stood[stage])] == stood[stage]
        assert findings_and_index(home / "runs" / key) == undisturbed
    names = {path.name for path in (home / "runs").iterdir() if not path.is_symlink()}
    assert names == {f"social-{run.id}" for run in runs.values()}


def test_a_fresh_start_under_the_key_of_a_killed_run_goes_on_too(
    client: SyncPrefectClient, home: Path, undisturbed: dict[str, Any]
) -> None:
    with worker(home, home / "worker.log"):
        run = submitted(client, "pipeline-expert/social", key="by-hand")
        kill_in(home, "by-hand", "index")
        until(lambda: state_of(client, run) == "CRASHED", 60)
        stood = finished(home, "by-hand")
        again = submitted(client, "pipeline-expert/social", key="by-hand")
        wait_for(client, again, home)
    assert finished(home, "by-hand")[: len(stood)] == stood
    assert findings_and_index(home / "runs" / "by-hand") == undisturbed


def work_of(home: Path, run: FlowRun) -> tuple[float, float]:
    """When the run's first stage wrote its first file, and what it did last was on the disk: its last stage, or the decision about its model."""
    folder = home / "runs" / f"social-{run.id}"
    decisions = PromotionPlace.of(home, "social").history()
    ends = [one.time.timestamp() for one in decisions if one.run_id == folder.name]
    first = min(path.stat().st_mtime for path in (folder / "data").iterdir())
    return first, max([(folder / "stages.json").stat().st_mtime, *ends])


def test_two_deployments_of_one_domain_take_turns_and_both_are_right(
    client: SyncPrefectClient, home: Path, undisturbed: dict[str, Any]
) -> None:
    with worker(home, home / "worker.log"):
        runs = [submitted(client, name) for name in ("pipeline-expert/social", "evaluate/social")]
        for run in runs:
            wait_for(client, run, home)
    for run in runs:
        # The one that comes second says what the first has promoted meanwhile.
        assert {**findings_and_index(home / "runs" / f"social-{run.id}"), "decisions": []} == undisturbed
    first, second = sorted(work_of(home, run) for run in runs)
    assert first[1] <= second[0]
    assert [one.run_id for one in PromotionPlace.of(home, "social").history()] == [f"social-{runs[0].id}"]


def test_a_run_that_stood_still_for_longer_than_its_turn_waits_for_the_one_that_has_it_now(
    client: SyncPrefectClient, home: Path, undisturbed: dict[str, Any]
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
        assert findings_and_index(home / "runs" / f"social-{run.id}") == undisturbed
    assert work_of(home, after)[1] <= work_of(home, slow)[1]
    assert "was lost, and is waited for again" in (home / "worker.log").read_text()


def test_what_a_killed_worker_ran_and_what_waits_for_the_next_end_once_each(
    client: SyncPrefectClient, home: Path, undisturbed: dict[str, Any]
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
        assert findings_and_index(home / "runs" / f"social-{run.id}") == undisturbed
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
    client: SyncPrefectClient, home: Path, undisturbed: dict[str, Any]
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
    assert findings_and_index(home / "runs" / key) == undisturbed
    assert [decision.run_id for decision in PromotionPlace.of(home, "social").history()] == [key]
    until(lambda: n_events("recsat.model.promoted", key), 60)
    assert (n_events("recsat.evaluation.completed", key), n_events("recsat.model.promoted", key)) == (1, 1)
