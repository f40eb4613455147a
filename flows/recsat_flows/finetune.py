"""Fine-tuning as a Prefect flow: the same stages over the same folder as ``recsat finetune``."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact

from recsat.finetune.execute import open_finetune, stages_left
from recsat.finetune.settings import FinetuneConfig
from recsat.plugins import load_plugins
from recsat.run import RunFolder, claimed, run_stage
from recsat_flows.limited import FINETUNE_LIMIT, run_stage_within
from recsat_flows.progress import PrefectProgress
from recsat_flows.runs import run_name
from recsat_flows.settings import flow_settings
from recsat_flows.showing import be_heard, best_effort
from recsat_flows.steps import retried
from recsat_flows.turns import accelerators, turns


@task(name="finetune-stage", task_run_name="{stage}", **retried())
def step(folder: str, stage: str) -> str:
    """One stage in this process, or where it has a limit of time in one of its own. A retry goes on from the last checkpoint."""
    run, limit = RunFolder(Path(folder)), flow_settings(os.environ).finetune_limit_s
    [work] = [unfinished for unfinished in stages_left(run) if unfinished.name == stage]
    with PrefectProgress() as progress:
        if limit is None:
            run_stage(run, work, load_plugins(), progress)
        else:
            run_stage_within(run.path, work, limit, progress, FINETUNE_LIMIT)
    return folder


DEFAULTS = FinetuneConfig()


def train(config: FinetuneConfig, resume: str | None = None) -> str:
    """Trains in the flow run that calls, and shows before and after; the run folder."""
    folder = open_finetune(config, None if resume is None else Path(resume))
    get_run_logger().info("run folder %s", folder.path)
    with turns(accelerators(folder.config().encoder.device)) as turn, claimed(folder):
        for stage in stages_left(folder):
            turn.confirm()
            step(str(folder.path), stage.name)
    be_heard()
    for name in ("compare", "classifier"):
        report = folder.path / "finetune" / f"{name}.md"
        if report.exists():
            best_effort(f"the page {report.name}", partial(_show, report.read_text(encoding="utf-8"), folder.run_id))
    return str(folder.path)


def _show(page: str, run: str) -> None:
    create_markdown_artifact(page, key="recsat-finetune", description=f"Fine-tuning {run}")


@flow(name="finetune", flow_run_name=run_name, persist_result=False, result_serializer="json", validate_parameters=True)
def finetune(config: FinetuneConfig = DEFAULTS, resume: str | None = None) -> str:
    """Fit the text encoder to the domain's own interactions, and compare before and after.

    Args:
        config: What to train on and how. The model is written to finetune/model of the run folder that is returned.
        resume: Folder of a training that was cut short. Its own settings are used, and it goes on from its checkpoint.
    """
    return train(config, resume)
