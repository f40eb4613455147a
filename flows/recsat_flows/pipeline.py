"""From files to report as flows: the same stages over the same folder as on the command line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from prefect import flow, get_run_logger

from recsat import RunConfig
from recsat.plugins import load_plugins
from recsat.run import RunFolder, Stage, claimed, new_run, open_run, point_latest, unfinished
from recsat.run.check import check_config
from recsat.stages import EMBED, PIPELINE, REPORT
from recsat_flows.outage import outlive_lost_places
from recsat_flows.runs import in_series, run_key, run_name
from recsat_flows.settings import flow_settings
from recsat_flows.showing import show_report
from recsat_flows.steps import TASKS
from recsat_flows.turns import turn_of

DEFAULTS = RunConfig()
outlive_lost_places()


def through(last: Stage) -> tuple[Stage, ...]:
    """The stages of a run up to ``last``."""
    return PIPELINE[: PIPELINE.index(last) + 1]


def folder_of(config: RunConfig, resume: str | None = None, key: str | None = None) -> RunFolder:
    """The folder of the run to go on with: that of ``resume``, or of the key; the key of the flow run where there is none."""
    if resume is None:
        check_config(config, load_plugins())  # a wrong name must not show after an hour of embedding
        folder = new_run(in_series(config), key or run_key(config.domain))
    else:
        folder = open_run(Path(resume))
        folder.check_config()
    get_run_logger().info("run folder %s", folder.path)
    return folder


def run_stages(folder: RunFolder, stages: Sequence[Stage]) -> str:
    """Runs those of ``stages`` that have not finished, as tasks of the flow run and in one turn; the run's folder."""
    with turn_of(folder.config()) as turn, claimed(folder):
        for stage in unfinished(folder, stages):
            turn.confirm()
            if stage is EMBED:
                _embed_shards(folder)
            TASKS[stage.name](str(folder.path))
        if REPORT in stages:
            point_latest(folder)
    if REPORT in stages:
        show_report(folder)
    return str(folder.path)


def _embed_shards(folder: RunFolder) -> None:
    """Where flows.shards asks for it, the texts go into the cache in shards, and the stage finds them there."""
    settings = flow_settings(os.environ)
    if settings.shards > 1:
        from recsat_flows.shards import embed_in_shards

        embed_in_shards(folder.path, settings.shards, settings.task_runner, settings.cluster, settings.task_limit_s)


@flow(name="pipeline", flow_run_name=run_name, persist_result=False, result_serializer="json", validate_parameters=True)
def pipeline(config: RunConfig = DEFAULTS, resume: str | None = None, key: str | None = None) -> str:
    """From files to report, for any domain; :mod:`recsat_flows.by_domain` has the flows with a domain's own form.

    Args:
        config: What to run. Every field has a default; the domain's own settings go into domain_config.
        resume: Folder of a run that was cut short. Its own configuration is used, and its finished stages stand.
        key: Name of the run's folder. A run of this key that was cut short goes on where it stopped. Empty: the flow run's own.
    """
    return run_stages(folder_of(config, resume, key), PIPELINE)
