"""From defaults, a domain's demo, a file, the environment and ``--set`` to one configuration that knows where each value is from.

Later sources win, key by key; lists are replaced whole. pydantic-settings reads the same sources, but tells neither which of
them gave a value nor which gave a bad one: hence this module.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Any, Generic, NamedTuple, get_origin

from pydantic import BaseModel, JsonValue, ValidationError
from ruamel.yaml.error import YAMLError
from typing_extensions import TypeVar

from recsat.config.faults import at, child, dotted, faults, is_model, sentence, suggestion, variants
from recsat.config.files import read_config_file, read_yaml, yaml_fault
from recsat.config.home import absolute_home
from recsat.config.secrets import masked
from recsat.config.settings import RunConfig
from recsat.errors import ConfigError, closest

logger = logging.getLogger(__name__)
Model = TypeVar("Model", bound=BaseModel)
PREFIX = "RECSAT_"
NOT_SETTINGS = frozenset(
    {
        "RECSAT_API_KEY",
        "RECSAT_ATTACKS",
        "RECSAT_DATA",
        "RECSAT_REFERENCE",
        "RECSAT_REPORTS_URL",
        "RECSAT_REWRITE_DOCS",
        "RECSAT_SERVE",
    }
)
"""Variables that are no settings: a service's key, what ``recsat up`` and ``recsat serve`` say to their processes, and what recsat's tests read."""
OF_OTHER_COMMANDS = frozenset({"finetune", "flows"})
"""Sections that a file or the environment may have for a command that reads more than a run: the others leave them alone."""

Config = TypeVar("Config", bound=RunConfig, default=RunConfig)


@dataclass(frozen=True)
class LoadedConfig(Generic[Config]):
    """The effective configuration and, for every dotted key that holds a value, the source of that value.

    Sources read ``default``, ``demo``, ``file runs.yaml``, ``environment RECSAT_RANK__K`` and ``--set``.
    """

    config: Config
    sources: Mapping[str, str]


class Setting(NamedTuple):
    """One value on its way into the configuration. ``origin`` is what a message calls its source."""

    path: tuple[str, ...]
    value: Any
    source: str
    origin: str


def load_config(
    file: Path | None = None,
    env: Mapping[str, str] | None = None,
    overrides: Sequence[str] = (),
    base: Mapping[str, Any] | None = None,
    model: type[Config] = RunConfig,  # type: ignore[assignment]
) -> LoadedConfig[Config]:
    """Defaults, then ``base`` (a domain's demo settings), the file, ``RECSAT_*`` of ``env``, ``a.b=c`` of ``overrides``.

    ``RECSAT_RANK__K=20`` sets ``rank.k``; values of the environment and of overrides are read as YAML. An empty variable
    counts as not set. ``model`` is what is read: a run's settings, or a command's with sections of its own. Raises
    :class:`ConfigError` that names every faulty setting with its source.
    """
    settings = _walked(base or {}, "demo", "demo settings", model)
    if file is not None:
        settings += _walked(read_config_file(file), f"file {file}", f"file {file}", model)
    settings += _environment(env or {}, model)
    elsewhere = OF_OTHER_COMMANDS.difference(model.model_fields)
    settings = [setting for setting in settings if setting.path[0] not in elsewhere]
    settings += [setting for text in overrides for setting in _override(text, model)]

    tree: dict[str, Any] = {}
    in_force: dict[tuple[str, ...], Setting] = {}
    for setting in settings:
        _put(tree, setting.path, setting.value)
        in_force = {path: known for path, known in in_force.items() if not _overlap(path, setting.path)}
        in_force[setting.path] = setting
    try:
        config = model.model_validate(tree)
    except ValidationError as error:
        messages = []
        for path, fault in faults(error, model):
            setting_at_fault = next((known for known in in_force.values() if _overlap(known.path, path)), None)
            by_variable = setting_at_fault is not None and setting_at_fault.source.startswith("environment")
            message = sentence(fault, path, model, spell=variable if by_variable else repr)
            messages.append(f"{setting_at_fault.origin}: {message}" if setting_at_fault else message)
        raise _config_error(messages) from error
    if config.home is not None:
        config = config.model_copy(update={"home": str(absolute_home(config.home))})
    sources = {key: _source(tuple(key.split(".")), in_force) for key, _ in values(config)}
    return LoadedConfig(config, sources)


def check_domain_config(config: RunConfig, model: type[Model], sources: Mapping[str, str] | None = None) -> Model:
    """The run's ``domain_config`` as the domain's own ``model``; raises :class:`ConfigError` as :func:`load_config` does.

    ``sources`` are those of :class:`LoadedConfig`; without them messages name the key alone.
    """
    try:
        return model.model_validate(config.domain_config)
    except ValidationError as error:
        messages = []
        for path, fault in faults(error, model):
            key = dotted(("domain_config", *path))
            fault_sources = [source for known, source in (sources or {}).items() if f"{key}.".startswith(f"{known}.")]
            message = sentence(fault, path, model, under=("domain_config",))
            messages.append(f"{fault_sources[0]}: {message}" if fault_sources else message)
        raise _config_error(messages) from error


def values(config: RunConfig) -> Iterator[tuple[str, Any]]:
    """Every dotted key that holds a value, with the value; lists are values."""
    for path, value in _walk(config.model_dump(mode="json"), type(config), (), ""):
        yield dotted(path), value


def variable(key: str) -> str:
    """The environment variable of a dotted key: ``RECSAT_RANK__K`` of ``rank.k``."""
    return PREFIX + key.replace(".", "__").upper()


def _environment(env: Mapping[str, str], model: type[RunConfig]) -> list[Setting]:
    settings = []
    for name in sorted(env):
        if name.startswith(PREFIX) and name not in NOT_SETTINGS and env[name]:
            path = tuple(name.removeprefix(PREFIX).lower().split("__"))
            if _is_of_others(path, model):
                logger.warning("environment %s is no setting, and left alone.", name)
                continue
            source = f"environment {name}"
            settings += _walked(_nested(path, _scalar(env[name], path, source, model)), source, source, model)
    return settings


def _is_of_others(path: tuple[str, ...], model: type[RunConfig]) -> bool:
    """Whether a variable is neither a setting nor like one: a team may have variables of its own that begin as these do."""
    sections = {*model.model_fields, *OF_OTHER_COMMANDS}
    is_near = closest(path[0], sections) or (len(path) == 1 and suggestion(path[0], model))
    return path[0] not in sections and not is_near


def _override(text: str, model: type[RunConfig]) -> list[Setting]:
    key, equals, value = text.partition("=")
    path = tuple(part.strip() for part in key.split("."))
    if not equals or not all(path):
        raise ConfigError(f"--set {masked('', text)}: write key=value, such as --set rank.k=20.")
    origin = f"--set {key}={masked(key, value)}"
    return _walked(_nested(path, _scalar(value, path, origin, model)), "--set", origin, model)


def _scalar(text: str, path: tuple[str, ...], origin: str, model: type[RunConfig]) -> Any:
    """A value read as YAML; as it stands where the setting is a text, so that a revision 1234 stays one."""
    is_text = str in variants(at(model, path))
    try:
        value = read_yaml(text)
    except YAMLError as error:
        if is_text:
            return text
        raise ConfigError(f"{origin}: the value is not valid YAML: {yaml_fault(error)}. Put it in quotes.") from error
    return text if is_text and value is not None and not isinstance(value, str) else value


def _nested(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    for key in reversed(path):
        value = {key: value}
    return dict(value)


def _walked(values: Mapping[str, Any], source: str, origin: str, model: type[RunConfig]) -> list[Setting]:
    return [Setting(path, value, source, origin) for path, value in _walk(values, model, (), origin)]


def _walk(value: Any, kind: Any, path: tuple[str, ...], origin: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The values under ``value`` with their paths: sections are entered, lists are values."""
    free = kind is JsonValue and isinstance(value, Mapping)
    section = any(is_model(known) or get_origin(known) is dict for known in variants(kind))
    if section and value is None:  # `rank:` with every line under it commented out
        return
    if section and not isinstance(value, Mapping):
        raise ConfigError(
            f"{origin}: {dotted(path)} must be a section of key: value, but is {masked(dotted(path), repr(value))}."
        )
    if (section or free) and value:
        for key, inner in value.items():
            yield from _walk(inner, kind if free else child(kind, str(key)), (*path, str(key)), origin)
    elif path:
        yield path, _plain(value, path, origin)


def _plain(value: Any, path: tuple[str, ...], origin: str) -> Any:
    """The value as JSON has it. TOML brings dates and, as a long exponent does, numbers without end."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner, (*path, str(key)), origin) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner, path, origin) for inner in value]
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{origin}: {dotted(path)} must be a finite number, but is {value}.")
    return value


def _put(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        if not isinstance(tree.get(key), dict):
            tree[key] = {}
        tree = tree[key]
    tree[path[-1]] = value


def _overlap(a: Sequence[str | int], b: Sequence[str | int]) -> bool:
    """Whether one path leads to the other's value or into it."""
    shorter = min(len(a), len(b))
    return tuple(a[:shorter]) == tuple(b[:shorter])


def _source(path: tuple[str, ...], in_force: Mapping[tuple[str, ...], Setting]) -> str:
    return next((setting.source for known, setting in in_force.items() if _overlap(known, path)), "default")


def _config_error(messages: Sequence[str]) -> ConfigError:
    if len(messages) == 1:
        return ConfigError(messages[0])
    return ConfigError(f"{len(messages)} settings are wrong:\n" + "\n".join(f"  - {message}" for message in messages))
