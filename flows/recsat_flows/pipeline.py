"""The whole run as a Prefect flow: the same stages over the same folder as on the command line."""

from __future__ import annotations

from pathlib import Path

from prefect import Task, flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact

from recsat import RunConfig
from recsat.plugins import load_plugins
from recsat.run import RunFolder, Stage, new_run, open_run, point_latest, run_stage, unfinished
from recsat.run.check import check_config
from recsat.stages import PIPELINE
from recsat_flows.progress import PrefectProgress


def task_of(stage: Stage) -> Task[[str], str]:
    """The stage as a task in this process. Folders travel between tasks, never data."""

    @task(name=stage.name)
    def work(folder: str) -> str:
        run_stage(RunFolder(Path(folder)), stage, load_plugins(), PrefectProgress())
        return folder

    return work


def show_report(folder: RunFolder) -> None:
    """The Markdown report as an artifact of the flow run."""
    create_markdown_artifact(
        (folder.path / "report.md").read_text(encoding="utf-8"),
        key="recsat-report",
        description=f"Evaluation report of {folder.run_id}",
    )


DEFAULTS = RunConfig()
TASKS = {stage.name: task_of(stage) for stage in PIPELINE}


@flow(name="recsat-pipeline", persist_result=False, result_serializer="json", validate_parameters=True)
def pipeline(config: RunConfig = DEFAULTS, resume: str | None = None) -> str:
    """From files to report: load, embed, index, recommend, evaluate, model, report.

    Args:
        config: What to run. Every field has a default; the domain's own settings go into domain_config.
        resume: Folder of a run that was cut short. Its own configuration is used, and its finished stages stand.
    """
    if resume is None:
        check_config(config, load_plugins())  # a wrong name must not show after an hour of embedding
    folder = new_run(config) if resume is None else open_run(Path(resume))
    get_run_logger().info("run folder %s", folder.path)
    for stage in unfinished(folder, PIPELINE):
        TASKS[stage.name](str(folder.path))
    show_report(folder)
    point_latest(folder)
    return str(folder.path)
