"""A run that crashed goes on by itself, where it stopped and under its own id, at most so many times."""

from __future__ import annotations

import time
from difflib import get_close_matches
from uuid import UUID

from prefect import flow, get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.states import AwaitingRetry, Failed

SECONDS_TO_SETTLE = 60.0
"""A crash is reported twice, by what watches the process and by the worker, which took 17 to 39 s on a busy machine; a retry before the second report is overwritten by it."""
ATTEMPTS = 2


@flow(name="resume-crashed", persist_result=False, result_serializer="json", validate_parameters=True)
def resume_crashed(flow_run: str, attempts: int = ATTEMPTS, wait_s: float = SECONDS_TO_SETTLE) -> str:
    """Starts a crashed flow run again, as the UI's Retry does.

    Args:
        flow_run: Id of the flow run; an event's resource id, prefect.flow-run.ID, will do.
        attempts: How many times a run may be started again. After that it stays crashed, for somebody to look at.
        wait_s: Seconds before it is looked at. A crash is reported twice, and the second report would undo a retry.
    """
    time.sleep(wait_s)
    run_id = UUID(flow_run.rpartition(".")[2])
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(run_id)
        state = "unknown" if run.state is None else run.state.name
        if run.state is None or not run.state.is_crashed():
            message = f"{run.name} is {state} and needs nothing"
        elif unknown := _unknown_parameter(client, run):
            client.set_flow_run_state(run_id, Failed(message=unknown), force=True)
            message = f"{run.name}: {unknown}"
        elif run.run_count > attempts:
            message = (
                f"{run.name} was started {run.run_count} times and stays {state}: see its log, and Retry it by hand"
            )
        else:
            client.set_flow_run_state(run_id, AwaitingRetry(message="goes on after a crash"), force=True)
            message = f"{run.name} goes on"
    get_run_logger().info("%s", message)
    return message


def _unknown_parameter(client: SyncPrefectClient, run: FlowRun) -> str | None:
    """What is wrong with a parameter that the flow does not have, on which Prefect crashes before the flow can say a word; None where all are known.

    The server refuses one where the deployed form is closed; `prefect deploy` leaves it open.
    """
    schema = client.read_deployment(run.deployment_id).parameter_openapi_schema if run.deployment_id else None
    if schema is None:
        return None
    known = list(schema["properties"])
    for name in run.parameters:
        if name not in known:
            close = get_close_matches(name, known, 1)
            suggestion = f"Did you mean {close[0]!r}? " if close else ""
            return f"{name!r} is no parameter of this flow. {suggestion}It has: {', '.join(known)}."
    return None
