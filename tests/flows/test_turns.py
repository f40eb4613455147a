"""Who waits for whom: runs of a domain, and runs that use an accelerator."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
import torch
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client

import recsat_flows.turns as module
from recsat import RunConfig
from recsat.embed import device
from recsat_flows.steps import TASKS
from recsat_flows.turns import ACCELERATOR, Turn, accelerators, turn_of, turns


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
def test_nothing_to_wait_for_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SyncPrefectClient, "request", None)

    @flow(name="free")
    def free() -> int:
        with turns([]) as turn:
            turn.confirm()
            return 1

    assert free.fn() == 1


@pytest.mark.server
@pytest.mark.usefixtures("prefect")
def test_who_was_not_renewed_in_time_works_on_only_when_the_one_after_it_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Turn, "_renewing", lambda self: None)  # a process that gets no time
    lost, second_has_it, second_goes_on = threading.Event(), threading.Event(), threading.Event()
    order: list[str] = []

    @flow(name="slow")
    def slow() -> None:
        with turns(["recsat-test-slow"]) as turn, get_client(sync_client=True) as client:
            turn.confirm()
            order.append("slow, first stage")
            assert turn.lease is not None
            client.release_concurrency_slots_with_lease(turn.lease)  # what the server does at the lease's end
            lost.set()
            second_has_it.wait(60)
            threading.Timer(2.0, second_goes_on.set).start()
            turn.confirm()
            order.append("slow, second stage")

    @flow(name="next")
    def second() -> None:
        lost.wait(60)
        with turns(["recsat-test-slow"]):
            second_has_it.set()
            second_goes_on.wait(60)
            order.append("next")

    other = threading.Thread(target=second)
    other.start()
    slow()
    other.join(60)
    assert order == ["slow, first stage", "next", "slow, second stage"]
    with get_client(sync_client=True) as client:
        assert {limit.active_slots for limit in client.read_global_concurrency_limits(limit=200)} == {0}


@pytest.mark.server
@pytest.mark.usefixtures("prefect")
def test_a_turn_is_renewed_while_its_holder_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RENEWED_S", 0.05)
    renewed = threading.Semaphore(0)
    renew = SyncPrefectClient.renew_concurrency_lease
    monkeypatch.setattr(
        SyncPrefectClient, "renew_concurrency_lease", lambda *args: [renew(*args), renewed.release()][0]
    )

    @flow(name="long")
    def long() -> bool:
        with turns(["recsat-test-long"]):
            return all(renewed.acquire(timeout=30) for _ in range(3))

    assert long()


@pytest.mark.server
@pytest.mark.usefixtures("prefect")
def test_a_step_inside_a_turn_is_a_part_of_it_and_a_question_is_not() -> None:
    names = ["recsat-test-outer", "recsat-test-inner"]

    def active() -> set[int]:
        with get_client(sync_client=True) as client:
            limits = client.read_global_concurrency_limits(limit=200)
            return {limit.active_slots for limit in limits if limit.name in names}

    @flow(name="steps")
    def steps() -> list[set[int]]:
        with turns(names) as outer, turns(names[1:]) as inner:
            assert inner is outer
            seen = [active()]
            with inner.released():
                seen.append(active())
            return [*seen, active()]

    assert [*steps(), active()] == [{1}, {0}, {1}, {0}]
