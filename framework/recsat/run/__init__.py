"""The stages of a run over one folder: prepare, embed, index, recommend, evaluate, report."""

from recsat.run.execute import execute, run_stage
from recsat.run.folder import RunFolder, new_run, open_run, point_latest
from recsat.run.progress import LogProgress, Progress

__all__ = ["LogProgress", "Progress", "RunFolder", "execute", "new_run", "open_run", "point_latest", "run_stage"]
