"""A stage or another task's work in a process of its own, which is killed when its time is up.

Prefect's own time-outs raise in the main thread, as soon as it runs Python again: a stage that hangs in native code, or waits for another thread
in it, goes on. A process can be ended whatever it does.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from multiprocessing import current_process, get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from recsat.errors import ConfigError, RunError
from recsat.plugins import load_plugins
from recsat.result.model import StageCost
from recsat.run import RunFolder, Stage, run_stage
from recsat.run.progress import Progress

Result = TypeVar("Result")

STAGE_LIMIT, FINETUNE_LIMIT, TASK_LIMIT = "flows.stage_limit_s", "flows.finetune_limit_s", "flows.task_limit_s"
SECONDS_BETWEEN_LOOKS = 1.0
"""How often the process looks whether the one that started it is still there."""


class TaskTimeout(RunError, TimeoutError):
    """A task took longer than it may. What it had written stands, and a further try goes on from there."""


class StageTimeout(TaskTimeout):
    """:class:`TaskTimeout` of a stage."""


def run_stage_within(
    folder: Path, stage: Stage, seconds: float, progress: Progress, setting: str = STAGE_LIMIT
) -> None:
    """Runs ``stage`` of the run in a process of its own, which tells ``progress`` what it does. ``setting`` names where ``seconds`` are from.

    Raises what the stage raises; :class:`StageTimeout` after ``seconds``, and RunError where the process died, both with the process gone.
    """
    _run_within(seconds, setting, f"stage {stage.name}", StageTimeout, _stage, (str(folder), stage), progress)


def run_within(seconds: float | None, name: str, work: Callable[..., Result], *arguments: Any) -> Result:
    """What ``work(*arguments)`` returns: in this process where there is no limit, else in one of its own, as a stage's.

    ``work`` is a function of a module; ``arguments`` and what it returns go from process to process. Raises what it raises; :class:`TaskTimeout`, which names the task
    and ``flows.task_limit_s``, after ``seconds``; RunError where the process died; ConfigError where this process may not start one.
    """
    if seconds is None:
        return work(*arguments)
    if current_process().daemon:
        raise ConfigError(
            f"{TASK_LIMIT}: this worker may start no process, and {name} would have no limit. Set distributed.worker.daemon to false on Dask's workers, or leave the limit out."
        )
    result: Result = _run_within(seconds, TASK_LIMIT, f"task {name}", TaskTimeout, work, arguments)
    return result


def _run_within(
    seconds: float,
    setting: str,
    name: str,
    timeout: type[TaskTimeout],
    work: Callable[..., Any],
    arguments: tuple[Any, ...],
    progress: Progress | None = None,
) -> Any:
    receiver, sender = (context := get_context("spawn")).Pipe(duplex=False)
    target = (work, arguments, progress is not None, os.getpid(), sender)
    process = context.Process(target=_work, args=target, name=f"recsat {name}")
    end = time.monotonic() + seconds
    process.start()
    sender.close()
    try:
        returned = _relay(receiver, progress, end)
        if returned is None:
            raise timeout(
                f"{name} took longer than {setting} ({seconds:g} s) and was ended. Raise it, or see what it waits for."
            )
        process.join()
    finally:
        process.kill()
        process.join()
    if process.exitcode or not returned:
        raise RunError(
            f"{name}: its process ended with status {process.exitcode}; -9 is a kill, as for want of memory. What is finished stands: run it again."
        )
    return returned[0]


def _relay(receiver: Connection, progress: Progress | None, end: float) -> list[Any] | None:
    """Hands on what the process says, until it says no more: what it returned, alone in a list that is empty where it died; None where ``end`` comes first."""
    returned: list[Any] = []
    while receiver.poll(max(0.0, end - time.monotonic())):
        try:
            name, arguments = receiver.recv()
        except EOFError:
            return returned
        if name == "error":
            raise arguments[0]
        if name == "returned":
            returned = [arguments[0]]
        else:
            getattr(progress, name)(*arguments)
    return None


class _Sent:
    """Progress that another process is told of."""

    def __init__(self, sender: Connection) -> None:
        self._sender = sender

    def stage(self, name: str, total: int | None = None) -> None:
        self._sender.send(("stage", (name, total)))

    def expect(self, total: int) -> None:
        self._sender.send(("expect", (total,)))

    def advance(self, n: int = 1) -> None:
        self._sender.send(("advance", (n,)))

    def note(self, text: str) -> None:
        self._sender.send(("note", (text,)))

    def finish(self, cost: StageCost) -> None:
        self._sender.send(("finish", (cost,)))


def _stage(folder: str, stage: Stage, progress: Progress) -> None:
    run_stage(RunFolder(Path(folder)), stage, load_plugins(), progress)


def _work(work: Callable[..., Any], arguments: tuple[Any, ...], tells: bool, parent: int, sender: Connection) -> None:
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    try:
        returned = work(*arguments, _Sent(sender)) if tells else work(*arguments)
        sender.send(("returned", (returned,)))
    except Exception as error:
        sender.send(("error", (_sendable(error),)))


def _end_with(parent: int) -> None:
    """Nobody may go on in a run's folder whose holder was killed: the next one has it by then."""
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os._exit(1)


def _sendable(error: Exception) -> Any:
    """``error`` without what it came from, which need not be of a kind that can be sent."""
    error.__cause__ = error.__context__ = None
    return error
