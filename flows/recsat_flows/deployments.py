"""Which deployments there are: one table, from which `recsat up` deploys and deployments/prefect.yaml is made."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsat_flows.by_domain import domains

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.orchestration import SyncPrefectClient

POOL, QUEUE, GPU_QUEUE = "recsat", "default", "gpu"
POOL_LIMIT, GPU_LIMIT = 2, 1
"""Flow runs at once: in the pool, and of those that hold an accelerator for long."""
NIGHT, ZONE = "0 2 * * *", "UTC"


@dataclass(frozen=True)
class Kind:
    """What a flow is deployed with: the flow ``recsat_flows.by_domain.<name>_<domain>`` of a domain, or ``recsat_flows.<name>.<name>`` for all of them."""

    name: str
    queue: str = QUEUE
    cron: str | None = None
    every: timedelta | None = None
    active: bool = True
    """Whether the schedule fires from the start."""
    parameters: Mapping[str, Any] = field(default_factory=dict)


KINDS = (
    Kind("pipeline"),
    Kind("pipeline_expert"),
    Kind("evaluate", cron=NIGHT, active=False),
    Kind("promote"),
    Kind("feedback", every=timedelta(minutes=5), active=False),
    Kind("recommend"),
    Kind("finetune", queue=GPU_QUEUE),
)
"""Deployments that every domain has."""
FOR_ALL = (Kind("resume_crashed"),)
"""Deployments that there is one of, because they are about no domain."""


@dataclass(frozen=True)
class Deployment:
    """One kind for one domain; None: for all."""

    kind: Kind
    domain: str | None

    @property
    def name(self) -> str:
        return self.domain or "recsat"

    @property
    def entrypoint(self) -> str:
        kind = self.kind.name
        return f"recsat_flows.{kind}.{kind}" if self.domain is None else f"recsat_flows.by_domain.{kind}_{self.domain}"

    @property
    def full_name(self) -> str:
        """As Prefect's commands name it: ``<flow>/<deployment>``."""
        return f"{self.flow().name}/{self.name}"

    @property
    def tags(self) -> list[str]:
        """``recsat`` is on what goes on by itself after a crash."""
        return ["recsat-service"] if self.domain is None else ["recsat", self.domain]

    def flow(self) -> Flow[..., Any]:
        from prefect.flows import load_flow_from_entrypoint

        return load_flow_from_entrypoint(self.entrypoint)

    def schema(self) -> dict[str, Any]:
        """The form: the JSON schema of the flow's parameters, closed, so that the server refuses a parameter that the flow does not have."""
        return {**self.flow().parameters.model_dump(exclude_none=True), "additionalProperties": False}


def deployments(names: list[str] | None = None) -> list[Deployment]:
    """Those of some domains; None: of all that are installed. And those that there is one of."""
    of_domains = [Deployment(kind, domain) for domain in (domains() if names is None else names) for kind in KINDS]
    return [*of_domains, *(Deployment(kind, None) for kind in FOR_ALL)]


def make_pool(client: SyncPrefectClient) -> None:
    """The work pool of local processes and its queues, as they are where they are there."""
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

    with suppress(ObjectAlreadyExists):
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process", concurrency_limit=POOL_LIMIT))
    try:
        client.read_work_queue_by_name(GPU_QUEUE, work_pool_name=POOL)
    except ObjectNotFound:
        client.create_work_queue(name=GPU_QUEUE, concurrency_limit=GPU_LIMIT, work_pool_name=POOL)


def deploy(
    client: SyncPrefectClient,
    deployment: Deployment,
    *,
    home: Path,
    environment: Mapping[str, str],
    every: timedelta | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> None:
    """Makes the deployment, or makes it anew where it is there: its form is that of the plugins as they are installed now.

    Runs start in ``home`` with ``environment``. ``every`` and ``parameters`` stand in the place of the kind's.
    """
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions
    from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule

    kind = deployment.kind
    interval = every or kind.every
    flow = deployment.flow()
    schedules = []
    if interval is not None:
        schedules = [
            DeploymentScheduleCreate(
                schedule=IntervalSchedule(interval=interval), active=kind.active or every is not None
            )
        ]
    elif kind.cron is not None:
        schedules = [DeploymentScheduleCreate(schedule=CronSchedule(cron=kind.cron, timezone=ZONE), active=kind.active)]
    client.create_deployment(
        flow_id=client.create_flow_from_name(flow.name),
        name=deployment.name,
        entrypoint=deployment.entrypoint,
        path=str(home),
        pull_steps=[{"prefect.deployments.steps.set_working_directory": {"directory": str(home)}}],
        work_pool_name=POOL,
        work_queue_name=kind.queue,
        job_variables={"env": dict(environment)},
        parameters=dict(kind.parameters if parameters is None else parameters),
        parameter_openapi_schema=deployment.schema(),
        enforce_parameter_schema=True,
        schedules=schedules,
        concurrency_limit=1,
        concurrency_options=ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy.ENQUEUE),
        tags=deployment.tags,
        description=flow.description,
    )
