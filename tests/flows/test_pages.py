"""The reports over HTTP: what can be read, and that nothing else can."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_written(port: int, method: str) -> None:
    assert get(port, "/a/report.html", method)[0] == 501
