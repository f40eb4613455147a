"""A run: its folder, the stages that are run over it, their progress and cost. Knows no stage by name."""

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
