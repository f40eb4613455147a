"""A server that is away for minutes costs a run nothing: three things that Prefect's client does otherwise.

- It tells the server of a task by events alone, and gives those up that it cannot send: after an outage a run would be completed, and its stages
  running for ever. See :func:`catch_up`.
- It cancels a flow run whose place under the deployment's own limit could not be renewed, which after five minutes is so: minutes after the server
  was back a run that had worked on crashed. See :func:`outlive_lost_places`.
- It doubles its pauses: a run that ended while the server was away for ten minutes was heard of seven minutes after its return. See
  :func:`wait_for_server`.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from prefect import Task, flow_engine
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State, TaskRun
from prefect.concurrency._leases import maintain_concurrency_lease
from prefect.logging.loggers import get_logger
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.utilities.engine import emit_task_run_state_change_event

LONGEST_WAIT_S = 3600.0
SECONDS_BETWEEN_LOOKS = 10.0
ENDED: dict[UUID, list[tuple[TaskRun, State[Any]]]] = {}
"""By flow run, the tasks that are completed, for as long as nobody has looked whether the server knows."""


def remember(_: Task[Any, Any], task_run: TaskRun, state: State[Any]) -> None:
    """A hook of tasks: keeps how one ended."""
    if task_run.flow_run_id is not None:
        ENDED.setdefault(task_run.flow_run_id, []).append((task_run, state))


def catch_up(client: SyncPrefectClient, flow_run: UUID) -> int:
    """Tells the server again of the flow run's tasks that it does not know to be completed; how many these are.

    An event has the id of its state, so that the server takes one that it has had for the same.
    """
    of_run = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run]))
    known = {run.id for run in client.read_task_runs(flow_run_filter=of_run) if run.state and run.state.is_final()}
    missed = [(run, state) for run, state in ENDED.pop(flow_run, []) if run.id not in known]
    for run, state in missed:
        emit_task_run_state_change_event(run, None, state)
    return len(missed)


def wait_for_server(seconds: float = LONGEST_WAIT_S) -> None:
    """Returns when the server answers, soon after it does; or after ``seconds``, and Prefect's own tries follow."""
    end = time.monotonic() + seconds
    with without_retries(), get_client(sync_client=True) as client:
        error = client.api_healthcheck()
        if error is not None:
            get_logger("recsat").warning("the work is done, and the server is away (%r); it is waited for", error)
        while error is not None and time.monotonic() < end:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            error = client.api_healthcheck()


def without_retries() -> AbstractContextManager[Any]:
    """Without the client's retries, which with the settings that recsat ships last for minutes."""
    return temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0})


def outlive_lost_places() -> None:
    """Lets flow runs of this process go on where their place under a deployment's limit is lost, with a warning.

    What must not run beside each other takes its turn (:mod:`recsat_flows.turns`), which is confirmed before every stage.
    """

    def maintained(lease: UUID, seconds: float, **options: Any) -> Any:
        return maintain_concurrency_lease(lease, seconds, **{**options, "raise_on_lease_renewal_failure": False})

    setattr(flow_engine, "maintain_concurrency_lease", maintained)  # noqa: B010 (no public name of that module)
