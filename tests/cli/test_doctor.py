"""Each check finds the fault that it is there for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch

from recsat import RunConfig
from recsat.config.sources import load_config
from recsat.doctor.machine import Check, diagnose
from recsat.plugins import Plugins, load_plugins
from recsat.store import open_store


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins()


@pytest.fixture
def check(plugins: Plugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Check]:
    """``check("store", "store.backend=memory")``: that line of a diagnosis in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def one(name: str, *overrides: str, **env: str) -> Check:
        loaded = load_config(None, {}, overrides)
        return next(c for c in diagnose(loaded.config, plugins, env, loaded.sources) if c.name == name)

    return one


def test_here_all_is_well(plugins: Plugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    checks = {check.name: check for check in diagnose(RunConfig(home=str(tmp_path)), plugins, {})}
    assert {name: check.status for name, check in checks.items() if check.status != "ok"} == {}
    assert list(checks) == ["python", "torch", "plugins", "settings", "encoder", "home", "store", "folders", "prefect"]
    assert torch.__version__ in checks["torch"].message
    assert "384 dimensions" in checks["encoder"].message
    assert list(tmp_path.iterdir()) == []


def test_a_device_that_is_not_there_fails(check: Callable[..., Check]) -> None:
    diagnosis = check("torch", f"rank.device=cuda:{torch.cuda.device_count()}")
    assert diagnosis.status == "fail"
    assert diagnosis.message.startswith("rank.device: device 'cuda:")


def test_a_wrong_setting_fails_with_its_source(check: Callable[..., Check]) -> None:
    diagnosis = check("settings", "arms=[eas]")
    assert diagnosis.status == "fail"
    assert diagnosis.message.startswith("--set: arms: No arm is called 'eas'. Did you mean 'ease'?")


def test_a_folder_without_a_model_fails(check: Callable[..., Check], tmp_path: Path) -> None:
    diagnosis = check("encoder", "encoder.name=transformer", f"encoder.model={tmp_path}")
    assert diagnosis.status == "fail"
    assert str(tmp_path) in diagnosis.message


def test_a_temporary_folder_without_a_home_fails(
    plugins: Plugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    [home] = [check for check in diagnose(RunConfig(), plugins, {}) if check.name == "home"]
    assert home.status == "fail"
    assert "Set RECSAT_HOME" in home.message


def test_a_store_that_a_run_has_open_fails(check: Callable[..., Check], tmp_path: Path) -> None:
    settings = RunConfig().store
    with open_store(settings, tmp_path / "store"):
        diagnosis = check("store", f"store.directory={tmp_path / 'store'}")
    assert diagnosis.status == "fail"
    assert "open already" in diagnosis.message
    assert check("store", f"store.directory={tmp_path / 'store'}").status == "ok"


def test_a_store_whose_folder_cannot_be_made_fails(check: Callable[..., Check], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    diagnosis = check("store", f"store.directory={tmp_path / 'file' / 'store'}")
    assert diagnosis.status == "fail"
    assert f"{tmp_path / 'file'} is not a folder" in diagnosis.message


def test_a_server_that_does_not_answer_fails(check: Callable[..., Check], closed_port: int) -> None:
    diagnosis = check("store", "store.backend=server", f"store.url=http://127.0.0.1:{closed_port}")
    assert diagnosis.status == "fail"
    assert str(closed_port) in diagnosis.message


def test_a_runs_folder_that_is_a_file_fails(check: Callable[..., Check], tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    diagnosis = check("folders")
    assert diagnosis.status == "fail"
    assert "runs is not a folder" in diagnosis.message


@pytest.fixture
def prefect() -> Iterator[Callable[[int], str]]:
    """``prefect(200)`` is the address of a server whose /api/health answers so."""
    servers: list[ThreadingHTTPServer] = []

    def serve(status: int) -> str:
        class Health(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status if self.path == "/api/health" else 500)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", 0), Health)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/api"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def closed_port() -> int:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.server_close()
    return server.server_port


def test_a_prefect_server_that_answers_is_ok(
    check: Callable[..., Check], prefect: Callable[[int], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    url = prefect(200)
    assert check("prefect", PREFECT_API_URL=f"{url}/") == Check("prefect", "ok", f"{url} answers")


def test_a_prefect_address_that_is_another_warns(
    check: Callable[..., Check], prefect: Callable[[int], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    diagnosis = check("prefect", PREFECT_API_URL=prefect(404))
    assert (diagnosis.status, diagnosis.message.endswith("/health answers 404 Not Found")) == ("warn", True)


def test_a_prefect_server_that_is_not_there_fails(
    check: Callable[..., Check], closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    diagnosis = check("prefect", PREFECT_API_URL=f"http://127.0.0.1:{closed_port}/api")
    assert diagnosis.status == "fail"
    assert "Connection refused" in diagnosis.message
    assert "prefect server start" in diagnosis.advice
