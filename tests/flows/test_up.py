"""One command: server, deployments, worker, a run that the schedule started, its artifact and history; ctrl-C; a second start."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import psutil
import pytest
from prefect_processes import posted

from recsat.errors import ConfigError
from recsat_flows.up import Place, interval_of, only_instance, require_free, scheduled_parameters

COMMAND = [
    sys.executable,
    "-c",
    "import typer; from recsat_flows.up import up; app = typer.Typer(); app.command()(up); app()",
    *("--domain", "social", "--every", "20s"),
    *("--set", "domain_config.sample_users=60"),
    *("--set", "arms=[popularity,text,ease]"),
    *("--set", "splits=[{name: warm, protocol: random}]"),
    *("--set", "measure.curves=false"),
    *("--set", "measure.n_bootstrap=100"),
    *("--set", "measure.controls=[]"),
]


def free_ports() -> int:
    """A port that is free, and so is the one above it."""
    for _ in range(100):
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise AssertionError("no two ports in a row are free")


def until(condition: Callable[[], Any], seconds: float, log: Path) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.5)
    return value


def started(home: Path, port: int, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as file:
        return subprocess.Popen(
            [*COMMAND, "--home", str(home), "--port", str(port)], stdout=file, stderr=subprocess.STDOUT, env=os.environ
        )


def post(port: int, path: str, **body: object) -> Any:
    return posted(f"http://127.0.0.1:{port}/api/{path}", body).json()


def finished_by_schedule(port: int) -> list[dict[str, Any]]:
    try:
        runs = post(port, "flow_runs/filter", flow_runs={"state": {"type": {"any_": ["COMPLETED"]}}})
    except httpx.HTTPError:
        return []
    return [run for run in runs if run["auto_scheduled"]]


@pytest.mark.server
def test_a_schedule_fires_and_ctrl_c_leaves_the_state_for_the_next_start(tmp_path: Path) -> None:
    home, port, log = tmp_path / "home", free_ports(), tmp_path / "up.log"
    home.mkdir()
    process = started(home, port, log)
    try:
        [run, *_] = until(lambda: finished_by_schedule(port), 180, log)
        assert run["name"].startswith("social · evaluate · 20")
        [artifact, *_] = post(port, "artifacts/filter", artifacts={"key": {"any_": ["recsat-social-social"]}})
        assert artifact["flow_run_id"] == run["id"]
        assert artifact["task_run_id"] is None
        link = artifact["data"].partition("[The whole report](")[2].partition(")")[0]
        assert httpx.get(link, timeout=30).text.startswith("<!doctype html>")
        second = subprocess.run(
            [*COMMAND, "--home", str(home), "--port", str(port)], capture_output=True, text=True, check=False
        )
        assert second.returncode != 0
        assert f"process {process.pid} already" in " ".join(second.stderr.replace("│", " ").split())
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
        runs = {path.parent.name for path in home.glob("runs/*/result.json") if not path.parent.is_symlink()}
        assert runs
        again = started(home, port, log)
        try:
            until(lambda: {one["id"] for one in finished_by_schedule(port)} >= {run["id"]}, 120, log)
        finally:
            again.send_signal(signal.SIGINT)
            assert again.wait(90) == 0
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(60)
    history = pl.concat([pl.read_parquet(path) for path in home.glob(".recsat/history/*.parquet")])
    assert set(history["run"]) >= runs


@pytest.mark.parametrize(("text", "seconds"), [("5s", 5), ("30m", 1800), ("24h", 86_400), ("7d", 604_800)])
def test_an_interval_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert interval_of(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "s", "4s", "60", "1.5h", "-60s", "²0s", "1y"])
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="such as 60s or 24h"):
        interval_of(text)


def test_a_port_in_use_is_named() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with pytest.raises(ConfigError, match=f"port {listener.getsockname()[1]} is in use"):
            require_free(listener.getsockname()[1])


def test_a_home_is_served_once_at_a_time(tmp_path: Path) -> None:
    place = Place(tmp_path, 4200, 4201)
    with only_instance(place), pytest.raises(ConfigError, match=f"process {os.getpid()} already"), only_instance(place):
        pass
    with only_instance(place):
        pass


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("domain_config.sample_users=300", r"--set: domain_config\.sample_users is no setting"),
        ("rank.filters=[sen]", "rank.filters: .*'sen'"),
        ("arms=[popularity,hybrid,hybrid-words]", r"arms\.2: a deployment's form does not take 'hybrid-words'"),
    ],
)
def test_what_the_server_would_refuse_is_refused_before_anything_starts(
    tmp_path: Path, setting: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        scheduled_parameters(["ecommerce"], None, [setting], Place(tmp_path, 4200, 4201))


def test_what_is_right_is_what_the_schedule_runs_with(tmp_path: Path) -> None:
    parameters = scheduled_parameters(["ecommerce"], None, ["rank.k=7"], Place(tmp_path, 4200, 4201))
    assert (parameters["ecommerce"]["config"]["rank"]["k"], parameters["ecommerce"]["config"]["home"]) == (
        7,
        str(tmp_path),
    )
