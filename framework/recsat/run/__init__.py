"""A run: its folder, the stages that are run over it, their progress and cost. Knows no stage by name.

The room can be called: ``recsat.run(data)`` is :func:`recsat.api.runs.run`. A function of that name beside a package of that name would be
replaced by the package as soon as anybody imports it.
"""

import sys
from types import ModuleType
from typing import Any

from recsat.run.claim import claimed
from recsat.run.execute import execute, run_stage, unfinished
from recsat.run.folder import RunFolder, new_run, open_run, point_latest
from recsat.run.history import read_history
from recsat.run.progress import LogProgress, Progress
from recsat.run.stage import Stage, StageContext, StageCounts

__all__ = [
    "LogProgress",
    "Progress",
    "RunFolder",
    "Stage",
    "StageContext",
    "StageCounts",
    "claimed",
    "execute",
    "new_run",
    "open_run",
    "point_latest",
    "read_history",
    "run_stage",
    "unfinished",
]


class _Room(ModuleType):
    """This module, with a call."""

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        from recsat.api.runs import run

        return run(*arguments, **keywords)


sys.modules[__name__].__class__ = _Room
