"""How many processor threads a stage computes with."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from threadpoolctl import threadpool_limits

from recsat.cores import n_cores

VARIABLE: Final = "OMP_NUM_THREADS"
"""What PyTorch and the libraries of linear algebra read when they are loaded."""


def default_threads() -> int:
    """``OMP_NUM_THREADS`` where it is set, else half of the cores that the process may use, at least one.

    PyTorch itself takes all. Threads of one product wait for each other, so that one core that is busy elsewhere holds all of them up: 400 texts
    on two cores, one of them busy, took 1.39 s with one thread and 2.64 s with two, and 2.5 times the processor time.
    """
    variable = os.environ.get(VARIABLE, "")
    return int(variable) if variable.isdecimal() and int(variable) else max(1, n_cores() // 2)


@contextmanager
def computing_with(n_threads: int | None) -> Iterator[None]:
    """Inside, PyTorch and linear algebra use ``n_threads`` (None: :func:`default_threads`), also where they are first loaded there."""
    n = default_threads() if n_threads is None else n_threads
    before, variable = _torch_threads(), os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(n)
    try:
        with threadpool_limits(n):
            if before is not None:
                sys.modules["torch"].set_num_threads(n)
            yield
    finally:
        if variable is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = variable
        if before is not None:
            sys.modules["torch"].set_num_threads(before)


def _torch_threads() -> int | None:
    """None where it is not loaded: loading it takes longer than some stages."""
    torch: Any = sys.modules.get("torch")
    return None if torch is None else int(torch.get_num_threads())
