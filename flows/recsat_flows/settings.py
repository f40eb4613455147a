"""Settings of the flows, which are about machines and not about a run: section ``flows`` of variables, ``RECSAT_FLOWS__SHARDS=8``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from recsat import RunConfig
from recsat.config.settings import Settings
from recsat.config.sources import load_config

Runner = Literal["threads", "dask", "ray"]


class FlowSettings(Settings):
    """How the tasks of a run are spread."""

    shards: int = Field(
        1, ge=1, le=10_000, description="Tasks that embed a part of the texts each. 1: the stage embed alone."
    )
    task_runner: Runner = Field("threads", description="What runs these tasks: threads, or a cluster of Dask or Ray.")
    cluster: str | None = Field(
        None, description="Address of a cluster that is there. Empty: one on this machine, for as long as it takes."
    )
    stage_limit_s: float | None = Field(
        None,
        gt=0,
        description="Seconds that a stage of a run may take. It then has a process of its own, which is killed. Empty: no limit.",
    )
    finetune_limit_s: float | None = Field(
        None,
        gt=0,
        description="The same of a stage of fine-tuning, which goes on from its last checkpoint when it is tried again. Empty: no limit.",
    )
    task_limit_s: float | None = Field(
        None,
        gt=0,
        description="The same of the tasks promote, refresh-lists and lists, and of one shard of the texts. Empty: no limit.",
    )


class FlowSources(RunConfig):
    """What a worker's variables may set: a run's settings and the section ``flows``."""

    flows: FlowSettings = Field(default_factory=FlowSettings, description="How tasks are spread.")


def flow_settings(environment: Mapping[str, str]) -> FlowSettings:
    """The section ``flows``; raises :class:`~recsat.ConfigError` that names a variable that is wrong."""
    return load_config(None, environment, model=FlowSources).config.flows
