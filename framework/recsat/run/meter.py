"""What a stage costs: seconds and peak memory of this process."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

import psutil

SAMPLE_SECONDS = 0.05
MIB = 2**20


class Meter:
    """Context manager that samples the process's resident memory.

    >>> with Meter() as meter:
    ...     pass
    >>> meter.seconds >= 0 and meter.peak_mib > 0
    True
    """

    seconds: float = 0.0
    peak_mib: float = 0.0

    def __enter__(self) -> Self:
        self._process = psutil.Process()
        self._stop = threading.Event()
        self._peak = self._process.memory_info().rss
        self._thread = threading.Thread(target=self._sample, name="recsat-meter", daemon=True)
        self._start = time.perf_counter()
        self._thread.start()
        return self

    def _sample(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            self._peak = max(self._peak, self._process.memory_info().rss)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds = time.perf_counter() - self._start
        self._stop.set()
        self._thread.join()
        self.peak_mib = max(self._peak, self._process.memory_info().rss) / MIB
