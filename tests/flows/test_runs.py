"""Who waits for whom: runs of a domain, and runs that use an accelerator."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
import torch
from prefect import flow
from prefect.client.orchestration import get_client

from recsat import RunConfig
from recsat.embed import device
from recsat_flows.runs import ACCELERATOR, accelerators, turn_of, turns
from recsat_flows.steps import TASKS


def test_a_run_on_the_cpu_waits_for_no_accelerator_and_one_on_a_device_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert accelerators("cpu") == []
    monkeypatch.setattr(device, "pick_device", lambda _: torch.device("cuda"))
    assert accelerators("auto") == [ACCELERATOR]


def test_no_task_has_a_tag_for_which_the_server_would_be_asked_in_the_middle_of_a_run() -> None:
    assert {name: task.tags for name, task in TASKS.items() if task.tags} == {}


@pytest.mark.server
@pytest.mark.usefixtures("prefect")
@pytest.mark.parametrize(
    "turn",
    [lambda: turns([ACCELERATOR]), lambda: turn_of(RunConfig.model_validate({"encoder": {"device": "cpu"}}))],
)
def test_one_flow_run_at_a_time_has_the_turn(turn: Callable[[], AbstractContextManager[Any]]) -> None:
    inside, let_go = threading.Event(), threading.Event()

    @flow(name="first")
    def first() -> None:
        with turn():
            inside.set()
            let_go.wait(60)

    @flow(name="second")
    def second() -> bool:
        with turn():
            return let_go.is_set()

    holder = threading.Thread(target=first)
    holder.start()
    assert inside.wait(60)
    threading.Timer(2.0, let_go.set).start()
    assert second()  # it had waited until the first let go
    holder.join(60)
    with get_client(sync_client=True) as client:
        assert {limit.active_slots for limit in client.read_global_concurrency_limits(limit=200)} == {0}


@pytest.mark.server
@pytest.mark.usefixtures("prefect")
def test_nothing_to_wait_for_asks_nobody() -> None:
    @flow(name="free")
    def free() -> int:
        with turns([]):
            return 1

    assert free() == 1
