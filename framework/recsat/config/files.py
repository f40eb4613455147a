"""Reads configuration files: YAML 1.2 and TOML, as plain mappings."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import Node

from recsat.errors import ConfigError


class _Constructor(SafeConstructor):
    """Values as JSON has them: a date stays the text that it is. A repeated key is named."""

    def check_mapping_key(self, node: Node, key_node: Node, mapping: Any, key: Any, value: Any) -> bool:
        if key in mapping:
            raise ConstructorError(problem=f"{key!r} comes twice", problem_mark=key_node.start_mark)
        return True


for _kind in ("timestamp", "value"):
    _Constructor.add_constructor(f"tag:yaml.org,2002:{_kind}", SafeConstructor.construct_yaml_str)


MOST_VALUES: Final = 100_000
DEEPEST: Final = 50
"""Of a file's values: beyond, an alias of itself or aliases of aliases may be meant to fill the memory."""


def read_yaml(text: str) -> Any:
    """The value of a YAML document; raises :class:`ruamel.yaml.error.YAMLError`."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _Constructor
    try:
        value = yaml.load(text)
    except RecursionError as error:
        raise YAMLError(f"values lie deeper than {DEEPEST} within each other") from error
    except ValueError as error:  # a whole number of thousands of digits, a date of no calendar
        raise YAMLError(str(error).partition(";")[0]) from error
    fault = _excess(value)
    if fault:
        raise YAMLError(fault)
    return value


def _excess(value: Any) -> str:
    """What is too much of a document's values, each alias counted as what it stands for; empty for others."""
    level, n = [value], 0
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for one in level:
            inner += one.values() if isinstance(one, Mapping) else one if isinstance(one, list) else ()
            if n + len(inner) > MOST_VALUES:
                return f"there are more than {MOST_VALUES:,} values, aliases counted"
        level, n = inner, n + len(inner)
        if not level:
            return ""
    return f"values lie deeper than {DEEPEST} within each other"


def read_config_file(path: Path) -> Mapping[str, Any]:
    """The mapping in a ``.yaml``, ``.yml`` or ``.toml`` file; an empty file is an empty mapping.

    Raises :class:`ConfigError` that names the file and, for a fault of syntax, the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(
            f"Configuration file {path} does not exist (looked in {Path.cwd()}). Check the path."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"Configuration file {path} cannot be read: {error}. Give a readable UTF-8 file.") from error
    try:
        match path.suffix.lower():
            case ".yaml" | ".yml":
                value = read_yaml(text)
            case ".toml":
                value = _read_toml(text)
            case _:
                raise ConfigError(f"Configuration file {path} has no known ending. Name it .yaml, .yml or .toml.")
    except YAMLError as error:
        raise ConfigError(f"Configuration file {path} is not valid YAML: {yaml_fault(error)}.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"Configuration file {path} is not valid TOML: {error}.") from error
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError(f"Configuration file {path} holds {value!r}. Write settings as key: value, one a line.")
    return value


def _read_toml(text: str) -> Any:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except (RecursionError, ValueError) as error:
        raise tomllib.TOMLDecodeError(str(error).partition(";")[0]) from error


def yaml_fault(error: YAMLError) -> str:
    """What is wrong and where, on one line."""
    if not isinstance(error, MarkedYAMLError):
        return " ".join(str(error).split())
    problem = error.problem or error.context or "it cannot be read"
    mark = error.problem_mark or error.context_mark
    return problem if mark is None else f"{problem} (line {mark.line + 1}, column {mark.column + 1})"
