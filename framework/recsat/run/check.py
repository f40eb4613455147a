"""Checks what a configuration names against what is installed, before a run spends a minute on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic import JsonValue

from recsat.config.settings import RunConfig
from recsat.config.sources import check_domain_config
from recsat.contract.domain import DomainConfig, RecommenderSpec
from recsat.embed.provenance import models_of, refuse_leak
from recsat.errors import ConfigError, PluginError
from recsat.plugins import Plugins
from recsat.rerank.make import make_reranker
from recsat.result.leading import may_lead


def check_config(config: RunConfig, plugins: Plugins, sources: Mapping[str, str] | None = None) -> DomainConfig:
    """The domain's own settings, after the domain, the encoder, the filters and the arms were found.

    ``sources`` are those of :class:`~recsat.config.sources.LoadedConfig`. Arms are made once with their fixed parameters, so
    that a misspelt one shows here. Raises :class:`ConfigError`, and :class:`PluginError` where a named plugin is broken.
    """
    origins = sources or {}
    with_source(origins, "domain", lambda: plugins.domain(config.domain))
    domain = plugins.domain(config.domain)
    domain_config = check_domain_config(config, domain.config, sources)
    with_source(origins, "encoder.name", lambda: plugins.encoder(config.encoder.name))
    filters = plugins.filters(domain)
    with_source(origins, "rank.filters", lambda: plugins.select("filter", filters, config.rank.filters))
    arms = plugins.recommenders(domain)
    with_source(origins, "arms", lambda: plugins.select("arm", arms, config.arms))
    baselines = dict.fromkeys(config.measure.on(split.protocol).baseline for split in config.splits)
    with_source(origins, "measure.baseline", lambda: plugins.select("arm", arms, list(baselines)))
    if config.measure.baseline in arms and not may_lead(arms[config.measure.baseline].control):
        raise ConfigError(
            f"measure.baseline: {config.measure.baseline!r} is a control that is there to fail. Choose an arm, such as popularity."
        )
    for name in config.parameters:
        with_source(origins, f"parameters.{name}", lambda arm=name: plugins.select("arm", arms, [arm]))  # type: ignore[misc]
        with_source(origins, f"parameters.{name}", lambda arm=name: _make(arms[arm], config.parameters[arm]))  # type: ignore[misc]
    rank, rerankers = config.rank, plugins.rerankers(domain)
    if rank.reranker is not None:
        name = rank.reranker
        with_source(origins, "rank.reranker", lambda: plugins.select("reranker", rerankers, [name]))
        with_source(origins, "rank.reranker", lambda: make_reranker(rerankers[name], rank.reranker_parameters))
    for setting, folder in models_of(config).items():
        with_source(origins, setting, lambda key=setting, at=folder: refuse_leak(key, at, config))  # type: ignore[misc]
    of_run = dict.fromkeys([*baselines, *config.arms])
    for i, alert in enumerate(config.alerts):
        with_source(origins, f"alerts[{i}].arm", lambda arm=alert.arm: plugins.select("arm of this run", of_run, [arm]))  # type: ignore[misc]
    if config.measure.curve_arm is not None:
        curve_arm = config.measure.curve_arm
        with_source(origins, "measure.curve_arm", lambda: plugins.select("arm of this run", of_run, [curve_arm]))
    return domain_config


def with_source(sources: Mapping[str, str], key: str, check: Callable[[], object]) -> None:
    """Runs a check; an error of it is raised again with the setting's key and source in front."""
    try:
        check()
    except (ConfigError, PluginError) as error:
        below = [source for known, source in sources.items() if known == key or known.startswith(f"{key}.")]
        origin = f"{below[0]}: " if below and below[0] != "default" else ""
        message = str(error).removeprefix(f"{key}: ")
        raise type(error)(f"{origin}{key}: {message}") from error.__cause__ or error


def _make(spec: RecommenderSpec, fixed: Mapping[str, JsonValue]) -> None:
    if "representation" in fixed:
        raise ConfigError(
            f"representation is no setting of a run: name the arm that reads otherwise, such as {spec.name}-words, in arms."
        )
    parameters = {**{name: values[0] for name, values in spec.grid.items()}, **fixed}
    try:
        spec.make(**parameters)
    except (TypeError, ValueError) as error:
        tuned = ", ".join(spec.grid) or "none"
        raise ConfigError(
            f"the arm cannot be made with {dict(fixed)}: {error}. Its tuned parameters: {tuned}."
        ) from error
