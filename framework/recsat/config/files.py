"""Reads configuration files: YAML and TOML, as plain mappings.

YAML is read by PyYAML's safe loader with the scalars of YAML 1.2's core schema. PyYAML's own are those of YAML 1.1, where
a region ``NO`` is false, a time ``12:30`` the number 750, ``1e-3`` a text and a date an object that no JSON has.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml

from recsat.errors import ConfigError


class CoreLoader(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2, and without repeated keys."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - the name and kind that PyYAML looks for

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} comes twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_SCALARS = {
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    "float": (r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "merge": (r"<<", "<"),
}
for _kind, (_pattern, _first) in _SCALARS.items():
    CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(rf"^(?:{_pattern})$"), list(_first))


def _integer(loader: CoreLoader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    # PyYAML reads 010 as eight, and YAML 1.2 as ten.
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


def _float(loader: CoreLoader, node: yaml.ScalarNode) -> float:
    return float(loader.construct_scalar(node))


CoreLoader.add_constructor("tag:yaml.org,2002:int", _integer)
CoreLoader.add_constructor("tag:yaml.org,2002:float", _float)


def read_yaml(text: str) -> Any:
    """The value of a YAML document; raises :class:`yaml.YAMLError`."""
    return yaml.load(text, CoreLoader)  # noqa: S506 - CoreLoader is a SafeLoader


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
                value = tomllib.loads(text)
            case _:
                raise ConfigError(f"Configuration file {path} has no known ending. Name it .yaml, .yml or .toml.")
    except yaml.YAMLError as error:
        raise ConfigError(f"Configuration file {path} is not valid YAML: {yaml_fault(error)}.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"Configuration file {path} is not valid TOML: {error}.") from error
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError(f"Configuration file {path} holds {value!r}. Write settings as key: value, one a line.")
    return value


def yaml_fault(error: yaml.YAMLError) -> str:
    """What is wrong and where, on one line."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return " ".join(str(error).split())
    problem = error.problem or error.context or "it cannot be read"
    mark = error.problem_mark or error.context_mark
    return problem if mark is None else f"{problem} (line {mark.line + 1}, column {mark.column + 1})"
