"""The contract with plugins, one hook a line. Write ``@recsat.hookimpl`` over a function of the same name.

Registration hooks hand over objects; observers are called once a stage, and return nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

from recsat.contract.domain import (
    CandidateFilter,
    Domain,
    EncoderSpec,
    RecommenderSpec,
    RerankerSpec,
    SatisfactionMetric,
)

if TYPE_CHECKING:
    from recsat.config.settings import RunConfig

PROJECT = "recsat"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def recsat_domain() -> Domain:  # type: ignore[empty-body]
    """The plugin's own domain."""


@hookspec
def recsat_encoders() -> Iterable[EncoderSpec]:  # type: ignore[empty-body]
    """Named encoders, made lazily."""


@hookspec
def recsat_filters(domain: Domain) -> Iterable[CandidateFilter]:  # type: ignore[empty-body]
    """Filters that the plugin adds to any domain."""


@hookspec
def recsat_metrics(domain: Domain) -> Iterable[SatisfactionMetric]:  # type: ignore[empty-body]
    """Metrics that the plugin adds to any domain."""


@hookspec
def recsat_recommenders(domain: Domain) -> Iterable[RecommenderSpec]:  # type: ignore[empty-body]
    """Arms that the plugin adds to any domain."""


@hookspec
def recsat_rerankers(domain: Domain) -> Iterable[RerankerSpec]:  # type: ignore[empty-body]
    """Rerankers that the plugin adds to any domain."""


@hookspec
def recsat_before_stage(stage: str, folder: Path, config: RunConfig) -> None:
    """Called before each stage starts. ``folder`` is the run folder."""


@hookspec
def recsat_after_stage(stage: str, folder: Path, config: RunConfig, seconds: float) -> None:
    """Called after each stage ended well."""


@hookspec
def recsat_on_run_error(stage: str, folder: Path, config: RunConfig, error: BaseException) -> None:
    """Called when a stage fails, before the error is raised again."""


@hookspec
def recsat_on_metrics(stage: str, folder: Path, step: int, values: Mapping[str, float]) -> None:
    """Called while a model is trained, every few steps and after each epoch, and at the end of a run with its measures."""
