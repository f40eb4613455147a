"""One process works on a run folder at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from recsat.errors import RunError
from recsat.run.folder import RunFolder


@contextmanager
def claimed(folder: RunFolder) -> Iterator[None]:
    """The run folder for this process alone; the system lets go of it when the process dies, however it dies.

    Raises :class:`RunError` with the other process' id where one has it.
    """
    lock, holder = FileLock(folder.path / ".claim", thread_local=False), folder.path / ".claim-holder"
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise RunError(
            f"run {folder.run_id} is being worked on by process {_pid(folder)} (this is process {os.getpid()}). Wait until that has ended, and start "
            "again: what is finished by then stands."
        ) from error
    try:
        holder.write_text(f"{os.getpid()}\n", encoding="utf-8")
        yield
    finally:
        lock.release()


def is_claimed(folder: RunFolder) -> bool:
    """Whether some process works on it now."""
    try:
        with claimed(folder):
            return False
    except RunError:
        return True


def _pid(folder: RunFolder) -> str:
    try:
        return (folder.path / ".claim-holder").read_text(encoding="utf-8").strip() or "unknown"
    except OSError:
        return "unknown"
