"""Runs the stages in order over one folder; a stage that has finished there is not run again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Final

from recsat.config.settings import RunConfig
from recsat.contract.hooks import STAGES
from recsat.plugins import Plugins
from recsat.result.model import StageCost
from recsat.run.folder import RunFolder, new_run, open_run, point_latest
from recsat.run.meter import Meter
from recsat.run.progress import LogProgress, Progress
from recsat.run.stage import Outcome, StageContext

MODULES: Final[Mapping[str, str]] = {
    "prepare": "recsat.stages.prepare",
    "embed": "recsat.stages.embed",
    "index": "recsat.stages.index",
    "recommend": "recsat.stages.recommend",
    "evaluate": "recsat.stages.evaluate",
    "report": "recsat.stages.report",
    "finetune": "recsat.finetune.encoder",
    "compare": "recsat.finetune.compare",
    "classify": "recsat.finetune.classify",
}
"""Where each stage's function, of the stage's name, is; imported when it runs, since some bring torch."""


def _work(stage: str) -> Callable[[StageContext], Outcome]:
    work: Callable[[StageContext], Outcome] = getattr(import_module(MODULES[stage]), stage)
    return work


def run_stage(folder: RunFolder, stage: str, plugins: Plugins, progress: Progress | None = None) -> StageCost:
    """Runs one stage of a run folder, tells the plugins' observers, and records its cost."""
    progress = progress or LogProgress()
    config = folder.config()
    work = _work(stage)
    observers = plugins.observers
    observers.recsat_before_stage(stage=stage, folder=folder.path, config=config)
    progress.stage(stage)
    try:
        with Meter() as meter:
            outcome = work(StageContext(folder, config, plugins, progress))
    except BaseException as error:
        observers.recsat_on_run_error(stage=stage, folder=folder.path, config=config, error=error)
        raise
    cost = StageCost(
        name=stage,
        seconds=round(meter.seconds, 3),
        peak_mib=round(meter.peak_mib, 1),
        n_new=outcome.n_new,
        n_cached=outcome.n_cached,
    )
    folder.record(cost)
    progress.finish(cost)
    observers.recsat_after_stage(stage=stage, folder=folder.path, config=config, seconds=meter.seconds)
    return cost


def execute(
    config: RunConfig, plugins: Plugins, progress: Progress | None = None, *, resume: Path | None = None
) -> Path:
    """The whole run, from files to report. Returns the run folder; ``latest`` beside it points to it.

    ``resume`` names the folder of a run that was cut short: its own configuration is used and its finished stages stand.
    """
    folder = new_run(config) if resume is None else open_run(resume)
    done = {cost.name for cost in folder.costs()}
    for stage in STAGES:
        if stage not in done:
            run_stage(folder, stage, plugins, progress)
    point_latest(folder)
    return folder.path
