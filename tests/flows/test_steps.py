"""What is tried again: a fault that may pass, three times, and nothing else."""

from __future__ import annotations

import sqlite3

import pytest
from prefect import flow, task

from recsat import ConfigError
from recsat.errors import StoreError
from recsat_flows import finetune
from recsat_flows.limited import TaskTimeout
from recsat_flows.outage import remember
from recsat_flows.served import decide, make_lists, refresh
from recsat_flows.shards import embed_shard
from recsat_flows.steps import RETRIES, TASKS, may_pass, retried


@pytest.mark.parametrize(
    ("error", "n_tries"),
    [
        (StoreError("busy", transient=True), 1 + RETRIES),
        (StoreError("no such collection"), 1),
        (ConnectionResetError(), 1 + RETRIES),
        (TaskTimeout("task lists took longer"), 1 + RETRIES),
        (sqlite3.OperationalError("database is locked"), 1 + RETRIES),
        (ConfigError("rank.kk is no setting"), 1),
        (ValueError("a bug"), 1),
    ],
    ids=lambda value: f"{type(value).__name__}" if isinstance(value, Exception) else str(value),
)
@pytest.mark.usefixtures("prefect")
def test_only_what_may_pass_is_tried_again(error: Exception, n_tries: int) -> None:
    tries = []

    @task(**{**retried(), "retry_delay_seconds": 0})
    def work() -> None:
        tries.append(error)
        raise error

    @flow
    def run() -> None:
        work()

    with pytest.raises(type(error)):
        run()
    assert len(tries) == n_tries


def test_every_task_is_tried_again_with_back_off_and_jitter_and_its_end_is_remembered() -> None:
    for step in (*TASKS.values(), decide, refresh, make_lists, embed_shard, finetune.step):
        assert step.on_completion_hooks == [remember]
        assert step.retry_condition_fn is may_pass
        assert (step.retries, step.retry_delay_seconds, step.retry_jitter_factor) == (RETRIES, [10, 20, 40], 0.5)
