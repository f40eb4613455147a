"""How fast this machine is, against the one on which the unit costs were measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

SIDE: Final = 512
ROUNDS: Final = 9


@dataclass(frozen=True)
class Speed:
    """How many times as long work takes here as on the reference machine."""

    products: float
    """Of dense float32 matrices."""
    tables: float
    """Of Python itself, and of sorts: what tables cost."""


REFERENCE_PRODUCT: Final = 0.0027
REFERENCE_TABLE: Final = 0.0017
"""Seconds of the probes below on the reference machine, one core of an AMD EPYC with AVX-512, with one thread."""


@cache
def machine_speed() -> Speed:
    """By two probes of some milliseconds each, the shortest of :data:`ROUNDS`: what else the machine does beside lengthens single ones.

    They are made with the threads that are set when this is first called, and kept for the process.
    """
    rng = np.random.default_rng(0)
    left, right = (rng.standard_normal((SIDE, SIDE), dtype=np.float32) for _ in range(2))
    keys = [str(number) for number in rng.integers(0, 500, 6_000)]
    values = rng.random(20_000)

    def tables() -> None:
        sums: dict[str, float] = {}
        for key in keys:
            sums[key] = sums.get(key, 0.0) + 1.0
        np.sort(values, kind="stable")  # the other kinds take a third in newer versions of numpy, and tables do not

    return Speed(_shortest(lambda: left @ right) / REFERENCE_PRODUCT, _shortest(tables) / REFERENCE_TABLE)


def _shortest(work: Callable[[], object]) -> float:
    work()
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
