"""Runs the stages in order over one folder; a stage that has finished there is not run again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from recsat.config.settings import RunConfig
from recsat.plugins import Plugins
from recsat.result.model import StageCost
from recsat.run.claim import claimed
from recsat.run.folder import RunFolder, new_run, open_run, point_latest
from recsat.run.meter import Meter
from recsat.run.progress import LogProgress, Progress
from recsat.run.stage import Stage, StageContext
from recsat.run.threads import computing_with


def run_stage(folder: RunFolder, stage: Stage, plugins: Plugins, progress: Progress | None = None) -> StageCost:
    """Runs one stage of a run folder, tells the plugins' observers, and records its cost."""
    progress = progress or LogProgress()
    context = StageContext.open(folder, plugins, progress)
    config = context.config
    observers = plugins.observers
    observers.recsat_before_stage(stage=stage.name, folder=folder.path, config=config)
    progress.stage(stage.name)
    try:
        with computing_with(config.threads), Meter() as meter:
            outcome = stage.work(context)
    except BaseException as error:
        observers.recsat_on_run_error(stage=stage.name, folder=folder.path, config=config, error=error)
        raise
    cost = StageCost(
        name=stage.name,
        seconds=round(meter.seconds, 3),
        peak_mib=round(meter.peak_mib, 1),
        n_new=outcome.n_new,
        n_cached=outcome.n_cached,
    )
    folder.record(cost)
    progress.finish(cost)
    observers.recsat_after_stage(stage=stage.name, folder=folder.path, config=config, seconds=meter.seconds)
    return cost


def unfinished(folder: RunFolder, stages: Sequence[Stage]) -> list[Stage]:
    """Those of ``stages`` that have not finished in this folder."""
    finished = {cost.name for cost in folder.costs()}
    return [stage for stage in stages if stage.name not in finished]


def execute(
    config: RunConfig,
    plugins: Plugins,
    progress: Progress | None = None,
    *,
    stages: Sequence[Stage],
    resume: Path | None = None,
    key: str | None = None,
) -> Path:
    """Runs ``stages`` in order, such as :data:`recsat.stages.PIPELINE`, the whole way from files to report.

    Returns the run folder; ``latest`` beside it points to it. ``resume`` names the folder of a run that was cut short: its own configuration is used and its
    finished stages stand. With a ``key`` the folder is that of the key, and a run of it that was cut short goes on in the same way. Raises
    :class:`~recsat.RunError` where another process works on the folder.
    """
    folder = new_run(config, key) if resume is None else open_run(resume)
    with claimed(folder):
        for stage in unfinished(folder, stages):
            run_stage(folder, stage, plugins, progress)
        point_latest(folder)
    return folder.path
