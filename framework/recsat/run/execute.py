"""Runs the stages in order over one folder; a stage that has finished there is not run again."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from recsat.config.home import at_home
from recsat.config.settings import RunConfig
from recsat.contract.dataset import Dataset
from recsat.errors import ConfigError, DataError, PluginError, StoreError
from recsat.plugins import Plugins
from recsat.result.model import StageCost
from recsat.run.claim import claimed
from recsat.run.folder import RunFolder, new_run, open_run, point_latest
from recsat.run.input import write_input
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
    data: Dataset | None = None,
) -> Path:
    """Runs ``stages`` in order, such as :data:`recsat.stages.PIPELINE`, the whole way from files to report.

    Returns the run folder; ``latest`` beside it points to it. ``resume`` names the folder of a run that was cut short: its own configuration is used and its
    finished stages stand. With a ``key`` the folder is that of the key, and a run of it that was cut short goes on in the same way. A new run
    starts from ``data``, which are then kept in its folder, or from what its domain loads (None).

    Raises :class:`~recsat.RunError` where another process works on the folder. A run whose settings or data are refused leaves no folder; what
    stops it otherwise has a note with the command by which it goes on.
    """
    progress = progress or LogProgress()
    look_at_store(config if resume is None else open_run(resume).config(), progress)
    if resume is not None:
        folder = open_run(resume)
        folder.check_config()
    else:
        folder = new_run(config, key, write=lambda draft: None if data is None else write_input(draft, data))
    try:
        with claimed(folder):
            missing = unfinished(folder, stages)
            for stage in missing:
                run_stage(folder, stage, plugins, progress)
            if missing or resume is None:  # an old run that is looked at again is not the latest
                point_latest(folder)
    except BaseException as error:
        if resume is None and isinstance(error, ConfigError | DataError | PluginError) and not folder.costs():
            shutil.rmtree(folder.path, ignore_errors=True)
        else:
            error.add_note(f"Go on with: recsat run --resume {folder.path}")
        raise
    return folder.path


def look_at_store(config: RunConfig, progress: Progress) -> None:
    """Says at the start of a run what it would meet much later: that another process has the embedded store open.

    Raises :class:`~recsat.StoreError` where the run would not wait for it.
    """
    if config.store.backend != "edge":
        return
    from recsat.store.in_use import process_that_has

    directory = Path(at_home(config).store.directory)
    process = process_that_has(directory)
    if process is None:
        return
    message = f"{directory}: process {process} has the store open"
    if config.store.wait_s == 0:
        raise StoreError(
            f"{message}, and store.wait_s is 0. Wait until it has ended, raise store.wait_s, or choose another store.directory.",
            transient=True,
        )
    progress.note(f"{message}; where this run needs it, it waits up to {config.store.wait_s:g} s.")
