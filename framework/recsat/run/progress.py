"""How a run reports what it is doing; a terminal, a Prefect run and a test each listen in their own way."""

from __future__ import annotations

import logging
from typing import Protocol

from recsat.result.model import StageCost

logger = logging.getLogger(__name__)


class Progress(Protocol):
    """Called by the stages. Calls nest as stage → advance … → finish."""

    def stage(self, name: str, total: int | None = None) -> None:
        """A stage starts; ``total`` is the number of steps where it is known."""
        ...

    def expect(self, total: int) -> None:
        """The running stage now knows its number of steps."""
        ...

    def advance(self, n: int = 1) -> None:
        """``n`` more steps of the running stage are done."""
        ...

    def note(self, text: str) -> None:
        """One line that a person should see."""
        ...

    def finish(self, cost: StageCost) -> None:
        """The running stage ended well and cost this much."""
        ...


class LogProgress:
    """Progress as log records: the default in Python and in workers."""

    def stage(self, name: str, total: int | None = None) -> None:
        logger.info("%s started", name)

    def expect(self, total: int) -> None:
        logger.debug("%d steps", total)

    def advance(self, n: int = 1) -> None:
        return

    def note(self, text: str) -> None:
        logger.info("%s", text)

    def finish(self, cost: StageCost) -> None:
        logger.info(
            "%s finished in %.1f s (peak %.0f MiB, %d new, %d cached)",
            cost.name,
            cost.seconds,
            cost.peak_mib,
            cost.n_new,
            cost.n_cached,
        )
