"""A fine-tuning run: a run folder with the stages prepare, finetune and compare, or prepare and classify."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from recsat.errors import RunError
from recsat.finetune.settings import FinetuneConfig, FinetuneSettings
from recsat.plugins import Plugins
from recsat.run.claim import claimed
from recsat.run.execute import run_stage, unfinished
from recsat.run.folder import RunFolder, new_run, open_run
from recsat.run.progress import Progress
from recsat.run.stage import Stage, StageContext, StageCounts
from recsat.stages import PREPARE


def _finetune(context: StageContext) -> StageCounts:
    from recsat.finetune.encoder import finetune

    return finetune(context)


def _compare(context: StageContext) -> StageCounts:
    from recsat.finetune.compare import compare

    return compare(context)


def _classify(context: StageContext) -> StageCounts:
    from recsat.finetune.classify import classify

    return classify(context)


FINETUNE: Final = Stage("finetune", _finetune)
COMPARE: Final = Stage("compare", _compare)
CLASSIFY: Final = Stage("classify", _classify)
STAGES: Final[Mapping[str, tuple[Stage, ...]]] = {
    "contrastive": (PREPARE, FINETUNE, COMPARE),
    "classification": (PREPARE, CLASSIFY),
}
"""By objective."""


def open_finetune(config: FinetuneConfig, resume: Path | None = None) -> RunFolder:
    """A fresh run folder with both kinds of settings in it, or the folder of a run that was cut short."""
    if resume is None:
        folder = new_run(config.run)
        folder.write_json("finetune/settings.json", config.finetune.model_dump(mode="json"))
        return folder
    folder = open_run(resume)
    if not folder.has("finetune/settings.json"):
        raise RunError(f"{resume} is no fine-tuning run: it has no finetune/settings.json. Use recsat run --resume.")
    return folder


def stages_left(folder: RunFolder) -> list[Stage]:
    """Stages of this run that have not finished."""
    settings = folder.read_as("finetune/settings.json", FinetuneSettings)
    return unfinished(folder, STAGES[settings.objective])


def finetune_run(
    config: FinetuneConfig, plugins: Plugins, progress: Progress | None = None, *, resume: Path | None = None
) -> Path:
    """The whole job; returns the run folder. ``resume``: its own settings are used and its finished stages stand.

    The model is in ``finetune/model``; a run loads it with ``encoder.name=transformer`` and that folder as
    ``encoder.model``. It has seen nothing that a split of *this* run holds out: measure it with the same splits and seed.
    """
    folder = open_finetune(config, resume)
    with claimed(folder):
        for stage in stages_left(folder):
            run_stage(folder, stage, plugins, progress)
    return folder.path
