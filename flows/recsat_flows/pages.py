"""The runs' reports over HTTP, to read and nothing else: one process, loopback by default."""

from __future__ import annotations

import html
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

READABLE = {
    "report.html": "text/html; charset=utf-8",
    "report.md": "text/markdown; charset=utf-8",
    "result.json": "application/json",
}
"""Files of a run that are shown; no other file of home is."""


class Pages(BaseHTTPRequestHandler):
    """``/`` lists the runs, ``/<run>/report.html`` is a run's report."""

    server_version, sys_version = "recsat", ""

    def __init__(self, *arguments: object, runs_dir: Path) -> None:
        self.runs_dir = runs_dir
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        parts = [unquote(part) for part in urlsplit(self.path).path.split("/") if part]
        if not parts:
            self._send(self._runs().encode(), READABLE["report.html"], "default-src 'none'; style-src 'unsafe-inline'")
            return
        path = self.runs_dir.joinpath(*parts)
        if (
            len(parts) != 2
            or parts[1] not in READABLE
            or parts[0] in {".", ".."}
            or "/" in parts[0]
            or not path.is_file()
        ):
            self.send_error(HTTPStatus.NOT_FOUND, "no such report")
            return
        self._send(path.read_bytes(), READABLE[parts[1]])

    do_HEAD = do_GET  # noqa: N815

    def _send(self, content: bytes, content_type: str, policy: str | None = None) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        if policy:
            self.send_header("Content-Security-Policy", policy)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def _runs(self) -> str:
        runs = [path.parent.name for path in self.runs_dir.glob("*/report.html") if not path.parent.is_symlink()]
        lines = "".join(
            f'<li><a href="/{quote(run)}/report.html">{html.escape(run)}</a></li>' for run in sorted(runs, reverse=True)
        )
        return (
            '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            "<title>recsat reports</title><style>body{font:16px/1.6 system-ui;margin:2rem auto;max-width:46rem;padding:0 1rem}</style>"
            f"<h1>Reports</h1>{f'<ul>{lines}</ul>' if runs else '<p>No run has finished yet.</p>'}</html>"
        )

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing: these lines would stand among those of the runs."""


def serve_pages(runs_dir: Path, host: str, port: int) -> ThreadingHTTPServer:
    """A server of the reports below ``runs_dir``, not yet started."""
    return ThreadingHTTPServer((host, port), partial(Pages, runs_dir=runs_dir))
