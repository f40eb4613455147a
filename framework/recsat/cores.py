"""Processor cores of this machine, as far as they are the process's."""

from __future__ import annotations

import psutil


def n_cores() -> int:
    """What the scheduler gives to the process, where the system says so."""
    process = psutil.Process()
    return len(process.cpu_affinity()) if hasattr(process, "cpu_affinity") else psutil.cpu_count() or 1
