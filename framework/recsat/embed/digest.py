"""What a file holds, in 64 letters."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal; raises OSError where it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_large_file(path: Path) -> str:
    """:func:`sha256_of` of a large file, read once in a process as long as its size and time of change stay."""
    state = path.stat()
    return _of_state(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=256)
def _of_state(path: Path, size: int, modified_ns: int) -> str:
    return sha256_of(path)
