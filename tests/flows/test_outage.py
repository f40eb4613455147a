"""Prefect's server away while a run works: no work is lost, nothing stands still, and the state is caught up."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import pytest
from prefect import flow, flow_engine
from prefect._internal.concurrency.cancellation import CancelledError
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterKey,
    FlowRunFilter,
    FlowRunFilterId,
)
from prefect.concurrency import _leases
from prefect.context import FlowRunContext
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect_processes import until

import recsat_flows.pipeline as module
from recsat import RunConfig
from recsat.run import RunFolder, new_run, open_run
from recsat.stages import PIPELINE
from recsat.stages.promotion.record import PromotionPlace
from recsat_flows import outage, showing
from recsat_flows.by_domain import domain_flow
from recsat_flows.progress import Sender
from recsat_flows.served import promote_or_ask
from recsat_flows.turns import turn_of

PREPARE_PROGRESS = ArtifactFilter(key=ArtifactFilterKey(any_=["recsat-prepare-progress"]))


class Proxy:
    """A way to the server that can be cut: what is open is dropped then, and what comes is dropped at once."""

    def __init__(self, host: str, port: int) -> None:
        self.target = host, port
        self.is_cut = False
        self.n_dropped = 0
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self.is_cut = True
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)  # a close alone would leave whoever reads waiting
        self._open.clear()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.is_cut:
                self.n_dropped += 1
                client.close()
                continue
            try:
                server = socket.create_connection(self.target)
            except OSError:  # the session has ended it
                client.close()
                continue
            self._open += [client, server]
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65_536):
                sink.sendall(data)
        except OSError:
            pass
        finally:
            source.close()
            sink.close()


@pytest.fixture
def proxy(prefect: None) -> Iterator[Proxy]:
    address = urlsplit(PREFECT_API_URL.value())
    assert address.hostname is not None
    assert address.port is not None
    way = Proxy(address.hostname, address.port)
    settings = {PREFECT_API_URL: f"http://127.0.0.1:{way.port}/api", PREFECT_CLIENT_MAX_RETRIES: 15}
    with temporary_settings(settings):
        yield way  # and stays open: Prefect sends its last log lines when the session ends
        way.is_cut = False
        with get_client(
            sync_client=True
        ) as client:  # what was leased when it was cut nobody takes back: this server has no services
            for limit in client.read_global_concurrency_limits():
                client.delete_global_concurrency_limit_by_name(limit.name)


@pytest.mark.server
def test_a_run_goes_on_while_the_server_is_away_and_its_state_is_caught_up(proxy: Proxy, tmp_path: Path) -> None:
    seen: dict[str, bool] = {}

    def trouble() -> None:
        """The server is away from the moment the tables are read until every stage but the end of the run is done."""
        runs = tmp_path / "runs"
        while not list(runs.glob("*/data/texts.parquet")):
            time.sleep(0.02)
        proxy.cut()
        [folder] = {path.parent.parent for path in runs.glob("*/data/texts.parquet")}
        deadline = time.monotonic() + 60
        while not (folder / "vectors" / "items.safetensors").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        seen["finished without the server"] = (folder / "vectors" / "items.safetensors").exists()
        time.sleep(2)
        proxy.is_cut = False

    thread = threading.Thread(target=trouble, daemon=True)
    thread.start()
    flow = domain_flow("embed", "social")
    state = flow(config={"home": str(tmp_path), "domain_config": {"sample_users": 40}}, return_state=True)
    thread.join(10)
    assert state.is_completed(), state
    assert seen == {"finished without the server": True}
    assert proxy.n_dropped > 0
    assert [cost.name for cost in open_run(Path(state.result())).costs()] == ["prepare", "embed"]
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(state.state_details.flow_run_id)
        assert run.state is not None
        assert run.state.is_completed()
        of_run = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
        until(lambda: client.read_artifacts(flow_run_filter=of_run, artifact_filter=PREPARE_PROGRESS), 90)


def task_states(flow_run: UUID) -> dict[str, str]:
    """By stage, the last state that the server has of its task."""
    with get_client(sync_client=True) as client:
        of_run = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run])))
    names = {run.id: run.name if " of " in run.name else run.name.rpartition("-")[0] for run in of_run}
    return {names[run.id]: "" if run.state is None else run.state.name for run in of_run}


@pytest.mark.server
def test_no_stage_asks_a_server_that_is_away_more_than_once(
    proxy: Proxy, small_run_config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the server is away: from the first progress figure to the end of the last stage what works sends one request a stage, to keep its
    turn, and tries none of them again; texts in shards, and a decision about the model while the server is away once more, send none besides."""
    paths: list[str] = []
    send, show, show_report = httpx.Client.send, Sender._show, module.show_report

    def sent(client: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        if proxy.is_cut and not threading.current_thread().name.startswith("recsat-"):
            paths.append(request.url.path)
            proxy.is_cut = len(paths) < 50  # a stage that tries again would never end
        return send(client, request, **options)

    def cut_and_shown(sender: Sender, client: Any) -> None:
        if not stages and sender._flow_run in flow_runs:  # a thread of an earlier run may still be sending
            stages.append(sender._stage)
            proxy.cut()
        show(sender, client)

    def shown_with_the_server_back(folder: RunFolder) -> None:
        seen.extend([cost.name for cost in folder.costs()] if proxy.is_cut else [])
        proxy.is_cut = False
        show_report(folder)
        paths.append("/report")
        proxy.cut()

    def waited_for() -> None:
        seen.append("decided" if PromotionPlace.of(tmp_path, "content").history() and proxy.is_cut else "early")
        proxy.is_cut = False
        outage.wait_for_server()

    flow_runs: list[UUID] = []
    stages: list[str] = []
    seen: list[str] = []
    monkeypatch.setattr(httpx.Client, "send", sent)
    monkeypatch.setattr(Sender, "_show", cut_and_shown)
    monkeypatch.setattr(module, "show_report", shown_with_the_server_back)
    monkeypatch.setenv("RECSAT_FLOWS__SHARDS", "2")
    folder = new_run(small_run_config.model_copy(update={"home": str(tmp_path)}))

    @flow(name="away")
    def away() -> str:
        context = FlowRunContext.get()
        assert context is not None
        assert context.flow_run is not None
        flow_runs.append(context.flow_run.id)
        with turn_of(folder.config()):
            path = module.run_stages(folder, PIPELINE)
            monkeypatch.setattr(showing, "wait_for_server", waited_for)
            promote_or_ask(folder, None, ask=False)
        return path

    state = away(return_state=True)
    assert state.is_completed()
    assert seen == [*[stage.name for stage in PIPELINE], "decided"]
    [first] = stages
    later = [stage.name for stage in PIPELINE][[stage.name for stage in PIPELINE].index(first) + 1 :]
    assert [path.rpartition("/")[2] for path in paths] == [*["renew"] * len(later), "report", "renew"]
    assert proxy.n_dropped >= len(later)
    names = [*[stage.name for stage in PIPELINE], "embed-shard 0 of 2", "embed-shard 1 of 2", "promote"]
    completed = dict.fromkeys(names, "Completed")
    until(lambda: task_states(state.state_details.flow_run_id) == completed, 60)  # what was not heard of is said again


@pytest.mark.server
def test_a_run_outlives_the_loss_of_its_place_under_the_limit_of_its_deployment(
    prefect: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After an outage the server has another lease there, or none, and Prefect cancels who had it."""

    def lost(*_: object) -> bool:
        raise RuntimeError("410 Gone")

    def work() -> None:
        until(lambda: "slots are no longer reserved" in caplog.text, 20)
        for _ in range(20):
            time.sleep(0.05)  # a cancellation is raised when Python runs again
        caplog.clear()

    monkeypatch.setattr(_leases, "_renew_concurrency_lease_with_retries", lost)
    with (
        pytest.raises(CancelledError),
        _leases.maintain_concurrency_lease(uuid4(), 300, raise_on_lease_renewal_failure=True),
    ):
        work()
    caplog.clear()
    done = []
    with vars(flow_engine)["maintain_concurrency_lease"](uuid4(), 300, raise_on_lease_renewal_failure=True):
        work()
        done.append(True)
    assert done == [True]


@pytest.mark.server
def test_the_server_is_waited_for_and_heard_of_soon_after_its_return(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outage, "SECONDS_BETWEEN_LOOKS", 0.05)
    proxy.cut()

    def comes_back() -> None:
        until(lambda: proxy.n_dropped >= 3, 20)
        proxy.is_cut = False

    threading.Thread(target=comes_back, daemon=True).start()
    outage.wait_for_server()
    assert proxy.n_dropped >= 3
    assert not proxy.is_cut
    assert caplog.text.count("it is waited for") == 1
    proxy.cut()
    outage.wait_for_server(0.2)  # and not for ever


@pytest.mark.server
def test_what_is_there_is_not_waited_for(proxy: Proxy, caplog: pytest.LogCaptureFixture) -> None:
    outage.wait_for_server()
    assert "waited for" not in caplog.text
