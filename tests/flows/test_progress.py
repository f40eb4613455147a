"""Progress never holds the work up: the server away, coming back, or gone for good."""

from __future__ import annotations

import http.server
import logging
import threading
import time
from collections.abc import Iterator

import pytest
from prefect import flow
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_CLIENT_CSRF_SUPPORT_ENABLED,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)
from prefect_processes import newest_artifact

from recsat.result.model import StageCost
from recsat_flows import progress
from recsat_flows.progress import PrefectProgress, Sender

COST = StageCost(name="embed", seconds=1.0, peak_mib=1.0, n_new=3, n_cached=0)


class Door(http.server.ThreadingHTTPServer):
    """A server that takes every connection and drops it, until it is opened: then it answers as Prefect's artifacts do."""

    daemon_threads = True
    is_open = False

    def __init__(self) -> None:
        self.bodies: list[tuple[str, bytes]] = []
        self.n_dropped = 0
        super().__init__(("127.0.0.1", 0), Artifacts)


class Artifacts(http.server.BaseHTTPRequestHandler):
    server: Door

    def do_POST(self) -> None:
        self._answer(b'{"id": "00000000-0000-0000-0000-000000000001", "created": null, "updated": null}', 201)

    def do_PATCH(self) -> None:
        self._answer(b"", 204)

    def _answer(self, content: bytes, status: int) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self.server.is_open:
            self.server.n_dropped += 1
            self.close_connection = True
            return
        if self.path.startswith("/api/artifacts"):
            self.server.bodies.append((self.command, body))
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_UPDATES", 0.05)
    monkeypatch.setattr(progress, "SECONDS_FOR_THE_LAST", 0.3)
    with Door() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{server.server_address[1]}/api"
        settings = {PREFECT_API_URL: address, PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_CLIENT_CSRF_SUPPORT_ENABLED: False}
        with temporary_settings(settings):
            yield server
        server.shutdown()


def until(condition: object, seconds: float = 20.0) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_work_goes_on_while_the_server_drops_everything_and_the_log_says_so_once(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    sender = Sender("embed", logging.getLogger("recsat.test"))
    for percent in range(100):
        sender.percent = float(percent)  # an update is an assignment: it cannot wait for anything
    until(lambda: door.n_dropped >= 3)
    sender.end()
    until(lambda: not sender._thread.is_alive())
    warnings = [record.getMessage() for record in caplog.records if record.name == "recsat.test"]
    assert len(warnings) == 1
    assert warnings[0].startswith("the server cannot be told of the progress of embed, which goes on: ")


def test_what_was_missed_is_caught_up_when_the_server_is_back(door: Door) -> None:
    sender = Sender("embed", logging.getLogger("recsat.test"))
    until(lambda: door.n_dropped >= 2)
    sender.percent = 40.0
    door.is_open = True
    until(lambda: door.bodies)
    sender.percent = 100.0
    sender.end()
    until(lambda: not sender._thread.is_alive())
    (created, first), *_, (updated, last) = door.bodies
    assert (created, updated) == ("POST", "PATCH")
    assert b'"key":"recsat-embed-progress"' in first
    assert b'"data":40.0' in first
    assert b'"data":100.0' in last


@pytest.mark.server
@pytest.mark.usefixtures("prefect")
def test_the_artifact_belongs_to_the_run_and_ends_where_the_stage_did() -> None:
    @flow(name="three-steps")
    def three_steps() -> None:
        with PrefectProgress() as stage_progress:
            stage_progress.stage("three-steps", total=3)
            stage_progress.advance(3)
            stage_progress.finish(COST)

    state = three_steps(return_state=True)
    artifact = newest_artifact("recsat-three-steps-progress")
    assert artifact.data == 100.0
    assert artifact.flow_run_id == state.state_details.flow_run_id


def test_a_note_does_not_steer_the_terminal(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("recsat.test")
    monkeypatch.setattr(progress, "get_run_logger", lambda: logger)
    with caplog.at_level(logging.INFO, logger.name):
        PrefectProgress().note("row 3: \x1b]0;owned\x07\u202eevil")
    assert caplog.messages == ["row 3: \ufffd]0;owned\ufffd\ufffdevil"]


@pytest.mark.server
@pytest.mark.usefixtures("prefect")
def test_a_stage_that_fails_leaves_no_thread_behind() -> None:
    @flow(name="fails")
    def fails() -> None:
        with PrefectProgress() as stage_progress:
            stage_progress.stage("failing", total=3)
            raise ValueError

    fails(return_state=True)
    until(lambda: not [thread for thread in threading.enumerate() if thread.name == "recsat-progress-failing"])
