"""Checks what a configuration names against what is installed, before a run spends a minute on it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from pydantic import JsonValue

from recsat.config.settings import RunConfig
from recsat.config.sources import check_domain_config
from recsat.contract.dataset import Dataset
from recsat.contract.domain import Domain, DomainConfig, OwnTables, RecommenderSpec
from recsat.data.validate import OnBadRows, validate
from recsat.embed.provenance import models_of, refuse_leak
from recsat.errors import ConfigError, DataError, PluginError, did_you_mean
from recsat.measure.measures import built_in, of_metrics, require_comparable
from recsat.plugins import Plugins
from recsat.rerank.make import make_reranker
from recsat.result.leading import may_lead

T = TypeVar("T")


def check_config(
    config: RunConfig, plugins: Plugins, sources: Mapping[str, str] | None = None, data: Dataset | None = None
) -> DomainConfig:
    """The domain's own settings, after the domain, the encoder, the filters and the arms were found.

    ``sources`` are those of :class:`~recsat.config.sources.LoadedConfig`. Arms are made once with their fixed parameters, so
    that a misspelt one shows here. Where something is wrong, the operator's files are looked at too, or
    ``data`` that were given in their place, so that all is said at once. Raises :class:`ConfigError`, and :class:`PluginError` where a named plugin is broken.
    """
    origins = sources or {}
    with_source(origins, "domain", lambda: plugins.domain(config.domain))
    domain = plugins.domain(config.domain)
    messages = _Messages(origins)
    domain_config = messages.checked(None, lambda: check_domain_config(config, domain.config, sources))
    messages.checked("encoder.name", lambda: plugins.encoder(config.encoder.name))
    filters, arms, rerankers = plugins.filters(domain), plugins.recommenders(domain), plugins.rerankers(domain)
    messages.each("rank.filters", config.rank.filters, lambda names: plugins.select("filter", filters, names))
    messages.each("arms", config.arms, lambda names: plugins.select("arm", arms, names))
    baselines = dict.fromkeys(config.measure.on(split.protocol).baseline for split in config.splits)
    messages.checked("measure.baseline", lambda: _select_baselines(plugins, arms, list(baselines)))
    for name, fixed in config.parameters.items():
        if messages.checked(f"parameters.{name}", lambda arm=name: plugins.select("arm", arms, [arm])):  # type: ignore[misc]
            messages.checked(f"parameters.{name}", lambda spec=arms[name], values=fixed: _make(spec, values))  # type: ignore[misc]
    rank = config.rank
    messages.each("rank.kinds", rank.kinds, lambda names: plugins.select("kind", dict.fromkeys(domain.kinds), names))
    if rank.reranker is not None:
        name = rank.reranker
        if messages.checked("rank.reranker", lambda: plugins.select("reranker", rerankers, [name])):
            messages.checked("rank.reranker", lambda: make_reranker(rerankers[name], rank.reranker_parameters))
    elif rank.reranker_parameters:
        messages.checked("rank.reranker_parameters", _refuse_parameters_of_none)
    for setting, folder in models_of(config).items():
        messages.checked(setting, lambda key=setting, at=folder: refuse_leak(key, at, config))  # type: ignore[misc]
    of_run = dict.fromkeys([*baselines, *config.arms])
    metrics = plugins.metrics(domain)
    for i, alert in enumerate(config.alerts):
        messages.checked(f"alerts[{i}].arm", lambda arm=alert.arm: plugins.select("arm of this run", of_run, [arm]))  # type: ignore[misc]
        messages.checked(f"alerts[{i}].measure", lambda name=alert.measure: require_comparable(name, metrics))  # type: ignore[misc]
    for guard in config.promote.guards:
        messages.checked(f"promote.guards.{guard}", lambda name=guard: require_comparable(name, metrics))  # type: ignore[misc]
    infos = [*built_in(rank.k), *of_metrics(metrics)]
    of_verdicts = dict.fromkeys(info.name for info in infos if info.better != "neither")
    for name in config.measure.worth_having:
        messages.checked(f"measure.worth_having.{name}", lambda key=name: plugins.select("measure", of_verdicts, [key]))  # type: ignore[misc]
    if config.measure.curves and config.measure.curve_arm is not None:
        curve_arm = config.measure.curve_arm
        messages.checked("measure.curve_arm", lambda: plugins.select("arm of this run", of_run, [curve_arm]))
    learning = config.measure.learning_curve
    messages.each("measure.learning_curve", learning, lambda names: plugins.select("arm of this run", of_run, names))
    if messages.errors and data is not None:
        messages.checked(None, lambda: _validate(domain, data, config.data.on_bad_rows))
    elif messages.errors and isinstance(domain_config, OwnTables) and domain_config.folder is not None:
        messages.checked(None, lambda: _validate(domain, domain.load(domain_config), config.data.on_bad_rows))
    messages.refuse()
    assert domain_config is not None, "a domain's settings that are wrong were refused"
    return domain_config


class _Messages:
    """What is wrong with a configuration, gathered: whoever mends one name should not have to run anew to hear of the next."""

    def __init__(self, origins: Mapping[str, str]) -> None:
        self.origins = origins
        self.errors: list[ConfigError | PluginError | DataError] = []

    def checked(self, key: str | None, check: Callable[[], T]) -> T | None:
        """What ``check`` gives; None where it refuses. ``key`` None: its messages name their keys."""
        try:
            return check() if key is None else with_source(self.origins, key, check)
        except (ConfigError, PluginError, DataError) as error:
            self.errors.append(error)
            return None

    def each(self, key: str, names: Sequence[str], select: Callable[[list[str]], object]) -> None:
        """Every one of ``names`` by itself, then all of them together."""
        before = len(self.errors)
        for name in dict.fromkeys(names):
            self.checked(key, lambda one=name: select([one]))  # type: ignore[misc]
        if len(self.errors) == before:
            self.checked(key, lambda: select(list(names)))

    def refuse(self) -> None:
        """Raises the only error as it is, and several as one with a line for each."""
        if not self.errors:
            return
        if len(self.errors) == 1:
            raise self.errors[0]
        of_data = [str(error) for error in self.errors if isinstance(error, DataError)]
        of_settings = [error for error in self.errors if not isinstance(error, DataError)]
        messages = [line for error in of_settings for line in _lines(str(error))]
        kind = ConfigError if any(isinstance(error, ConfigError) for error in of_settings) else PluginError
        wrong = f"{len(messages)} setting{' is' if len(messages) == 1 else 's are'} wrong"
        raise kind("\n".join([f"{wrong}:", *(f"  - {line}" for line in messages), *of_data]))


def _validate(domain: Domain, data: Dataset, on_bad_rows: OnBadRows) -> None:
    """Raises DataError for what is wrong with the operator's data."""
    validate(
        data,
        on_bad_rows,
        describe_item=domain.describe_item,
        events_of_domain=domain.events,
        topics=domain.topics,
    )


def _lines(message: str) -> list[str]:
    """The messages in one that may itself be a list of them."""
    head, *rest = message.split("\n  - ")
    return rest or [head]


def _select_baselines(plugins: Plugins, arms: Mapping[str, RecommenderSpec], names: list[str]) -> None:
    plugins.select("arm", arms, names)
    controls = [name for name in names if not may_lead(arms[name].control)]
    if controls:
        raise ConfigError(f"{controls[0]!r} is a control that is there to fail. Choose an arm, such as popularity.")


def with_source(sources: Mapping[str, str], key: str, check: Callable[[], T]) -> T:
    """What a check gives; an error of it is raised again with the setting's key and source in front."""
    try:
        return check()
    except (ConfigError, PluginError) as error:
        below = [source for known, source in sources.items() if known == key or known.startswith(f"{key}.")]
        origin = f"{below[0]}: " if below and below[0] != "default" else ""
        message = str(error).removeprefix(f"{key}: ")
        raise type(error)(f"{origin}{key}: {message}") from error.__cause__ or error


def _refuse_parameters_of_none() -> None:
    raise ConfigError("there are parameters, and no reranker: name it in rank.reranker, or leave them out.")


def _make(spec: RecommenderSpec, fixed: Mapping[str, JsonValue]) -> None:
    if "representation" in fixed:
        raise ConfigError(
            f"representation is no setting of a run: name the arm that reads otherwise, such as {spec.name}-words, in arms."
        )
    parameters = {**{name: values[0] for name, values in spec.grid.items()}, **fixed}
    try:
        spec.make(**parameters)
    except (TypeError, ValueError) as error:
        unknown = (
            re.search(r"unexpected keyword argument '(\w+)'", str(error)) if isinstance(error, TypeError) else None
        )
        if unknown:
            reason = f"it has no parameter {unknown[1]!r}"
        elif isinstance(error, TypeError):
            reason = f"a value may be of the wrong type ({error})"
        else:
            reason = str(error)
        tuned = ", ".join(spec.grid) or "none"
        near = did_you_mean(unknown[1], spec.grid) if unknown else ""
        raise ConfigError(
            f"the arm cannot be made with {dict(fixed)}: {reason}. Its tuned parameters: {tuned}.{near}"
        ) from error
