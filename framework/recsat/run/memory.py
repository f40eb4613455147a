"""How much memory a run may still take."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import psutil

CGROUP: Final = Path("/sys/fs/cgroup")
"""What a container is given stands here; the system's own figures are those of the whole machine."""


def free_memory(cgroup: Path = CGROUP) -> int:
    """Bytes: the least of what the machine has free, what the process's group has left, and what the limit of its addresses leaves."""
    process = psutil.Process().memory_info()
    rooms = [psutil.virtual_memory().available]
    limit, current = _number(cgroup / "memory.max"), _number(cgroup / "memory.current")
    if limit is not None and current is not None:
        # Pages of files are given back when memory is short.
        rooms.append(limit - current + _file_pages(cgroup / "memory.stat"))
    if sys.platform != "win32":
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        if soft != resource.RLIM_INFINITY:
            rooms.append(soft - process.vms)
    return max(0, min(rooms))


def _number(path: Path) -> int | None:
    """None where there is no such file, or it says that there is no limit ("max")."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None


def _file_pages(path: Path) -> int:
    try:
        rows = dict(line.split() for line in path.read_text(encoding="ascii").splitlines())
    except OSError:
        return 0
    return int(rows.get("inactive_file", 0))
