"""Prefect's server away while a run works: no work is lost, nothing stands still, and the state is caught up."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from recsat.run import open_run
from recsat_flows.by_domain import domain_flow


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
            server = socket.create_connection(self.target)
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
        key = ArtifactFilterKey(any_=["recsat-prepare-progress"])
        assert client.read_artifacts(artifact_filter=ArtifactFilter(key=key))
