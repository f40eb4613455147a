"""What a stage is handed and what it hands back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import polars as pl

from recsat.config.settings import RunConfig
from recsat.contract.dataset import Dataset
from recsat.contract.domain import Domain
from recsat.contract.interactions import Catalogue
from recsat.plugins import Plugins
from recsat.run.folder import RunFolder
from recsat.run.progress import LogProgress, Progress


@dataclass(frozen=True)
class StageCounts:
    """Units of work that were new and that a cache answered: texts embedded, points upserted, lists made."""

    n_new: int = 0
    n_cached: int = 0


@dataclass(frozen=True)
class StageContext:
    """One run, opened: the folder, its configuration, the plugins, and the tables that ``prepare`` wrote."""

    folder: RunFolder
    config: RunConfig
    plugins: Plugins
    domain: Domain
    progress: Progress

    @classmethod
    def open(cls, folder: RunFolder, plugins: Plugins, progress: Progress | None = None) -> StageContext:
        """The run of ``folder`` with its own configuration and the domain that this names."""
        from recsat.config.sources import check_domain_config

        config = folder.config()
        domain = plugins.domain(config.domain)
        domain = domain.configured(check_domain_config(config, domain.config))
        return cls(folder, config, plugins, domain, progress or LogProgress())

    @cached_property
    def domain_config(self) -> Any:
        from recsat.config.sources import check_domain_config

        return check_domain_config(self.config, self.domain.config)

    @cached_property
    def catalogue(self) -> Catalogue:
        return Catalogue(self.folder.read_table("data/items.parquet"))

    @cached_property
    def dataset(self) -> Dataset:
        return replace(self.dataset_without_events, events=self.folder.read_table("data/events.parquet"))

    @cached_property
    def dataset_without_events(self) -> Dataset:
        """For whoever has the events of a split: a second copy of them would be the largest thing in memory."""
        summary = self.folder.read_json("data/summary.json")
        return Dataset(
            items=self.catalogue.items,
            events=self.folder.read_rows("data/events.parquet", pl.lit(value=False)),
            users=self.folder.read_table("data/users.parquet"),
            exposures=self._optional("data/exposures.parquet"),
            ties=self._optional("data/ties.parquet"),
            quarantine=self.folder.read_table("data/quarantine.parquet"),
            notes=tuple(summary.get("notes", ())),
            simulated=summary["simulated"],
            source=summary["source"],
        )

    def _optional(self, name: str) -> pl.DataFrame | None:
        return self.folder.read_table(name) if self.folder.has(name) else None


@dataclass(frozen=True)
class Stage:
    """A step of a run. ``name`` is what observers, ``stages.json`` and reports call it; ``work`` reads and writes the run folder."""

    name: str
    work: Callable[[StageContext], StageCounts]
