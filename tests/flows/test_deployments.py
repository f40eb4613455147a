"""Deployments: their forms are those of the installed plugins, their schedules those of the table."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect_processes import asked_for

from recsat.plugins import load_plugins
from recsat_flows.deployments import FOR_ALL, GPU_QUEUE, KINDS, POOL, deploy, deployments, make_pool


@pytest.fixture(scope="module")
def deployed(server: None, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("home")
    with get_client(sync_client=True) as client:
        for _ in range(2):  # a second time changes nothing
            make_pool(client)
            for one in deployments(["content", "game"]):
                deploy(client, one, home=home, environment={"RECSAT_HOME": str(home)})


def test_every_installed_domain_has_every_kind() -> None:
    names = {one.full_name for one in deployments()}
    assert len(names) == len(KINDS) * len(load_plugins().domains()) + len(FOR_ALL)
    assert {"pipeline/content", "pipeline-expert/game", "evaluate/social"} <= names


@pytest.mark.server
@pytest.mark.usefixtures("deployed")
def test_deployed_forms_are_those_of_the_installed_plugins() -> None:
    with get_client(sync_client=True) as client:
        for one in deployments(["content", "game"]):
            stored = client.read_deployment_by_name(one.full_name)
            assert stored.parameter_openapi_schema == one.schema()
            assert stored.enforce_parameter_schema
            assert stored.tags == one.tags
            assert (stored.work_pool_name, stored.concurrency_options is not None) == (POOL, True)
        assert client.read_work_queue_by_name(GPU_QUEUE, work_pool_name=POOL).concurrency_limit == 1


@pytest.mark.server
@pytest.mark.usefixtures("deployed")
def test_schedules_are_off_until_they_are_turned_on_or_asked_for(tmp_path: Path) -> None:
    [evaluate] = [one for one in deployments(["content"]) if one.kind.name == "evaluate"]
    with get_client(sync_client=True) as client:
        [schedule] = client.read_deployment_by_name("evaluate/content").schedules
        assert isinstance(schedule.schedule, CronSchedule)
        assert (schedule.schedule.cron, schedule.schedule.timezone, schedule.active) == ("0 2 * * *", "UTC", False)
        assert client.read_deployment_by_name("pipeline/content").schedules == []
        deploy(client, evaluate, home=tmp_path, environment={}, every=timedelta(minutes=5))
        [schedule] = client.read_deployment_by_name("evaluate/content").schedules
        assert isinstance(schedule.schedule, IntervalSchedule)
        assert (schedule.schedule.interval, schedule.active) == (timedelta(minutes=5), True)


@pytest.mark.server
@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize(
    ("deployment", "config", "field"),
    [
        ("pipeline/content", {"k": 0}, "k"),
        ("pipeline/content", {"layout": "movielense"}, "layout"),
        ("pipeline/content", {"colour": "red"}, "colour"),
        ("pipeline-expert/game", {"domain": "content"}, "domain"),
        ("pipeline-expert/game", {"domain_config": {"sample_users": 1}}, "sample_users"),
        ("pipeline-expert/game", {"arms": ["popularty"]}, "arms"),
        ("pipeline-expert/game", {"rank": {"filters": ["sen"]}}, "filters"),
        ("evaluate/game", {"rank": {"reranker": "mmmr"}}, "reranker"),
    ],
)
def test_what_the_ui_sends_is_refused_with_the_name_of_the_field(
    deployment: str, config: dict[str, object], field: str
) -> None:
    answer = asked_for(deployment, {"config": config})
    assert answer.status_code == 409
    assert field in answer.text


@pytest.mark.server
@pytest.mark.usefixtures("deployed")
def test_a_parameter_that_the_flow_does_not_have_is_refused_by_name() -> None:
    answer = asked_for("pipeline/content", {"confg": {"k": 5}})
    assert answer.status_code == 409
    assert "confg" in answer.text
