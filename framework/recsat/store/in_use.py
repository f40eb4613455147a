"""Whether another process has an embedded store open, without opening it."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from recsat.store import edge_folder


def process_that_has(directory: Path) -> str | None:
    """The id of the process that has the store in ``directory`` open, as it says itself; None where none has, or there is no store."""
    lock = directory / "lock"
    if not lock.exists():
        return None
    try:
        with FileLock(lock, timeout=0, thread_local=False):
            return None
    except Timeout:
        return edge_folder.holder(directory)
    except OSError:
        return None  # not readable by this user: opening it says so better
