"""The reports over HTTP: what can be read, and that nothing else can."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect_processes import until

from recsat_flows.pages import serve_pages


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    runs = tmp_path / "runs"
    for run in ("a", "b <script>"):
        (runs / run).mkdir(parents=True)
        (runs / run / "report.html").write_text(f"<p>report of {run}</p>")
        (runs / run / "config.json").write_text("{}")
    (runs / "latest").symlink_to("a", target_is_directory=True)
    (tmp_path / "report.html").write_text("outside")
    with serve_pages(runs, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def get(port: int, path: str, method: str = "GET") -> tuple[int, str, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode(), dict(answer.getheaders())


def test_reports_are_listed_with_their_names_as_text_and_can_be_read(port: int) -> None:
    status, page, headers = get(port, "/")
    assert status == 200
    assert page.count("<li>") == 2
    assert "b &lt;script&gt;" in page
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    status, report, headers = get(port, "/a/report.html")
    assert (status, report) == (200, "<p>report of a</p>")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert get(port, "/b%20%3Cscript%3E/report.html")[0] == 200
    assert get(port, "/a/report.html", "HEAD")[:2] == (200, "")


@pytest.mark.parametrize(
    "path",
    [
        "/a/config.json",
        "/../report.html",
        "/%2e%2e/report.html",
        "/a%2f..%2f../report.html",
        "/a/../../report.html",
        "/a",
        "/c/report.html",
        "/a/report.html/x",
    ],
)
def test_nothing_else_can_be_read(port: int, path: str) -> None:
    status, page, _ = get(port, path)
    assert status == 404
    assert "outside" not in page


def test_the_command_serves_the_reports_of_home_and_says_where_home_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs" / "a").mkdir(parents=True)
    (tmp_path / "runs" / "a" / "report.html").write_text("<p>report of a</p>")
    command = [sys.executable, "-m", "recsat_flows.pages", "--port"]
    monkeypatch.delenv("RECSAT_HOME", raising=False)
    refused = subprocess.run([*command, "1"], capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stderr) == (1, "RECSAT_HOME is not set. Set it to the folder of the state.\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free: int = probe.getsockname()[1]
    environment = {**os.environ, "RECSAT_HOME": str(tmp_path)}
    with subprocess.Popen([*command, str(free)], env=environment) as process:
        try:
            assert until(lambda: answer(free, "/a/report.html"), 60) == (200, "<p>report of a</p>")
        finally:
            process.kill()


def answer(port: int, path: str) -> tuple[int, str] | None:
    try:
        return get(port, path)[:2]
    except OSError:
        return None


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_written(port: int, method: str) -> None:
    assert get(port, "/a/report.html", method)[0] == 501
