"""Who is asked who they are, and where secrets do not stand: a whole instance with an auth string, and a run by its schedule."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from prefect_processes import posted

USER, PASSWORD, STORE_KEY = "operator", "c3ad-a-password", "9f1e-a-key-of-the-store"
COMMAND = [
    *(sys.executable, "-c"),
    "import typer; from recsat_flows.up import up; app = typer.Typer(); app.command()(up); app()",
    *("--domain", "social", "--every", "20s", "--set", "domain_config.sample_users=60"),
    *("--set", "arms=[popularity,ease]", "--set", "splits=[{name: warm, protocol: random}]"),
    *("--set", "measure.curves=false", "--set", "measure.n_bootstrap=100", "--set", "measure.controls=[]"),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def home(tmp_path: Path, port: int) -> Iterator[Path]:
    """Of a running instance whose environment has secrets."""
    environment = {
        **os.environ,
        "PREFECT_SERVER_API_AUTH_STRING": f"{USER}:{PASSWORD}",
        "QDRANT_API_KEY": STORE_KEY,
    }
    with (tmp_path / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [*COMMAND, "--home", str(tmp_path), "--port", str(port)],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
        )
    try:
        deadline = time.monotonic() + 180
        while "ctrl-C" not in (text := (tmp_path / "up.log").read_text()):
            assert process.poll() is None, text
            assert time.monotonic() < deadline, text
            time.sleep(0.5)
        yield tmp_path
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(90)


def answer(port: int, what: str, auth: tuple[str, str] | None = (USER, PASSWORD), **body: Any) -> httpx.Response:
    return posted(f"http://127.0.0.1:{port}/api/{what}/filter", body, auth=auth)


@pytest.mark.server
@pytest.mark.slow
def test_without_the_password_nothing_is_answered_and_no_secret_stands_anywhere(home: Path, port: int) -> None:
    assert answer(port, "deployments", auth=None).status_code == 401
    assert answer(port, "deployments", auth=(USER, "wrong")).status_code == 401
    assert answer(port, "deployments").status_code == 200
    listening = {
        connection.laddr.ip
        for connection in psutil.net_connections("tcp")
        if connection.laddr and connection.status == psutil.CONN_LISTEN and connection.laddr.port in {port, port + 1}
    }
    assert listening == {"127.0.0.1"}
    deadline = time.monotonic() + 180
    while not (runs := answer(port, "flow_runs", flow_runs={"state": {"type": {"any_": ["COMPLETED"]}}}).json()):
        assert time.monotonic() < deadline, (home / ".recsat/deployments/logs/worker.log").read_text()
        time.sleep(1)
    assert runs
    everything = {
        what: answer(port, what).text
        for what in ("deployments", "flow_runs", "logs", "artifacts", "task_runs", "automations")
    }
    texts = [path for path in home.rglob("*") if path.suffix in {".log", ".json", ".html", ".md", ".toml"}]
    assert {"up.log", "worker.log", "server.log", "config.json", "report.html"} <= {path.name for path in texts}
    everything |= {str(path): path.read_text(encoding="utf-8") for path in texts if path.is_file()}
    for place, text in everything.items():
        assert PASSWORD not in text, place
        assert STORE_KEY not in text, place
