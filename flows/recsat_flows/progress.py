"""A run's progress as Prefect shows it: log lines and one progress artifact for the stage that is running."""

from __future__ import annotations

import time
from uuid import UUID

from prefect import get_run_logger
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from recsat.result.model import StageCost

SECONDS_BETWEEN_UPDATES = 2.0


class PrefectProgress:
    """Tells the Prefect run what a stage does. An update is a request to the server, so they are rationed."""

    def __init__(self) -> None:
        self._logger = get_run_logger()
        self._artifact: UUID | None = None
        self._total = 0
        self._done = 0
        self._last = 0.0

    def stage(self, name: str, total: int | None = None) -> None:
        self._logger.info("%s started", name)
        created = create_progress_artifact(progress=0.0, key=f"recsat-{name}-progress", description=f"Stage {name}")
        self._artifact = created if isinstance(created, UUID) else None
        self._total, self._done, self._last = total or 0, 0, time.monotonic()

    def expect(self, total: int) -> None:
        self._total = total

    def advance(self, n: int = 1) -> None:
        self._done += n
        if time.monotonic() - self._last >= SECONDS_BETWEEN_UPDATES and self._total:
            self._last = time.monotonic()
            self._update(100.0 * min(self._done / self._total, 1.0))

    def note(self, text: str) -> None:
        self._logger.info("%s", text)

    def finish(self, cost: StageCost) -> None:
        self._update(100.0)
        self._logger.info(
            "%s finished in %.1f s (peak %.0f MiB, %d new, %d cached)",
            cost.name,
            cost.seconds,
            cost.peak_mib,
            cost.n_new,
            cost.n_cached,
        )

    def _update(self, percent: float) -> None:
        if self._artifact is not None:
            update_progress_artifact(self._artifact, progress=percent)
