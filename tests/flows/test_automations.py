"""Automations: words that Prefect knows, and what they do on a real server."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect import flow
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.objects import FlowRun
from prefect.events import emit_event
from prefect.events.actions import RunDeployment, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger
from prefect.settings import PREFECT_API_URL
from prefect.states import Completed, Crashed, Running, Submitting
from pydantic import BaseModel

from recsat.errors import ConfigError
from recsat_flows import automations
from recsat_flows.automations import apply, entries
from recsat_flows.deployments import deploy, deployments, make_pool
from recsat_flows.resume_crashed import resume_crashed

BLOCK = "recsat-alerts"


def until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.2)
    return value


def resolved(entry: dict[str, Any]) -> dict[str, Any]:
    """The entry with ids of nothing in the place of names."""
    ids = {"deployment": "deployment_id", "block": "block_document_id"}
    actions = [
        {ids.get(key, key): str(uuid4()) if key in ids else value for key, value in action.items()}
        for action in entry["actions"]
    ]
    return {**entry, "actions": actions}


def unread(model: BaseModel, written: dict[str, Any]) -> set[str]:
    return {key for key in written if key not in type(model).model_fields}


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry["name"])
def test_prefect_reads_every_word(entry: dict[str, Any]) -> None:
    written = resolved(entry)
    read = AutomationCore.model_validate(written)
    assert unread(read, written) == set()
    assert unread(read.trigger, written["trigger"]) == set()
    for action, words in zip(read.actions, written["actions"], strict=True):
        assert unread(action, words) == set()
    assert isinstance(read.trigger, EventTrigger)


@pytest.fixture(scope="module")
def deployed(server: None, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("home")
    with get_client(sync_client=True) as client:
        make_pool(client)
        for one in deployments([]):
            deploy(client, one, home=home, environment={})


@pytest.mark.server
@pytest.mark.usefixtures("prefect")
def test_a_deployment_that_is_not_there_is_named() -> None:
    entry = {"name": "x", "actions": [{"type": "run-deployment", "deployment": "resume-crashed/none"}]}
    with (
        get_client(sync_client=True) as client,
        pytest.raises(ConfigError, match="no deployment 'resume-crashed/none'"),
    ):
        automations.automation(client, entry)


class Listener(http.server.ThreadingHTTPServer):
    def __init__(self) -> None:
        self.bodies: list[str] = []
        super().__init__(("127.0.0.1", 0), Hook)


class Hook(http.server.BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.server
@pytest.mark.usefixtures("prefect", "deployed")
def test_a_regression_is_heard_of_and_without_a_block_the_rest_is_applied(listener: Listener) -> None:
    with get_client(sync_client=True) as client:
        left_out = apply(client)
        assert [sentence.partition(" ")[0] for sentence in left_out] == ["recsat-no-evaluation", "recsat-regressed"]
        assert f"no notification block {BLOCK}" in left_out[0]
        [resume] = client.read_automations_by_name("recsat-resume-crashed")
        assert isinstance(resume.actions[0], RunDeployment)
        CustomWebhookNotificationBlock(
            name=BLOCK,
            url=f"http://127.0.0.1:{listener.server_address[1]}/",
            json_data={"subject": "{{subject}}", "body": "{{body}}"},
        ).save(BLOCK)
        assert apply(client) == []
        assert apply(client) == []  # a second time makes no second one
        [regressed] = client.read_automations_by_name("recsat-regressed")
    assert isinstance(regressed.actions[0], SendNotification)

    def bodies() -> list[str]:
        emit_event(
            "recsat.evaluation.regressed",
            resource={"prefect.resource.id": "recsat.run.r7", "recsat.domain": "content"},
            payload={"domain": "content", "run": "r7", "report": "http://127.0.0.1:4201/r7/report.html"},
        )
        time.sleep(1)  # the server reads its automations anew now and then
        return listener.bodies

    body = until(bodies)[0]
    assert '"subject": "recsat: content is worse than before"' in body.replace('":"', '": "')
    assert "Run r7 of content is worse than the one before it: http://127.0.0.1:4201/r7/report.html" in body


@pytest.mark.server
@pytest.mark.usefixtures("prefect")
def test_a_domain_that_is_not_evaluated_in_time_is_named_and_one_that_is_is_not(listener: Listener) -> None:
    with get_client(sync_client=True) as client:
        CustomWebhookNotificationBlock(
            name=BLOCK, url=f"http://127.0.0.1:{listener.server_address[1]}/", json_data={"body": "{{body}}"}
        ).save(BLOCK, overwrite=True)
        create(client, "recsat-no-evaluation", within=10)
    time.sleep(2)  # the server reads its automations anew now and then

    def evaluated(domain: str) -> None:
        run = {"prefect.resource.id": f"recsat.run.of-{domain}", "recsat.domain": domain}
        emit_event("recsat.evaluation.completed", resource=run, payload={"domain": domain})

    def of_social() -> list[str]:
        evaluated("social")
        time.sleep(1)
        return listener.bodies

    evaluated("content")
    evaluated("social")
    [body] = until(of_social)
    assert "Nothing of content was evaluated for 26 hours" in body


def create(client: SyncPrefectClient, name: str, within: int | None = None) -> None:
    """The automation of that name alone, which waits for ``within`` seconds where that is given."""
    [entry] = [one for one in entries() if one["name"] == name]
    core = automations.automation(client, entry)
    if within is not None:
        trigger = EventTrigger.model_validate({**entry["trigger"], "within": within})
        core = core.model_copy(update={"trigger": trigger})
    for present in client.read_automations_by_name(name):
        client.delete_automation(present.id)
    client.create_automation(core)


@pytest.mark.server
@pytest.mark.usefixtures("prefect", "deployed")
def test_a_run_that_was_taken_and_never_started_counts_as_crashed_and_one_that_was_started_does_not() -> None:
    @flow(name="never-started")
    def never_started() -> None: ...

    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(
            flow_id=client.create_flow(never_started), name="recsat", work_pool_name="recsat", tags=["recsat"]
        )
        create(client, "recsat-never-started", within=10)
        time.sleep(2)  # the server reads its automations anew now and then
        lost, started = (client.create_flow_run_from_deployment(deployment) for _ in range(2))
        for run in (lost, started):
            client.set_flow_run_state(run.id, Submitting(), force=True)
        client.set_flow_run_state(started.id, Running(), force=True)

        def state(run: FlowRun) -> str:
            read = client.read_flow_run(run.id).state
            return "" if read is None else read.type.value

        until(lambda: state(lost) == "CRASHED", 90)
        assert state(started) == "RUNNING"
        client.set_flow_run_state(started.id, Completed(), force=True)


@pytest.mark.server
@pytest.mark.usefixtures("prefect", "deployed")
def test_a_run_without_a_heartbeat_counts_as_crashed_and_is_started_again_twice_at_most() -> None:
    @flow(name="zombie")
    def zombie() -> None: ...

    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(
            flow_id=client.create_flow(zombie), name="recsat", work_pool_name="recsat", tags=["recsat"]
        )
        create(client, "recsat-zombies", within=10)
        create(client, "recsat-resume-crashed")
        run = client.create_flow_run_from_deployment(deployment)
        client.set_flow_run_state(run.id, Running(), force=True)

        def beat() -> None:
            emit_event(
                "prefect.flow-run.heartbeat",
                resource={"prefect.resource.id": f"prefect.flow-run.{run.id}"},
                related=[{"prefect.resource.id": "prefect.tag.recsat", "prefect.resource.role": "tag"}],
            )

        for _ in range(5):
            beat()
            time.sleep(1)

        def state() -> str:
            read = client.read_flow_run(run.id).state
            return "" if read is None else read.type.value

        until(lambda: state() == "CRASHED", 90)

        def resumes() -> list[dict[str, Any]]:
            runs = client.read_flow_runs()
            return [
                one.parameters for one in runs if one.name and one.parameters.get("flow_run", "").endswith(str(run.id))
            ]

        [parameters] = until(resumes, 30)
        assert parameters["flow_run"] == f"prefect.flow-run.{run.id}"
        assert "goes on" in resume_crashed(parameters["flow_run"], wait_s=0)
        assert state() == "SCHEDULED"
        assert "needs nothing" in resume_crashed(str(run.id), wait_s=0)
        for _ in range(2):
            client.set_flow_run_state(run.id, Running(), force=True)
        client.set_flow_run_state(run.id, Crashed(), force=True)
        assert client.read_flow_run(run.id).run_count == 3
        assert "was started 3 times and stays" in resume_crashed(str(run.id), wait_s=0)
        assert state() == "CRASHED"


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.usefixtures("prefect")
def test_a_run_with_a_parameter_that_the_flow_does_not_have_fails_by_its_name_and_is_not_started_again(
    tmp_path: Path,
) -> None:
    [evaluate] = [one for one in deployments(["social"]) if one.kind.name == "evaluate"]
    with get_client(sync_client=True) as client:
        make_pool(client)
        deploy(client, evaluate, home=tmp_path, environment={})
        deployment = client.read_deployment_by_name(evaluate.full_name)
        opened = {**evaluate.schema(), "additionalProperties": True}  # as `prefect deploy` leaves it
        client.update_deployment(deployment.id, DeploymentUpdate(parameter_openapi_schema=opened))
        run = client.create_flow_run_from_deployment(deployment.id, parameters={"confg": {"seed": 1}})
        process = subprocess.run(
            [sys.executable, "-m", "prefect.engine", str(run.id)],
            env={**os.environ, "PREFECT_API_URL": str(PREFECT_API_URL.value()), "RECSAT_HOME": str(tmp_path)},
            check=False,
        )
        assert process.returncode == 1
        assert not (tmp_path / "runs").exists()
        client.set_flow_run_state(
            run.id, Crashed(message="Process exited with status code 1"), force=True
        )  # the worker
        resume_crashed(str(run.id), wait_s=0)
        state = client.read_flow_run(run.id).state
    assert state is not None
    assert state.is_failed()
    assert state.message == "'confg' is no parameter of this flow. Did you mean 'config'? It has: config, key."
