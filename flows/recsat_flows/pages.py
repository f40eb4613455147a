"""The runs' reports over HTTP, to read and nothing else: ``recsat up`` serves them, elsewhere ``python -m recsat_flows.pages`` does, on loopback by default.

RECSAT_REPORTS_URL says to the worker under which address they are read: the reports of Prefect's artifacts then have a link.
"""

from __future__ import annotations

import argparse
import html
import os
from collections.abc import Sequence
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


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """``host`` and ``port`` of the command, and ``home``, which RECSAT_HOME sets."""
    parser = argparse.ArgumentParser("python -m recsat_flows.pages", description=main.__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="Address to listen on. Default: this machine alone.")
    parser.add_argument("--port", type=int, default=4201, help="Default: 4201.")
    parser.set_defaults(home=os.environ.get("RECSAT_HOME"))
    return parser.parse_args(arguments)


def main() -> None:
    """Serves the reports of the home RECSAT_HOME until the process is ended. Nobody is asked who they are."""
    command = options()
    if not command.home:
        raise SystemExit("RECSAT_HOME is not set. Set it to the folder of the state.")
    with serve_pages(Path(command.home) / "runs", command.host, command.port) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
