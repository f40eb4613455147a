"""One process for each store directory."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from recsat.errors import StoreError


class DirectoryLock:
    """Held from construction to :meth:`release`; the system lets go of it when the process dies, however it dies."""

    def __init__(self, directory: Path) -> None:
        path = directory / "lock"
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(self._handle)
        except OSError as error:
            holder = os.read(self._handle, 20).decode(errors="replace").strip() or "unknown"
            os.close(self._handle)
            raise StoreError(
                f"{directory}: the store is open already, in process {holder} (this is process {os.getpid()}). One process may use a "
                "directory at a time: close it there, choose another directory, or use a server (store.backend = server)."
            ) from error
        os.ftruncate(self._handle, 0)
        os.write(self._handle, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        os.lseek(handle, 1 << 20, os.SEEK_SET)  # past the text, because Windows would bar readers from locked bytes
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        os.lseek(handle, 0, os.SEEK_SET)
else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
