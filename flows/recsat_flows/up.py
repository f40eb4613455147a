"""``recsat up``: Prefect's server, the deployments of the installed plugins, a worker and the reports, in one command on this machine.

Everything lies under home and binds to loopback. ctrl-C stops what was started, in order, and leaves the state.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from recsat.errors import ConfigError

HOST = "127.0.0.1"
SECONDS_TO_START = 180
SECONDS_TO_STOP = 30
SERVER_AUTH, COMMAND_AUTH = "PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING"
"""Environment variables, user:password: what the server asks for, and what its clients answer."""


@dataclass(frozen=True)
class Place:
    """Where an instance lives and what it listens on."""

    home: Path
    port: int
    reports_port: int

    @property
    def folder(self) -> Path:
        """State of the server, logs, the instance's lock."""
        return self.home / ".recsat" / "deployments"

    @property
    def api(self) -> str:
        return f"http://{HOST}:{self.port}/api"

    @property
    def reports(self) -> str:
        return f"http://{HOST}:{self.reports_port}"

    def environment(self) -> dict[str, str]:
        """What server, worker and runs are started with, beside what this process has. No secret: it is kept in the deployments."""
        return {
            "RECSAT_HOME": str(self.home),
            "RECSAT_REPORTS_URL": self.reports,
            "PREFECT_API_URL": self.api,
            "PREFECT_HOME": str(self.folder / "prefect"),
            "PREFECT_SERVER_API_HOST": HOST,
            "PREFECT_SERVER_API_PORT": str(self.port),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            # in memory, as by default, a restart would leave the turns of what ran taken for ever
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
            "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
            "PREFECT_CLIENT_MAX_RETRIES": "15",
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
            "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
            "DO_NOT_TRACK": "1",
        }


def authentication() -> dict[str, str]:
    """For the commands, what PREFECT_SERVER_API_AUTH_STRING asks of them, where it is set. In the environment of processes alone."""
    credentials = os.environ.get(SERVER_AUTH)
    return {COMMAND_AUTH: credentials} if credentials else {}


def up(
    domain: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Deploy this domain; may be repeated. Default: every installed one.",
            show_default=False,
        ),
    ] = None,
    every: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Evaluate again and again, such as 60s, 30m, 24h.", show_default="by hand alone"
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            help="Settings of the scheduled evaluation.",
            show_default="the domain's demo",
        ),
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="One of these settings; may be repeated.", show_default=False),
    ] = None,
    home: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of all state.", show_default="RECSAT_HOME, else here")
    ] = None,
    port: Annotated[
        int, typer.Option(min=1024, max=65534, help="Of Prefect's UI and API; reports are one above.")
    ] = 4200,
) -> None:
    """Start Prefect's server, the deployments, a worker and the reports on this machine, until ctrl-C."""
    place = Place((home or Path(os.environ.get("RECSAT_HOME") or ".")).absolute(), port, port + 1)
    interval = None if every is None else interval_of(every)
    with ExitStack() as stack:
        stack.enter_context(only_instance(place))
        for needed in (place.port, place.reports_port):
            require_free(needed)
        parameters = scheduled_parameters(domain, file, sets or [], place)
        stopping = stack.enter_context(stop_signals())
        processes = Processes(place)
        stack.callback(processes.stop)
        _start(place, processes, stopping, domain, interval, parameters, stack)
        _say(place, domain, every)
        while not stopping.wait(1.0):
            processes.require_alive()
        typer.echo("stopping; state stays in " + str(place.home), err=True)


def interval_of(text: str) -> timedelta:
    """``60s``, ``30m``, ``24h``, ``7d``; ConfigError for anything else and for less than 5 seconds.

    >>> interval_of("90s")
    datetime.timedelta(seconds=90)
    """
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
    number, unit = text[:-1], text[-1:]
    if unit not in seconds or not number.isdecimal() or int(number) * seconds[unit] < 5:
        raise ConfigError(f"--every {text}: write a number and s, m, h or d, at least 5s, such as 60s or 24h.")
    return timedelta(seconds=int(number) * seconds[unit])


@contextmanager
def only_instance(place: Place) -> Iterator[None]:
    """Holds home for this instance; ConfigError with the other's process id where there is one."""
    from filelock import FileLock, Timeout

    place.folder.mkdir(parents=True, exist_ok=True)
    holder = place.folder / "up.pid"
    lock = FileLock(place.folder / "up.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        pid = holder.read_text(encoding="utf-8").strip() if holder.exists() else "unknown"
        raise ConfigError(
            f"home {place.home} is served by process {pid} already. Stop that one, or name another --home."
        ) from error
    try:
        holder.write_text(f"{os.getpid()}\n", encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def require_free(port: int) -> None:
    """ConfigError where something listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ConfigError(
                f"port {port} is in use. Choose another --port; reports need the one above it too."
            ) from error


def scheduled_parameters(
    domains: Sequence[str] | None, file: Path | None, sets: Sequence[str], place: Place
) -> dict[str, dict[str, Any]]:
    """By domain, the parameters of its scheduled evaluation; empty where nothing but the demo's settings is asked for.

    ConfigError for what a run or its form refuses, here and now: Prefect's server would say it after the start, in pages.
    """
    if file is None and not sets:
        return {}
    if not domains or len(domains) > 1:
        raise ConfigError("--config and --set are settings of one domain's evaluation: name it with --domain.")
    from pydantic import ValidationError

    from recsat.config.sources import load_config
    from recsat.plugins import load_plugins
    from recsat.run.check import check_config
    from recsat_flows.forms import expert_form, form_values

    plugins = load_plugins()
    base = {"domain": domains[0], **plugins.domain(domains[0]).demo}
    environment = {**os.environ, "RECSAT_HOME": str(place.home)}
    loaded = load_config(
        file, {key: value for key, value in environment.items() if key != "RECSAT_REPORTS_URL"}, sets, base=base
    )
    check_config(loaded.config, plugins, loaded.sources)
    parameters = form_values(loaded.config)
    try:
        expert_form(plugins, domains[0]).model_validate(parameters)
    except (
        ValidationError
    ) as error:  # what a run may have and the form of its domain has not, such as a control among the arms
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{field}: a deployment's form does not take {first['input']!r}. {first['msg']}.") from error
    return {domains[0]: {"config": parameters}}


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """An event that ctrl-C and a termination set; a second ctrl-C is what it always is."""
    stopping = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, _: object) -> None:
        stopping.set()
        signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.default_int_handler)

    for number in before:
        signal.signal(number, stop)
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Processes:
    """The children, each with a log, stopped in the reverse order of their start."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._children: list[tuple[str, subprocess.Popen[bytes]]] = []

    def start(self, name: str, command: Sequence[str]) -> None:
        logs = self._place.folder / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        with (logs / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", *command],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self._place.environment(), **authentication()},
                cwd=self._place.home,
                start_new_session=True,  # ctrl-C is for this process, which stops them in order
            )
        self._children.append((name, child))

    def require_alive(self) -> None:
        """ConfigError where one has ended."""
        for name, child in self._children:
            if child.poll() is not None:
                log = self._place.folder / "logs" / f"{name}.log"
                raise ConfigError(f"the {name} ended with status {child.returncode}. See {log}, and start again.")

    def stop(self) -> None:
        for _, child in reversed(self._children):
            if child.poll() is None:
                child.send_signal(signal.SIGINT)
                try:
                    child.wait(SECONDS_TO_STOP)
                except subprocess.TimeoutExpired:
                    os.killpg(child.pid, signal.SIGKILL)
                    child.wait()
        self._children.clear()


def _start(
    place: Place,
    processes: Processes,
    stopping: threading.Event,
    domains: Sequence[str] | None,
    interval: timedelta | None,
    parameters: Mapping[str, Mapping[str, Any]],
    stack: ExitStack,
) -> None:
    typer.echo("starting Prefect's server ...", err=True)
    processes.start("server", ["prefect", "server", "start", "--host", HOST, "--port", str(place.port)])
    _wait_for_health(place, processes, stopping)
    typer.echo("deploying ...", err=True)
    os.environ.update(place.environment() | authentication())
    _deploy_all(place, domains, interval, parameters)
    processes.start(
        "worker", ["prefect", "worker", "start", "--pool", "recsat", "--type", "process", "--name", "recsat-up"]
    )
    from recsat_flows.pages import serve_pages

    pages = serve_pages(place.home / "runs", HOST, place.reports_port)
    threading.Thread(target=pages.serve_forever, name="recsat-reports", daemon=True).start()
    stack.callback(pages.shutdown)


def _wait_for_health(place: Place, processes: Processes, stopping: threading.Event) -> None:
    import urllib.request  # here: every ``recsat --help`` would pay for it

    deadline = time.monotonic() + SECONDS_TO_START
    while not stopping.is_set():
        processes.require_alive()
        try:
            with urllib.request.urlopen(f"{place.api}/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise ConfigError(
                f"Prefect's server did not answer within {SECONDS_TO_START} s. See {place.folder / 'logs' / 'server.log'}."
            )
        time.sleep(0.5)


def _deploy_all(
    place: Place, names: Sequence[str] | None, interval: timedelta | None, parameters: Mapping[str, Mapping[str, Any]]
) -> None:
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

    from recsat_flows import automations
    from recsat_flows.deployments import deploy, deployments, make_pool

    environment = {key: value for key, value in place.environment().items() if not key.startswith("PREFECT_SERVER")}
    settings = {PREFECT_API_URL: place.api, PREFECT_API_AUTH_STRING: os.environ.get(COMMAND_AUTH)}
    with temporary_settings(settings), get_client(sync_client=True) as client:
        make_pool(client)
        for deployment in deployments(None if not names else list(names)):
            is_scheduled = deployment.kind.name == "evaluate"
            deploy(
                client,
                deployment,
                home=place.home,
                environment=environment,
                every=interval if is_scheduled else None,
                parameters=parameters.get(deployment.name) if is_scheduled else None,
            )
        for sentence in automations.apply(client):
            typer.echo(sentence, err=True)


def _say(place: Place, domains: Sequence[str] | None, every: str | None) -> None:
    typer.echo(f"Prefect    http://{HOST}:{place.port}/deployments")
    typer.echo(f"reports    {place.reports}")
    typer.echo(f"state      {place.home}")
    typer.echo(
        f"evaluation {'every ' + every if every else 'by hand, or by the schedule that the UI turns on'} of {', '.join(domains) if domains else 'every domain'}"
    )
    typer.echo("ctrl-C stops everything.")
