"""From files to report as flows: the same stages over the same folder as on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prefect import flow, get_run_logger

from recsat import RunConfig
from recsat.plugins import load_plugins
from recsat.run import RunFolder, Stage, claimed, new_run, open_run, point_latest, unfinished
from recsat.run.check import check_config
from recsat.stages import PIPELINE, REPORT
from recsat_flows.runs import in_series, run_key, run_name, turn_of
from recsat_flows.showing import show_report
from recsat_flows.steps import TASKS

DEFAULTS = RunConfig()


def through(last: Stage) -> tuple[Stage, ...]:
    """The stages of a run up to ``last``."""
    return PIPELINE[: PIPELINE.index(last) + 1]


def run_stages(
    config: RunConfig, stages: Sequence[Stage], resume: str | None = None, key: str | None = None
) -> RunFolder:
    """Runs those of ``stages`` that have not finished, as tasks of the flow run, in the folder of the key; the key of the flow run where there is none."""
    if resume is None:
        check_config(config, load_plugins())  # a wrong name must not show after an hour of embedding
        folder = new_run(in_series(config), key or run_key(config.domain))
    else:
        folder = open_run(Path(resume))
    get_run_logger().info("run folder %s", folder.path)
    with turn_of(folder.config()), claimed(folder):
        for stage in unfinished(folder, stages):
            TASKS[stage.name](str(folder.path))
        if REPORT in stages:
            point_latest(folder)
    if REPORT in stages:
        show_report(folder)
    return folder


@flow(name="pipeline", flow_run_name=run_name, persist_result=False, result_serializer="json", validate_parameters=True)
def pipeline(config: RunConfig = DEFAULTS, resume: str | None = None, key: str | None = None) -> str:
    """From files to report, for any domain; :mod:`recsat_flows.by_domain` has the flows with a domain's own form.

    Args:
        config: What to run. Every field has a default; the domain's own settings go into domain_config.
        resume: Folder of a run that was cut short. Its own configuration is used, and its finished stages stand.
        key: Name of the run's folder. A run of this key that was cut short goes on where it stopped. Empty: the flow run's own.
    """
    return str(run_stages(config, PIPELINE, resume, key).path)
