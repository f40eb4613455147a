"""A run's progress as Prefect shows it: log lines and one progress artifact for the stage that is running.

Progress is best effort. Work never waits for the server: a thread of its own sends the newest figure now and then, and what cannot be
sent is said once and forgotten.
"""

from __future__ import annotations

import contextvars
import logging
import threading
from types import TracebackType
from typing import Self
from uuid import UUID

from prefect import get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.context import FlowRunContext, TaskRunContext

from recsat.result.model import StageCost
from recsat.terminals import without_controls

SECONDS_BETWEEN_UPDATES = 5.0
SECONDS_FOR_THE_LAST = 2.0
"""How long the end of a stage waits for its last figure to arrive."""


class Sender:
    """The thread that shows one stage's progress to the server, in percent; it holds nobody up."""

    def __init__(self, stage: str, logger: logging.Logger | logging.LoggerAdapter[logging.Logger]) -> None:
        self.percent = 0.0
        self._stage = stage
        self._logger = logger
        self._artifact: tuple[UUID, float] | None = None
        """The artifact, and the figure that it shows."""
        self._ended = threading.Event()
        task, flow = TaskRunContext.get(), FlowRunContext.get()
        self._task_run = None if task is None else task.task_run.id
        self._flow_run = None if flow is None or flow.flow_run is None else flow.flow_run.id
        context = contextvars.copy_context()  # has Prefect's settings, the server's address among them
        self._thread = threading.Thread(
            target=context.run, args=(self._send,), name=f"recsat-progress-{stage}", daemon=True
        )
        self._thread.start()

    def end(self) -> None:
        """Has the last figure sent and returns: at once, or after :data:`SECONDS_FOR_THE_LAST` where the server does not answer."""
        self._ended.set()
        self._thread.join(SECONDS_FOR_THE_LAST)

    def _send(self) -> None:
        is_connected = True
        while True:
            try:
                with get_client(sync_client=True) as client:
                    self._show(client)
                is_connected = True
            except Exception as error:  # whatever keeps the server from hearing of it, the work goes on
                if is_connected:
                    self._logger.warning(
                        "the server cannot be told of the progress of %s, which goes on: %s: %s",
                        self._stage,
                        type(error).__name__,
                        error,
                    )
                is_connected = False
            if self._ended.is_set() and (
                not is_connected or self._artifact is None or self._artifact[1] == self.percent
            ):
                return
            self._ended.wait(SECONDS_BETWEEN_UPDATES)

    def _show(self, client: SyncPrefectClient) -> None:
        percent = self.percent
        if self._artifact is None:
            artifact = client.create_artifact(
                ArtifactCreate(
                    key=f"recsat-{self._stage}-progress",
                    type="progress",
                    description=f"Stage {self._stage}",
                    data=percent,
                    flow_run_id=self._flow_run,
                    task_run_id=self._task_run,
                )
            )
            self._artifact = artifact.id, percent
        elif self._artifact[1] != percent:
            client.update_artifact(self._artifact[0], ArtifactUpdate(data=percent))
            self._artifact = self._artifact[0], percent


class PrefectProgress:
    """Tells the Prefect run what a stage does, while the ``with`` block lasts."""

    def __init__(self) -> None:
        self._logger = get_run_logger()
        self._sender: Sender | None = None
        self._total = 0
        self._done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sender is not None:
            self._sender.end()

    def stage(self, name: str, total: int | None = None) -> None:
        self._logger.info("%s started", name)
        self._total, self._done = total or 0, 0
        self._sender = Sender(name, self._logger)

    def expect(self, total: int) -> None:
        self._total = total

    def advance(self, n: int = 1) -> None:
        self._done += n
        if self._sender is not None and self._total:
            self._sender.percent = round(100.0 * min(self._done / self._total, 1.0), 1)

    def note(self, text: str) -> None:
        self._logger.info("%s", without_controls(text))

    def finish(self, cost: StageCost) -> None:
        if self._sender is not None:
            self._sender.percent = 100.0
        self._logger.info(
            "%s finished in %.1f s (peak %.0f MiB, %d new, %d cached)",
            cost.name,
            cost.seconds,
            cost.peak_mib,
            cost.n_new,
            cost.n_cached,
        )
