"""``recsat serve`` as processes: another model under load, signals, kills, several workers."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from kept_models import kept_folder
from served_models import wait_until

from recsat.errors import ConfigError
from recsat.feedback.log import FeedbackLog
from recsat.plugins import load_plugins
from recsat.serving.settings import check_host, is_loopback, key_of

LOAD = """
import json, sys, httpx
from pathlib import Path
address, ended, arms = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
arm, failures, n = "", [], 0
with httpx.Client(base_url=address, timeout=30) as client:
    while not ended.exists():
        n += 1
        try:
            answer = client.post("/v1/recommend", json={"users": [str(n % 40 + 1)], "k": 5})
        except httpx.HTTPError as error:
            failures.append(repr(error))
            continue
        if answer.status_code != 200 or len(answer.json()["lists"][0]["items"]) != 5:
            failures.append(answer.text)
        elif answer.json()["arm"] != arm:
            arm = answer.json()["arm"]
            arms.write_text(arms.read_text() + arm + " ")
print(json.dumps(failures))
"""


@dataclass(frozen=True)
class Served:
    process: subprocess.Popen[str]
    address: str
    messages: list[str]

    def ask(self, path: str) -> int:
        try:
            return httpx.get(f"{self.address}{path}", timeout=10).status_code
        except httpx.HTTPError:
            return 0


@contextmanager
def serving(model: Path, log: Path, *options: str) -> Iterator[Served]:
    """A process of the command, once it is ready; killed in the end where it still runs."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RECSAT_")}
    command = ["serve", "--run", str(model), "--feedback", str(log), "--port", "0", "--refresh", "0.1", *options]
    process = subprocess.Popen(
        [sys.executable, "-c", "from recsat.cli import main; main()", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd=log.parent,
        start_new_session=True,
    )
    messages: list[str] = []
    assert process.stdout is not None
    lines = process.stdout
    reader = threading.Thread(target=lambda: messages.extend(iter(lines.readline, "")))
    reader.start()
    try:
        address = re.compile(r"running on (http://\S+)")
        wait_until(lambda: address.search("".join(messages)) or process.poll() is not None)
        match = address.search("".join(messages))
        assert match, "".join(messages)
        served = Served(process, match[1], messages)
        wait_until(lambda: served.ask("/readyz") == 200)
        yield served
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        reader.join()


@pytest.mark.slow
def test_another_model_takes_over_under_load_and_a_signal_ends_the_service(finished_run: Path, tmp_path: Path) -> None:
    plugins = load_plugins(["content"])
    folders = {arm: kept_folder(finished_run, arm, plugins, tmp_path) for arm in ("text", "ease")}
    served_folder, ended, arms = (tmp_path / name for name in ("served", "ended", "arms"))
    served_folder.symlink_to(folders["text"])
    with serving(served_folder, tmp_path / "log") as served:
        arms.touch()
        load = subprocess.Popen(
            [sys.executable, "-c", LOAD, served.address, str(ended), str(arms)], stdout=subprocess.PIPE, text=True
        )
        wait_until(lambda: arms.read_text() == "text ")
        for name in ("ease", "text", "ease"):
            (tmp_path / "link").symlink_to(folders[name])
            (tmp_path / "link").replace(served_folder)
            wait_until(lambda name=name: arms.read_text().endswith(f"{name} "))
        ended.touch()
        assert json.loads(load.communicate(timeout=60)[0]) == []
        assert arms.read_text() == "text ease text ease "
        served.process.send_signal(signal.SIGTERM)
        served.process.wait(timeout=30)
    assert "Application shutdown complete" in "".join(served.messages)
    assert "Traceback" not in "".join(served.messages)


@pytest.mark.slow
def test_a_request_in_progress_is_answered_before_the_service_ends(finished_run: Path, tmp_path: Path) -> None:
    body = b'{"users": ["1"]}'
    head = f"POST /v1/recommend HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with serving(finished_run, tmp_path / "log") as served:
        host, port = served.address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(head.encode() + body[:5])
            assert served.ask("/healthz") == 200  # what was sent before has arrived by then
            served.process.send_signal(signal.SIGTERM)
            wait_until(lambda: "Shutting down" in "".join(served.messages))
            connection.sendall(body[5:])
            answer = connection.recv(1_000_000)
        assert answer.startswith(b"HTTP/1.1 200 OK")
        served.process.wait(timeout=30)


@pytest.mark.slow
def test_what_was_acknowledged_before_a_kill_is_in_the_log(finished_run: Path, tmp_path: Path) -> None:
    acknowledged: list[str] = []
    with serving(finished_run, tmp_path / "log") as served:

        def send(sender: int) -> None:
            with httpx.Client(base_url=served.address, timeout=30) as client:
                for batch in range(10_000):
                    names = [f"{sender}-{batch}-{i}" for i in range(3)]
                    events = [{"event_id": name, "user_id": "1", "item_id": "318", "event": "rating"} for name in names]
                    try:
                        if client.post("/v1/events", json={"events": events}).status_code == 200:
                            acknowledged.extend(names)
                    except httpx.HTTPError:
                        return

        senders = [threading.Thread(target=send, args=(sender,)) for sender in range(3)]
        for sender in senders:
            sender.start()
        wait_until(lambda: len(acknowledged) > 100)
        served.process.kill()
        for sender in senders:
            sender.join()
    with FeedbackLog(tmp_path / "log") as log:
        in_log = set(log.since(0)["event_id"])
    assert set(acknowledged) <= in_log
    assert len(in_log) % 3 == 0, "a batch is kept whole or not at all"


@pytest.mark.slow
def test_several_workers_share_one_log_and_one_set_of_figures(finished_run: Path, tmp_path: Path) -> None:
    with serving(finished_run, tmp_path / "log", "--workers", "2") as served:

        def figures() -> str:
            return httpx.get(f"{served.address}/metrics", timeout=30).text

        wait_until(lambda: re.search(r"recsat_model_processes\{.*\} 2\.0", figures()))

        def post(path: str, **body: object) -> Any:
            """Over a connection of its own, so that both workers are asked."""
            return httpx.post(f"{served.address}{path}", json=body, timeout=30).json()

        best = post("/v1/recommend", users=["2"], k=1)["lists"][0]["items"][0]["item_id"]
        for number in range(30):
            event = {"event_id": str(number), "user_id": "2", "item_id": best, "event": "rating", "value": 5}
            acknowledged = post("/v1/events", events=[event, event])
            assert (acknowledged["new"], acknowledged["repeated"]) == (1, 1)
        lists = [post("/v1/recommend", users=["2"], k=1)["lists"][0]["items"][0]["item_id"] for _ in range(20)]
        assert best not in lists
        assert len(set(lists)) == 1
        assert 'recsat_events_total{kind="new"} 30.0' in figures()
        assert len(workers(served)) == 2
        served.process.send_signal(signal.SIGTERM)
        served.process.wait(timeout=60)
    assert "Traceback" not in "".join(served.messages)


def workers(served: Served) -> list[psutil.Process]:
    children = psutil.Process(served.process.pid).children()
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


@pytest.mark.slow
def test_workers_end_when_what_started_them_is_killed(finished_run: Path, tmp_path: Path) -> None:
    with serving(finished_run, tmp_path / "log", "--workers", "2") as served:
        orphans = workers(served)
        assert len(orphans) == 2
        served.process.kill()
        wait_until(lambda: not any(orphan.is_running() for orphan in orphans))


def test_other_machines_are_let_in_with_a_key_alone() -> None:
    for host in ("127.0.0.1", "127.1.2.3", "::1", "localhost"):
        assert is_loopback(host)
        check_host(host, None)
    for host in ("0.0.0.0", "::", "10.0.0.1", "example.org"):
        with pytest.raises(ConfigError, match="can be reached from other machines, and no key is set"):
            check_host(host, None)
        check_host(host, "secret")


def test_a_key_is_one_that_a_header_can_carry() -> None:
    assert key_of({}) is None
    assert key_of({"RECSAT_API_KEY": ""}) is None
    assert key_of({"RECSAT_API_KEY": "a-b.c"}) == "a-b.c"
    for key in ("with space", "schlüssel", "two\nlines"):
        with pytest.raises(ConfigError, match="a header cannot carry"):
            key_of({"RECSAT_API_KEY": key})
