"""Stages as Prefect tasks: they exchange the run's folder and counts, never data.

No task has a tag: Prefect asks the server for a slot before a task that has one, and a run would stand still while the server is away. What must not
run beside each other takes its turn once, when the flow starts (:mod:`recsat_flows.turns`).
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

from prefect import Task, task
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import exponential_backoff

from recsat.errors import StoreError
from recsat.plugins import load_plugins
from recsat.run import RunFolder, Stage, run_stage
from recsat.stages import PIPELINE
from recsat_flows.limited import run_stage_within
from recsat_flows.outage import remember
from recsat_flows.progress import PrefectProgress
from recsat_flows.settings import flow_settings

RETRIES = 3
FIRST_DELAY_S = 10


def may_pass(_: Task[Any, Any], __: TaskRun, state: State[Any]) -> bool:
    """Whether a task's failure is one that may pass by itself: a store or a disk that was busy, a connection that broke, a time-out."""
    error = state.result(raise_on_failure=False)
    if isinstance(error, StoreError):
        return error.transient
    return isinstance(error, ConnectionError | TimeoutError | sqlite3.OperationalError)


def retried() -> dict[str, Any]:
    """How a task is tried again: what may pass, with back-off and jitter. Results stay in the process, and the server is told again of an end that it missed."""
    return {
        "on_completion": [remember],
        "retries": RETRIES,
        "retry_delay_seconds": exponential_backoff(FIRST_DELAY_S),
        "retry_jitter_factor": 0.5,
        "retry_condition_fn": may_pass,
        "persist_result": False,
    }


def task_of(stage: Stage) -> Task[[str], str]:
    """The stage as a task, in this process or where it has a limit of time in one of its own; what it had finished before a retry stands."""

    @task(name=stage.name, **retried())
    def work(folder: str) -> str:
        limit = flow_settings(os.environ).stage_limit_s
        with PrefectProgress() as progress:
            if limit is None:
                run_stage(RunFolder(Path(folder)), stage, load_plugins(), progress)
            else:
                run_stage_within(Path(folder), stage, limit, progress)
        return folder

    return work


TASKS = {stage.name: task_of(stage) for stage in PIPELINE}
"""By the stage's name."""
