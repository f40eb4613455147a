"""What a finished run shows in Prefect: the report as an artifact of the flow run, and an event. Both are best effort: the run is done."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from prefect import runtime
from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.events import emit_event
from prefect.logging.loggers import get_run_logger

from recsat.report.summary import render_summary
from recsat.report.write import PAGE
from recsat.result.model import Result
from recsat.run import RunFolder
from recsat_flows.outage import catch_up, wait_for_server
from recsat_flows.runs import report_key

REPORTS_URL = "RECSAT_REPORTS_URL"
"""Environment variable: the address under which the runs' folders can be read, as `recsat up` sets it."""


def result_of(folder: RunFolder) -> Result:
    return folder.read_as("result.json", Result)


def page_of(folder: RunFolder) -> str:
    """Where the whole report can be read: an address where the reports are served, else its path."""
    base = os.environ.get(REPORTS_URL)
    return f"{base.rstrip('/')}/{folder.run_id}/{PAGE}" if base else str(folder.path / PAGE)


def show_report(folder: RunFolder) -> None:
    """The summary as an artifact of the flow run, keyed by domain and deployment; what the server missed of the run; the events of the evaluation.

    A server that is away is waited for.
    """
    result = result_of(folder)
    be_heard()
    best_effort(
        "the report",
        lambda: create_markdown_artifact(
            render_summary(result, page_of(folder)),
            key=report_key(result.domain),
            description=f"Evaluation of {result.domain}, run {folder.run_id}",
        ),
    )
    emit("recsat.evaluation.completed", folder, result)
    if any(alert.raised for alert in result.alerts):
        emit("recsat.evaluation.regressed", folder, result)


def be_heard() -> None:
    """After the work: waits for a server that is away, and tells it of the tasks whose end it missed."""
    best_effort("whether the server is there", wait_for_server)
    best_effort("what the server missed", _catch_up)


def _catch_up() -> None:
    flow_run = runtime.flow_run.id
    if flow_run:
        with get_client(sync_client=True) as client:
            catch_up(client, UUID(flow_run))


def emit(event: str, folder: RunFolder, result: Result, **payload: Any) -> None:
    """An event about a run, with what an automation decides by.

    Its id is of the run, the event and its ``payload``: of a run that was started twice, or retried after its end, the server keeps one.
    """
    raised = [alert.model_dump(mode="json") for alert in result.alerts if alert.raised]
    flow_run = runtime.flow_run.id
    identity = json.dumps([str(folder.path.resolve()), event, payload], sort_keys=True, default=str)
    best_effort(
        f"the event {event}",
        lambda: emit_event(
            event,
            id=uuid5(NAMESPACE_URL, identity),
            resource={
                "prefect.resource.id": f"recsat.run.{folder.run_id}",
                "prefect.resource.name": folder.run_id,
                "recsat.domain": result.domain,
            },
            related=[{"prefect.resource.id": f"prefect.flow-run.{flow_run}", "prefect.resource.role": "flow-run"}]
            if flow_run
            else [],
            payload={
                "domain": result.domain,
                "run": folder.run_id,
                "report": page_of(folder),
                "alerts": raised,
                **payload,
            },
        ),
    )


def best_effort(what: str, call: Callable[[], object]) -> None:
    """Calls, and says in one line where the server could not be told."""
    try:
        call()
    except Exception as error:  # the run's files are whole, and a server that is away must not fail them
        get_run_logger().warning("%s could not be shown in Prefect: %s: %s", what, type(error).__name__, error)
