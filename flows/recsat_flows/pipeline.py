"""The whole run as a Prefect flow: the same stages over the same folder as on the command line."""

from __future__ import annotations

from pathlib import Path

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact

from recsat import RunConfig
from recsat.plugins import load_plugins
from recsat.run import RunFolder, new_run, open_run, point_latest, run_stage
from recsat.run.check import check_config
from recsat_flows.progress import PrefectProgress


def _run(folder: str, stage: str) -> str:
    """One stage in this process. Folders and names travel between tasks, never data."""
    run_stage(RunFolder(Path(folder)), stage, load_plugins(), PrefectProgress())
    return folder


@task(name="prepare")
def prepare(folder: str) -> str:
    """Load, validate and split the domain's tables."""
    return _run(folder, "prepare")


@task(name="embed")
def embed(folder: str) -> str:
    """Embed the texts that the cache does not know."""
    return _run(folder, "embed")


@task(name="index")
def index(folder: str) -> str:
    """Publish the vectors to Qdrant, blue/green."""
    return _run(folder, "index")


@task(name="recommend")
def recommend(folder: str) -> str:
    """Tune and fit the arms, and make their lists."""
    return _run(folder, "recommend")


@task(name="evaluate")
def evaluate(folder: str) -> str:
    """Measure the lists against what users went on to do."""
    return _run(folder, "evaluate")


@task(name="report")
def report(folder: str) -> str:
    """Write the page, the Markdown and the JSON, and show the Markdown as an artifact."""
    _run(folder, "report")
    create_markdown_artifact(
        (Path(folder) / "report.md").read_text(encoding="utf-8"),
        key="recsat-report",
        description=f"Evaluation report of {Path(folder).name}",
    )
    return folder


DEFAULTS = RunConfig()
TASKS = (prepare, embed, index, recommend, evaluate, report)


@flow(name="recsat-pipeline", persist_result=False, result_serializer="json", validate_parameters=True)
def pipeline(config: RunConfig = DEFAULTS, resume: str | None = None) -> str:
    """From files to report: load, embed, index, recommend, evaluate, report.

    Args:
        config: What to run. Every field has a default; the domain's own settings go into domain_config.
        resume: Folder of a run that was cut short. Its own configuration is used, and its finished stages stand.
    """
    if resume is None:
        check_config(config, load_plugins())  # a wrong name must not show after an hour of embedding
    folder = new_run(config) if resume is None else open_run(Path(resume))
    get_run_logger().info("run folder %s", folder.path)
    done = {cost.name for cost in folder.costs()}
    for step in TASKS:
        if step.name not in done:
            step(str(folder.path))
    point_latest(folder)
    return str(folder.path)
