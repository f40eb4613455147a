"""A stage in a process of its own, which is killed when its time is up.

Prefect's own time-outs raise in the main thread, as soon as it runs Python again: a stage that hangs in native code, or waits for another thread
in it, goes on. A process can be ended whatever it does.
"""

from __future__ import annotations

import os
import threading
import time
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from recsat.errors import RunError
from recsat.plugins import load_plugins
from recsat.result.model import StageCost
from recsat.run import RunFolder, Stage, run_stage
from recsat.run.progress import Progress

STAGE_LIMIT, FINETUNE_LIMIT = "flows.stage_limit_s", "flows.finetune_limit_s"
SECONDS_BETWEEN_LOOKS = 1.0
"""How often the process looks whether the one that started it is still there."""


class StageTimeout(RunError, TimeoutError):
    """A stage took longer than it may. What it had written stands, and a further try goes on from there."""


def run_stage_within(
    folder: Path, stage: Stage, seconds: float, progress: Progress, setting: str = STAGE_LIMIT
) -> None:
    """Runs ``stage`` of the run in a process of its own, which tells ``progress`` what it does. ``setting`` names where ``seconds`` are from.

    Raises what the stage raises; :class:`StageTimeout` after ``seconds``, and RunError where the process died, both with the process gone.
    """
    receiver, sender = (context := get_context("spawn")).Pipe(duplex=False)
    process = context.Process(target=_work, args=(str(folder), stage, os.getpid(), sender), name=f"recsat-{stage.name}")
    end = time.monotonic() + seconds
    process.start()
    sender.close()
    try:
        if not _relay(receiver, progress, end):
            raise StageTimeout(
                f"stage {stage.name} took longer than {setting} ({seconds:g} s) and was ended. Raise it, or see what the stage waits for."
            )
        process.join()
    finally:
        process.kill()
        process.join()
    if process.exitcode:
        raise RunError(
            f"stage {stage.name}: its process ended with status {process.exitcode}; -9 is a kill, as for want of memory. What is finished stands: run it again."
        )


def _relay(receiver: Connection, progress: Progress, end: float) -> bool:
    """Hands on what the process says, until it says no more; False where ``end`` comes first."""
    while receiver.poll(max(0.0, end - time.monotonic())):
        try:
            name, arguments = receiver.recv()
        except EOFError:
            return True
        if name == "error":
            raise arguments[0]
        getattr(progress, name)(*arguments)
    return False


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


def _work(folder: str, stage: Stage, parent: int, sender: Connection) -> None:
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    try:
        run_stage(RunFolder(Path(folder)), stage, load_plugins(), _Sent(sender))
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
