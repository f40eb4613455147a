"""Tells plugins of the moments of a run.

An observer that raises does not end the run: hours of embedding are worth more than a line in a tracking system. Its
error is logged with its owner and traceback, the other observers are still told, and the run goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

from recsat.plugins._record import Owner
from recsat.plugins._register import place

if TYPE_CHECKING:
    from recsat.config.settings import RunConfig

logger = logging.getLogger("recsat.plugins")

OBSERVERS = ("recsat_before_stage", "recsat_after_stage", "recsat_on_run_error", "recsat_on_metrics")


class Observers:
    """The observer hooks of :mod:`recsat.contract.hooks`, called by the stages of a run."""

    def __init__(self, plugins: pluggy.PluginManager, owners: Mapping[str, Owner]) -> None:
        self._plugins = plugins
        self._owners = owners

    def recsat_before_stage(self, *, stage: str, folder: Path, config: RunConfig) -> None:
        self._tell("recsat_before_stage", stage=stage, folder=folder, config=config)

    def recsat_after_stage(self, *, stage: str, folder: Path, config: RunConfig, seconds: float) -> None:
        self._tell("recsat_after_stage", stage=stage, folder=folder, config=config, seconds=seconds)

    def recsat_on_run_error(self, *, stage: str, folder: Path, config: RunConfig, error: BaseException) -> None:
        self._tell("recsat_on_run_error", stage=stage, folder=folder, config=config, error=error)

    def recsat_on_metrics(self, *, stage: str, folder: Path, step: int, values: Mapping[str, float]) -> None:
        self._tell("recsat_on_metrics", stage=stage, folder=folder, step=step, values=values)

    def _tell(self, hook: str, **arguments: object) -> None:
        caller: pluggy.HookCaller = getattr(self._plugins.hook, hook)
        # pluggy keeps them last to first; this way round tryfirst and trylast mean what they say.
        for implementation in reversed(caller.get_hookimpls()):
            try:
                implementation.function(*[arguments[name] for name in implementation.argnames])
            except Exception as error:
                logger.exception(
                    "%s: %s at %s raised %s in stage %r: %s. The run goes on without it.",
                    self._owners[implementation.plugin_name],
                    hook,
                    place(implementation.function),
                    type(error).__name__,
                    arguments["stage"],
                    error,
                )


def observed(plugins: pluggy.PluginManager, owner: Owner) -> list[str]:
    """The observer hooks that a plugin implements."""
    plugin = plugins.get_plugin(owner.name)
    return [hook for hook in OBSERVERS if any(i.plugin is plugin for i in getattr(plugins.hook, hook).get_hookimpls())]
